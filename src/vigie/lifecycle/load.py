"""Reads project files: Python that defines scores."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

from vigie.definition.score import Score, replace_score
from vigie.errors import DefinitionError, SettingsError, VigieError


def load_scores(files: tuple[Path, ...]) -> dict[str, Score]:
    """Every score that the files define at top level, by name, in order.

    Scores made in a loop are found in a list, tuple or dictionary at top level.

    A score without a description takes the docstring of its file.

    Raises:
        SettingsError: A file does not exist.
        DefinitionError: A file cannot be run, defines no score, or two scores have one name. Says file and line.
    """
    scores: dict[str, Score] = {}
    for file in files:
        for name, score in _load(file).items():
            if name in scores:
                raise DefinitionError(f"two scores are called '{name}'", where=str(file), remedy="rename one")
            scores[name] = score
    return scores


def _load(file: Path) -> dict[str, Score]:
    if not file.is_file():
        raise SettingsError(
            f"no project file {file.name}", where=str(file), remedy="correct files = [...] in vigie.toml"
        )
    module_name = f"vigie_project_{file.stem}"
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{file.name} is not a Python file", where=str(file))
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except DefinitionError as error:
        place = (
            error.where if error.where and str(file) in error.where else f"{_place(file, error)} {error.where}".strip()
        )
        raise DefinitionError(error.what, where=place, remedy=error.remedy) from error
    except VigieError:
        raise
    except Exception as error:
        raise DefinitionError(f"{type(error).__name__}: {error}", where=_place(file, error)) from error
    found: dict[str, Score] = {}
    for value in _scores(vars(module).values()):
        if value.name not in found:
            described = value if value.description else replace_score(value, description=module.__doc__ or "")
            found[value.name] = described
        elif value != found[value.name]:
            raise DefinitionError(f"two scores are called '{value.name}'", where=str(file), remedy="rename one")
    if not found:
        raise DefinitionError("no score is defined", where=str(file), remedy="assign one: churn = Score('churn', ...)")
    return found


def _scores(values: Iterable[object]) -> Iterator[Score]:
    """The scores among *values* and in the lists, tuples and dictionaries among them."""
    for value in values:
        if isinstance(value, Score):
            yield value
        elif isinstance(value, list | tuple | dict):
            inside = value.values() if isinstance(value, dict) else value
            yield from (one for one in inside if isinstance(one, Score))


def _place(file: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f"{file}:{error.lineno}"
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return f"{file}:{lines[-1]}" if lines else str(file)
