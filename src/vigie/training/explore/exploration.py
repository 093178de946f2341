"""Looks at everything, once: what the page and the notebooks draw from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from vigie.definition.kind import Kind
from vigie.features.values import Columns
from vigie.findings import Finding
from vigie.training.checks.leakage import leakage
from vigie.training.explore.association import Associations, alike, associate
from vigie.training.explore.column import Column, look
from vigie.training.explore.drift import Periods, periods_of
from vigie.training.explore.gaps import Gaps, gaps_of
from vigie.training.explore.repeats import Repeats, repeats_of
from vigie.training.explore.view import View

Progress = Callable[[str, float], None]
"""Called with what is being done and the share, 0 … 1, of the work that is behind."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """What was found in a view.

    Attributes:
        view: The rows.
        columns: Every column, the one that says most about the outcome first.
        associations: Of all pairs of columns.
        gaps: Missing values.
        repeats: Rows and customers that repeat.
        periods: Time in parts; ``None`` without time.
        findings: Signs of leakage.
    """

    view: View
    columns: tuple[Column, ...]
    associations: Associations
    gaps: Gaps
    repeats: Repeats
    periods: Periods | None
    findings: tuple[Finding, ...]

    def __getitem__(self, name: str) -> Column:
        """The column *name*."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def place(self) -> dict[str, int]:
        """Place of each column, 1 for the one that says most about the outcome."""
        return {column.name: number for number, column in enumerate(self.columns, 1)}

    @property
    def rate(self) -> float:
        """Share of the rows whose outcome is true, 0 … 1; NaN of no rows."""
        return float(self.view.labels.mean()) if len(self.view) else float("nan")

    @cached_property
    def alike(self) -> list[tuple[str, list[str]]]:
        """Columns to keep and, for each, those that carry the same: the one that says most about the outcome is kept."""
        telling = {column.name: column.auc if column.auc == column.auc else 0.5 for column in self.columns}
        return alike(self.associations, telling)


def explore(view: View, *, seed: int = 0, progress: Progress | None = None) -> Exploration:
    """Look at every column of *view*, at pairs of columns, at gaps, repeats and time.

    Args:
        view: Rows; see :meth:`View.sampled` for many.
        seed: Of what is drawn at random. Same rows, same seed: same exploration.
        progress: Told about the work.
    """
    tell = progress or _silent
    periods = periods_of(view.moments) if view.moments is not None and len(view) else None
    columns = []
    for number, (name, values) in enumerate(view.columns.items()):
        tell(name, 0.7 * number / max(len(view.columns), 1))
        described = view.descriptions.get(name, "")
        columns.append(look(name, values, view.labels, description=described, periods=periods, seed=seed))
    columns.sort(key=lambda column: (-(column.auc if column.auc == column.auc else 0.0), column.name))
    tell("pairs of columns", 0.7)
    groupings = {column.name: column.grouping for column in columns if column.grouping is not None}
    usable = {name: values for name, values in view.columns.items() if values.kind is not Kind.TEXT}
    associations = associate(usable, groupings)
    tell("missing values", 0.85)
    gaps = gaps_of(view.columns, view.labels)
    identifiers = {column.name for column in columns if column.identifier}
    repeats = repeats_of(view, but=identifiers)
    tell("leakage", 0.9)
    findings = _leakage(view, usable, seed)
    tell("done", 1.0)
    return Exploration(view, tuple(columns), associations, gaps, repeats, periods, tuple(findings))


def _leakage(view: View, usable: Columns, seed: int) -> list[Finding]:
    """Signs of leakage, under the names that columns have here."""
    if not 0 < int(view.labels.sum()) < len(view):
        return []
    read = {name: definition for name, definition in view.definitions.items() if name in usable}
    called = {definition.name: name for name, definition in read.items()}
    columns = {definition.name: usable[name] for name, definition in read.items()}
    found = leakage(columns, list(read.values()), view.labels, seed=seed)
    return [replace(f, where=", ".join(called.get(part, part) for part in f.where.split(", "))) for f in found]


def _silent(stage: str, share: float) -> None:  # noqa: ARG001 - a Progress that tells nobody
    return None
