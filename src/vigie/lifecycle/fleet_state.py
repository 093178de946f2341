"""What became of each score of a fleet, last time: a small file a score, so that the next run knows what it may leave out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from vigie._version import __version__
from vigie.clock import iso

if TYPE_CHECKING:
    from vigie.definition import Score
    from vigie.lifecycle.project import Project
    from vigie.training import TrainOptions

State = Literal["trained", "kept", "blocked", "unchanged", "scored", "sound", "unsound", "failed"]
"""``trained``: its new version is champion. ``kept``: the champion stays, for the new version is worse on the newest rows.
``blocked``: registered, but a finding of severity error keeps it from becoming champion. ``unchanged``: left out, because
nothing changed since. ``scored``: its population was. ``sound``, ``unsound``: checked. ``failed``: with the reason."""

TABLE = "fleet_runs"
"""Table of the lake with one row a score and run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one score.

    Attributes:
        score: Its name.
        state: See :data:`State`.
        words: Why, in a sentence; empty where there is nothing to say.
        key: Of what it was made from: definition, versions of the data, options, version of Vigie.
        as_of: ISO moment of the run.
        version: In the registry; 0: none.
        winner: Name of the candidate.
        auc: On the test rows; ``None``: not defined.
        value: Money for one customer on the test rows, in ``currency``.
        currency: ISO 4217 code.
        rows: Rows learned from and tested on, or customers scored.
        segments: Segments with a model of their own.
        acted: Customers acted on, where it was scored.
        bundle: Hash of the bundle.
        findings: Codes of what the checks had to say.
        folder: Where report, summary and bundle are; empty: none.
        seconds: Spent on it.
    """

    score: str
    state: State
    words: str = ""
    key: str = ""
    as_of: str = ""
    version: int = 0
    winner: str = ""
    auc: float | None = None
    value: float | None = None
    currency: str = ""
    rows: int = 0
    segments: int = 0
    acted: int = 0
    bundle: str = ""
    findings: tuple[str, ...] = ()
    folder: str = ""
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether another run on the same would change nothing."""
        return self.state in ("trained", "kept", "blocked", "unchanged")


def key_of(score: Score, versions: Mapping[str, int], options: TrainOptions) -> str:
    """16 hex digits that change exactly when a training of *score* may come out differently.

    Args:
        score: As the project file says.
        versions: Newest version of every source in the lake; -1 where it has none.
        options: Of the training. How many processes and threads do it changes nothing.
    """
    chosen = {
        name: value for name, value in asdict(options).items() if name not in ("workers", "threads", "code_version")
    }
    data = {name: versions[name] for name in sorted(score.sources)}
    text = json.dumps([score.fingerprint, data, chosen, __version__], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class FleetState:
    """The last outcome of each score.

    Args:
        folder: Of the state files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, score: str) -> Outcome | None:
        """The last outcome of a training; ``None`` where there is none that can be read."""
        try:
            return msgspec.json.decode((self.folder / f"{score}.json").read_bytes(), type=Outcome)
        except (OSError, msgspec.MsgspecError):
            return None

    def keep(self, outcome: Outcome) -> None:
        """Remember *outcome* as the last one of its score; whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{outcome.score}.partial"
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=2))
        partial.replace(self.folder / f"{outcome.score}.json")


def write_run(project: Project, command: str, outcomes: Sequence[Outcome], seconds: float, workers: int) -> Path:
    """Keeps a run as JSON below the reports and as rows of the lake's table ``fleet_runs``; returns the JSON file."""
    import polars as pl

    now = project.clock.now()
    folder = project.reports_folder / "_fleet"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [{field.name: getattr(one, field.name) for field in fields(one)} for one in outcomes]
    digest = hashlib.sha256(json.dumps([command, iso(now), rows], default=str).encode()).hexdigest()
    file = folder / f"{iso(now).replace(':', '')}-{command}-{digest[:8]}.json"
    summary = {
        "command": command,
        "as_of": iso(now),
        "seconds": round(seconds, 1),
        "workers": workers,
        "states": counted(outcomes),
        "scores": rows,
    }
    file.write_text(json.dumps(summary, indent=2) + "\n", "utf-8")
    if rows:
        frame = pl.DataFrame(
            [{**row, "findings": ", ".join(row["findings"]), "command": command, "run": file.stem} for row in rows],
            schema_overrides={"auc": pl.Float64, "value": pl.Float64, "rows": pl.Int64, "version": pl.Int64},
        )
        project.lake.append(TABLE, frame, metadata={"run": file.stem}, moment=now)
    return file


def counted(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Number of scores in each state, the most frequent first."""
    counts: dict[str, int] = {}
    for one in outcomes:
        counts[one.state] = counts.get(one.state, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
