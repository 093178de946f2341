"""``vigie features verify``: does production compute what the batch computes?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, ScoreName, open_project
from vigie.clock import iso, parse_moment
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from vigie.lifecycle.verify import Difference, FeatureParity, Parity

SHOWN = 40
"""Features in the table at most; beyond that only those that are not equal everywhere."""


def verify(
    score: ScoreName = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only predictions from this date or time on (ISO 8601, UTC).", show_default=False),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Only so many predictions, the same ones every time.", show_default="all"),
    ] = None,
    grace: Annotated[
        float,
        typer.Option(
            "--grace", min=0, help="Seconds before an answer in which a row may not have reached the server yet."
        ),
    ] = 30.0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write everything found to this JSON file.", show_default="in the reports folder"
        ),
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Replay the predictions asked for by id through the batch and compare every value, exactly.

    Ends with exit code 1 where a value differs and no late arrival explains it.
    """
    from vigie.lifecycle.verify import verify as replay

    opened = open_project(project, environment, as_of)
    chosen = opened.score(score)
    with screen.stage(f"Verify {chosen.name}") as progress:
        found = replay(opened, chosen, since=_moment(since), sample=sample, grace=round(grace * 1e6), progress=progress)
    stamp = iso(opened.clock.now()).replace(":", "")
    path = output or opened.reports_folder / chosen.name / f"parity-{stamp}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report(found), indent=2, ensure_ascii=False) + "\n", "utf-8")
    _show(found, path)
    if not found.exact:
        raise typer.Exit(1)


def _moment(since: str | None) -> int | None:
    try:
        return None if since is None else parse_moment(since)
    except ValueError as error:
        raise SettingsError(f"--since {since!r} is not a date", remedy="write it as 2026-01-31") from error


def report(found: Parity) -> dict[str, Any]:
    """Everything that was found, as plain data."""
    return {
        "score": found.score,
        "versions": dict(sorted(found.versions.items())),
        "predictions": found.predictions,
        "values_sent_by_the_caller": found.sent,
        "compared": found.compared,
        "exact": found.exact,
        "waiting_for_the_lake": list(found.waiting),
        "skipped": [{"bundle": b, "predictions": n, "why": why} for b, (n, why) in found.skipped.items()],
        "features": [_feature(feature) for feature in found.features],
        "differences": [_difference(difference) for difference in found.differences],
    }


def _feature(feature: FeatureParity) -> dict[str, Any]:
    return {
        "name": feature.name,
        "fingerprint": feature.fingerprint,
        "compared": feature.compared,
        "equal": feature.equal,
        "late": feature.late,
        "different": feature.different,
        "first": _difference(feature.first) if feature.first is not None else None,
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "feature": one.feature,
        "prediction": one.prediction,
        "customer": one.customer,
        "as_of": iso(one.as_of),
        "at": iso(one.at),
        "served": one.served,
        "computed": one.computed if one.computed == one.computed else None,
        "late": one.late,
        "rows": [
            {"source": c.source, "id": c.id, "time": c.time, "received": c.received, "how": c.how, "row": c.row,
             "before": c.before}
            for c in one.culprits
        ],
    }  # fmt: skip


def _show(found: Parity, path: Path) -> None:
    screen.say(
        f"{found.compared:,} predictions computed again"
        + (f"; {found.sent:,} more had their values sent by the caller" if found.sent else "")
    )
    if found.waiting:
        screen.say(
            f"[yellow]received events of {escape(', '.join(found.waiting))} are not in the lake yet[/]: what reads them "
            "differs until they are; a running server takes them there within seconds"
        )
    for bundle, (count, why) in found.skipped.items():
        screen.say(f"[yellow]{count:,} of bundle {bundle[:12]} were not compared[/]: {escape(why)}")
    rows = found.features
    if len(rows) > SHOWN:
        rows = [feature for feature in rows if feature.equal < feature.compared]
        screen.say(f"{len(found.features) - len(rows):,} features are equal everywhere")
    if rows:
        screen.table(
            [("feature", "left"), ("compared", "right"), ("equal", "right"), ("late", "right"), ("different", "right")],
            [
                [f.name, f"{f.compared:,}", _share(f), f"{f.late:,}" if f.late else "–", f"{f.different:,}" if f.different else "–"]
                for f in rows
            ],
        )  # fmt: skip
    for feature in found.features:
        if feature.first is not None:
            _show_first(feature.first)
    if found.compared and found.exact:
        values = sum(f.compared for f in found.features)
        late = sum(f.late for f in found.features)
        said = f"every one of {values:,} values is exactly the batch's"
        screen.say(f"[green]{said}[/]" + (f", but for {late:,} that rows explain which came later" if late else ""))
    screen.say(f"everything  {escape(str(path))}", wrap=False)


def _share(feature: FeatureParity) -> str:
    if feature.equal == feature.compared:
        return "100 %"
    return f"{percent(feature.equal / feature.compared)} %"


def percent(share: float) -> str:
    """A share below 1 in percent, never rounded up to 100.

    >>> percent(0.99999)
    '99.99'
    """
    return f"{int(share * 10_000) / 100:.2f}"


def _show_first(one: Difference) -> None:
    word, colour = ("late", "yellow") if one.late else ("different", "red")
    screen.say(
        f"[{colour}]{word}[/] [bold]{escape(one.feature)}[/] of {escape(one.customer)} at {iso(one.as_of)}: "
        f"served {escape(repr(one.served))}, batch {escape(repr(one.computed))}"
    )
    for culprit in one.culprits[:5]:
        screen.say(f"  [dim]→ {escape(culprit.words())}[/]")
    if len(one.culprits) > 5:
        screen.say(f"  [dim]… and {len(one.culprits) - 5} more rows[/]")
    if not one.culprits:
        screen.say("  [dim]→ no single row of the lake explains it[/]")
