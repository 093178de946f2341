"""The steps of a project, as pieces of work that run by themselves: for the scheduler and for exports to orchestrators.

A piece is one command of ``vigie``: killed at any moment and run again, it goes on where it was, or finds that nothing is left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vigie.clock import iso
from vigie.errors import SettingsError, did_you_mean
from vigie.settings_keys import STEPS

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

AFTER = {
    "ingest": (),
    "ship": (),
    "score": ("ingest",),
    "watch": ("ingest", "ship", "score"),
    "retrain": ("ingest", "ship", "watch"),
}
"""Steps that one waits for, where they are due at the same moment or before and have not ended."""
PER_SCORE = ("score", "retrain")
"""Steps with a run of its own for each score: one that fails stops no other."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one run does.

    Attributes:
        step: One of :data:`vigie.settings_keys.STEPS`.
        score: Name of the score; empty for what concerns all of them.
    """

    step: str
    score: str = ""

    @property
    def name(self) -> str:
        """``score churn``, or ``ingest``."""
        return f"{self.step} {self.score}" if self.score else self.step

    def command(self, as_of: int | None = None) -> list[str]:
        """The arguments of ``vigie``, without those that say which project.

        Args:
            as_of: The moment that it is to act as of, µs UTC; ``None``: now. ``ship`` knows no other moment.
        """
        words = {
            "ingest": ["ingest"],
            "ship": ["journal", "ship"],
            "score": ["score", self.score, "--once"],  # a try may have written the rows before it was killed
            "watch": ["watch"],
            "retrain": ["retrain", self.score, "--no-ingest", "--wait", "--by", "schedule"],
        }[self.step]
        return words if as_of is None or self.step == "ship" else [*words, "--as-of", iso(as_of)]

    def place(self, root: str, environment: str) -> list[str]:
        """The arguments that say which project and environment."""
        return ["--project", root, *(["--env", environment] if environment else [])]


def pieces_of(project: Project, step: str) -> tuple[Piece, ...]:
    """What *step* consists of in a project.

    Raises:
        SettingsError: There is no such step.
    """
    if step not in STEPS:
        raise SettingsError(f"no step is called '{step}'", remedy=did_you_mean(step, STEPS))
    return pieces(step, list(project.scores))


def pieces(step: str, scores: Sequence[str]) -> tuple[Piece, ...]:
    """What *step* consists of where these are the scores."""
    return tuple(Piece(step, score) for score in scores) if step in PER_SCORE else (Piece(step),)
