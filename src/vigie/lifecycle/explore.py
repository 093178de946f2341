"""Explores what a score would learn from, or a plain file, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from vigie.clock import Clock
from vigie.definition import Kind, Score, Table
from vigie.errors import DefinitionError, did_you_mean
from vigie.features.values import NULL_TIME, Values
from vigie.lifecycle.project import Project
from vigie.lifecycle.scaffold_inspect import positive_value
from vigie.lifecycle.scaffold_look import Look, look_at
from vigie.lifecycle.train import Progress, part
from vigie.lifecycle.training_rows import training_set_of
from vigie.training.explore import Exploration, View, explore, view_of, write_exploration
from vigie.training.options import TrainOptions
from vigie.wording import said

READ = 2_000_000
"""Rows of a plain file that are read at most; the first ones."""


@dataclass(frozen=True, eq=False)
class Explored:
    """What was found and where it is written.

    Attributes:
        found: The exploration.
        path: The HTML page.
    """

    found: Exploration
    path: Path


def explore_score(
    project: Project,
    score: Score,
    options: TrainOptions | None = None,
    *,
    all_rows: bool = False,
    output: Path | None = None,
    language: str = "en",
    progress: Progress | None = None,
) -> Explored:
    """Explore the rows that ``vigie train`` would learn from, features as of their moments.

    Args:
        project: Where the data are; its clock says what is known.
        score: What to explore.
        options: Of the training to come: its split and seed decide which rows are left out.
        all_rows: Look at the test rows too.
        output: The page; left out: ``explore.html`` in the score's reports folder.
        language: ``"en"`` or ``"fr"``.
        progress: Told about the work.

    Raises:
        ContractError: A source was not ingested yet.
        DefinitionError: The definition does not fit the contracts.
        TrainingError: The page cannot be written.
        SettingsError: The language is not known.
    """
    chosen = options or TrainOptions()
    rows = training_set_of(project, score, chosen, progress=part(progress, 0.0, 0.3), everybody=True)
    view = view_of(rows, chosen, all_rows=all_rows).sampled(seed=chosen.seed)
    path = output or project.reports_folder / score.name / "explore.html"
    return _written(view, path, project.clock, chosen.seed, language, part(progress, 0.3, 1.0))


def explore_file(
    file: Path,
    target: str,
    clock: Clock,
    *,
    positive: str | None = None,
    time: str | None = None,
    leave_out: tuple[str, ...] = (),
    output: Path | None = None,
    language: str = "en",
    seed: int = 0,
    progress: Progress | None = None,
) -> Explored:
    """Explore a plain file, one row a customer, without a project.

    Args:
        file: CSV, Parquet or JSON lines, compressed or not.
        target: Column of the outcome; it has two values, rows without one are left out.
        clock: Tells when the page is written.
        positive: The value that counts as true; left out: found out as ``vigie init`` does.
        time: Column with the moment of each row; left out: all rows are of one time.
        leave_out: Columns that are not looked at.
        output: The page; left out: beside the file, ``NAME-explore.html``.
        language: ``"en"`` or ``"fr"``.
        seed: Of what is drawn at random.
        progress: Told about the work.

    Raises:
        SourceError: The file does not exist, cannot be read or is empty.
        DefinitionError: A column does not exist, the target has not two values or not the one given, or the time is none.
        TrainingError: The page cannot be written.
        SettingsError: The language is not known.
    """
    look = look_at(file, READ)
    view = _view(look, file, target, positive, time, leave_out).sampled(seed=seed)
    path = output or file.with_name(f"{file.name.split('.')[0]}-explore.html")
    return _written(view, path, clock, seed, language, progress)


def _written(view: View, path: Path, clock: Clock, seed: int, language: str, progress: Progress | None) -> Explored:
    from vigie.report.language import translator

    translator(language)  # a language that is not known is told before any work is done
    found = explore(view, seed=seed, progress=part(progress, 0.0, 0.5))
    if progress is not None:
        progress("drawing", 0.5)
    return Explored(found, write_exploration(found, path, generated_at=clock.now(), language=language))


def _view(
    look: Look, file: Path, target: str, positive: str | None, time: str | None, leave_out: tuple[str, ...]
) -> View:
    names = look.frame.columns
    for given in (target, *([time] if time else []), *leave_out):
        if given not in names:
            raise DefinitionError(f"no column '{given}'", where=file.name, remedy=did_you_mean(given, names))
    labels, known = _labels(look, file, target, positive)
    columns = {name: _values(look, name) for name in names if name not in (target, *leave_out)}
    moments = None
    if time is not None:
        if look[time].kind is not Kind.TIME:
            raise DefinitionError(f"'{time}' is not a time but a {look[time].kind}", where=file.name)
        moments = columns.pop(time).data
        known &= moments != NULL_TIME
    rows = np.flatnonzero(known)
    how = [
        said(
            "All {rows:,} rows of the file were looked at. Whoever tests a model on some of them has seen the test: in a "
            "project, vigie explore looks at training rows only.",
            rows=len(rows),
        )
    ]
    if not look.complete:
        how.append(said("The file is longer: its first {rows:,} rows were read.", rows=look.frame.height))
    if len(rows) < look.frame.height:
        how.append(said("{rows:,} rows have no outcome or no time.", rows=look.frame.height - len(rows)))
    table = Table("rows", key="\0", known_at=time)
    view = View(
        name=file.name,
        columns=columns,
        labels=labels,
        moments=moments,
        definitions={name: table[name] for name in columns},
        total=len(rows),
        how=tuple(how),
    )
    return view.take(rows)


def _labels(look: Look, file: Path, target: str, positive: str | None) -> tuple[np.ndarray, np.ndarray]:
    """The outcome as 0 and 1, and where it is known."""
    if look[target].distinct != 2:
        raise DefinitionError(
            f"'{target}' has {look[target].distinct:,} different values; an outcome has two",
            where=file.name,
            remedy="name a column with two values, such as yes and no",
        )
    series = look.frame[target]
    text = series.cast(pl.String)
    if positive is None:
        yes = series == positive_value(look, target, {})
    else:
        # 1 and 1.0 are one value, whichever way a file writes it.
        values = text.drop_nulls().unique().sort().to_list()
        wanted = [value for value in values if value.lower() == positive.lower() or _number(value) == _number(positive)]
        if not wanted:
            raise DefinitionError(
                f"'{target}' is never '{positive}'", where=file.name, remedy=f"its values are {' and '.join(values)}"
            )
        yes = text == wanted[0]
    known = series.is_not_null().to_numpy()
    return yes.fill_null(value=False).to_numpy().astype(np.int8), known


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.lower()


def _values(look: Look, name: str) -> Values:
    if look[name].kind is not Kind.TIME:
        return look.values(name)
    moments = look.frame[name].cast(pl.Datetime("us")).cast(pl.Int64).fill_null(NULL_TIME)
    return Values(Kind.TIME, moments.to_numpy())
