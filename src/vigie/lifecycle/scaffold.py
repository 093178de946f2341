"""``vigie init``: looks at a table never seen before, proposes a project, and writes it.

proposal = inspect_table(Path("telco.csv"))
written = write_project(Path("."), proposal.answers)
"""

from __future__ import annotations

from pathlib import Path

from vigie.errors import SettingsError
from vigie.lifecycle.scaffold_answers import (
    DECISIONS,
    Answers,
    ColumnLook,
    DecisionName,
    EventAnswers,
    FileShape,
    Proposal,
    TableAnswers,
    python_name,
)
from vigie.lifecycle.scaffold_files import project_files
from vigie.lifecycle.scaffold_inspect import inspect_table

__all__ = [
    "DECISIONS",
    "Answers",
    "ColumnLook",
    "DecisionName",
    "EventAnswers",
    "FileShape",
    "Proposal",
    "TableAnswers",
    "inspect_table",
    "python_name",
    "write_project",
]

_EXECUTABLE = ("test.sh",)


def write_project(directory: Path, answers: Answers) -> list[Path]:
    """Write the files of a project.

    All or nothing: if one of them exists already, none is written.

    Args:
        directory: Folder of the project; made if it does not exist.
        answers: What a proposal or the user said.

    Returns:
        The files, the project file first.

    Raises:
        SettingsError: A file exists already, or cannot be written.
        DefinitionError: The answers do not make a project.
    """
    files = {directory / name: text for name, text in project_files(directory, answers).items()}
    there = [file.relative_to(directory).as_posix() for file in files if file.exists() or file.is_symlink()]
    if there:
        raise SettingsError(
            f"{', '.join(there)} exist{'s' if len(there) == 1 else ''} already and will not be overwritten",
            where=str(directory),
            remedy="choose an empty folder, or move what is there",
        )
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            if file.name in _EXECUTABLE:
                file.chmod(0o755)
    except OSError as error:
        raise SettingsError(f"the project cannot be written: {error}", where=str(directory)) from error
    return list(files)
