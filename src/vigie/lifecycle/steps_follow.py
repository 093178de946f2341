"""What ``vigie.toml`` and the project files say while a scheduler runs: they change, and it does not start anew for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vigie.settings import FILE

if TYPE_CHECKING:
    from pathlib import Path

    from vigie.lifecycle.project import Project


class Followed:
    """The files of *project*. What these import besides is not followed.

    Args:
        project: As it was opened just now.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._marks = self._look()

    def changed(self) -> Project | None:
        """The project as its files say now, by the same clock; ``None`` where they are as they were when this was asked last.

        Raises:
            SettingsError: ``vigie.toml`` cannot be meant. Raised once, until a file changes again.
            DefinitionError: A project file, likewise.
        """
        marks = self._look()
        if marks == self._marks:
            return None
        self._marks = marks
        before = self._project
        self._project = type(before).open(before.settings.root, before.settings.environment, before.clock)
        self._marks = self._look() if self._project.settings.files != before.settings.files else marks
        return self._project

    def _look(self) -> list[tuple[int, ...]]:
        settings = self._project.settings
        return [_mark(path) for path in (settings.root / FILE, *settings.files)]


def _mark(path: Path) -> tuple[int, ...]:
    """By which a change of a file is seen: it was written, or another one took its name."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino
