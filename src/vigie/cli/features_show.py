"""``vigie features show``: everything about one feature."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, open_project
from vigie.cli.features_list import AsJson
from vigie.clock import DAY, iso

if TYPE_CHECKING:
    from vigie.lifecycle.catalogue import FeatureEntry, Freshness
    from vigie.lifecycle.project import Project

BAR = 24
"""Characters of the longest bar."""


def show(
    name: Annotated[str, typer.Argument(help="Name of the feature, or its fingerprint.")],
    as_json: AsJson = False,
    project: Folder = Path(),
    environment: Environment = None,
    as_of: AsOf = None,
) -> None:
    """Show what a feature means, reads and is worth, how fresh its sources are and how its values were distributed."""
    from vigie.lifecycle.catalogue import catalogue

    opened = open_project(project, environment, as_of)
    entry = catalogue(opened).entry(name)
    fresh = freshness_of(opened, entry)
    if as_json:
        data = entry.to_data()
        for source in data["sources"]:
            found = fresh[source["name"]]
            source["newest"] = None if found.newest is None else iso(found.newest)
            source["age_seconds"] = None if found.age is None else found.age // 1_000_000
            source["rows"], source["version"] = found.rows, found.version
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    screen.say(f"[bold]{escape(entry.name)}[/]  {entry.kind}, {entry.fingerprint}")
    screen.say(escape(entry.meaning))
    screen.say(f"window  {', '.join(entry.windows) or 'none: as known at the moment'}")
    screen.say(f"owner   {escape(entry.owner) or 'nobody was named'}")
    for source in entry.sources:
        columns = ", ".join(f"{column} ({kind})" for column, kind in source.columns.items())
        whose = f"by {source.key}, of what the customer belongs to" if source.related else f"by {source.key}"
        screen.say(f"reads   [bold]{escape(source.name)}[/] {escape(whose)}: {escape(columns) or 'how many there are'}")
        found = fresh[source.name]
        newest = "no row yet" if found.newest is None else f"newest {iso(found.newest)}, {age(found.age)}"
        screen.say(f"        [dim]{newest}; {found.rows:,} rows in {escape(source.location) or 'no location'}[/]")
    for use in entry.uses:
        worth = ""
        if use.importance is not None:
            change = -use.importance
            worth = (
                f": AUC {round(change, 4) + 0.0:+.4f} ± {use.spread or 0:.4f} without it, {use.rank} of {use.ranked}"
            )
        trained = f"version {use.champion} in use" if use.champion is not None else "in no champion"
        screen.say(f"score   [bold]{escape(use.score)}[/], {trained}{worth}")
    if entry.profile is not None:
        _distribution(entry.profile, entry.quantiles_at)


def freshness_of(project: Project, entry: FeatureEntry) -> dict[str, Freshness]:
    """How new each source of a feature is, by name."""
    from vigie.lifecycle.catalogue import freshness

    return {use.name: freshness(project, project.sources[use.name]) for use in entry.sources}


def age(microseconds: int | None) -> str:
    """An age in words.

    >>> age(3 * 86_400_000_000), age(90_000_000), age(-1)
    ('3 days old', '1 minute old', 'in the future')
    """
    if microseconds is None:
        return "of unknown age"
    if microseconds < 0:
        return "in the future"
    for size, word in ((DAY, "day"), (DAY // 24, "hour"), (60_000_000, "minute")):
        count = microseconds // size
        if count:
            return f"{count:,} {word}{'s' if count > 1 else ''} old"
    return "just now"


def _distribution(profile: Mapping[str, Any], at: tuple[float, ...]) -> None:
    screen.say(f"in training: {profile['missing']:.1%} missing")
    if "categories" in profile:
        counts = sorted(profile["categories"].items(), key=lambda pair: (-pair[1], pair[0]))[:8]
        total = sum(profile["categories"].values()) + profile.get("other", 0)
        for text, count in counts:
            bar = "█" * max(round(BAR * count / max(counts[0][1], 1)), 1)
            screen.say(f"  {escape(text[:24]):<24} [blue]{bar:<{BAR}}[/] {count / max(total, 1):.1%}")
        if profile["distinct"] > len(counts):
            screen.say(f"  [dim]and {profile['distinct'] - len(counts):,} more[/]")
        return
    quantiles = profile.get("quantiles") or []
    if not quantiles:
        return
    shown = _moment if profile.get("kind") == "time" else _number
    wanted = {0.0: "lowest", 0.05: "5 %", 0.25: "25 %", 0.5: "median", 0.75: "75 %", 0.95: "95 %", 1.0: "highest"}
    rows = [[wanted[share], shown(value)] for share, value in zip(at, quantiles, strict=False) if share in wanted]
    if profile.get("mean") is not None:
        rows.append(["mean", shown(profile["mean"])])
    screen.table([("", "left"), ("value", "right")], rows)


def _number(value: float) -> str:
    return f"{value:,.6g}"


def _moment(value: float) -> str:
    return iso(int(value) // 1_000_000 * 1_000_000)
