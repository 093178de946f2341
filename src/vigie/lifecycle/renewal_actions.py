"""Who was acted on, as the records say: what training and the gate leave out, and whom they let stand for it.

Requests are on record in the journal and the lake's ``_predictions``, batches in ``scores_…``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vigie.definition import Campaign
from vigie.errors import DataError
from vigie.features.untouched import Assignments, untouched
from vigie.lifecycle.batch_record import PREFIX
from vigie.lifecycle.recorded import in_segment, not_in_lake
from vigie.lifecycle.rollout import holdout_of
from vigie.lifecycle.ship import TABLE

if TYPE_CHECKING:
    import polars as pl

    from vigie.definition import Score
    from vigie.features.training_set import TrainingSet
    from vigie.lifecycle.project import Project

T = TypeVar("T", bound="TrainingSet")

_COLUMNS = ("customer", "as_of", "decision", "gain", "threshold", "arm", "assignment_probability", "rollout")


def without_actions(project: Project, training_set: T) -> T:
    """The rows of *training_set* whose outcome nobody has changed (:mod:`vigie.features.untouched`).

    Only a campaign is corrected: its cost matrix asks what becomes of a customer who is left alone. A lead's asks what
    becomes of one who is called, a loan's of one who is granted; there the decision does not change the outcome that is asked
    for, it hides it, and no hold-out would show it.

    Args:
        project: Where records are, and ``[rollout] holdout``.
        training_set: As it was built.

    Raises:
        SettingsError: The hold-out is no share.
        DataError: The lake cannot be read.
        JournalError: A line of the journal is no prediction.
    """
    if not isinstance(training_set.score.decision, Campaign) or not len(training_set):
        return training_set
    found = assignments(project, training_set.score, training_set.as_of)
    return untouched(training_set, found) if len(found) else training_set


def assignments(project: Project, score: Score, as_of: int) -> Assignments:
    """The decisions about customers that were made, and about moments, before *as_of*.

    Args:
        project: Where records are.
        score: Whose.
        as_of: µs.

    Raises:
        SettingsError: The hold-out is no share.
        DataError: The lake cannot be read.
        JournalError: A line of the journal is no prediction.
    """
    import polars as pl

    holdout = holdout_of(project)
    try:
        parts = [*_requests(project, score, as_of, holdout), *_batches(project, score, as_of)]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"what was decided cannot be read: {error}", where=f"lake tables of '{score.name}'") from error
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(_NAMES, pl.Boolean))
    numbered = {name: i for i, name in enumerate(sorted(set(rows["rollout"].to_list()) - {""}))} if len(rows) else {}
    return Assignments(
        customers=_keys(rows["customer"]),
        moments=rows["moment"].cast(pl.Int64).to_numpy(),
        acted=rows["acted"].to_numpy(),
        held=rows["held"].to_numpy(),
        would=rows["would"].to_numpy(),
        share=rows["share"].cast(pl.Float64).to_numpy(),
        challenger=rows["challenger"].to_numpy(),
        stays=rows["stays"].cast(pl.Float64).to_numpy(),
        rollout=np.array([numbered.get(one, -1) for one in rows["rollout"].to_list()], dtype=np.int64),
    )


_NAMES = ("customer", "moment", "acted", "held", "would", "share", "challenger", "stays", "rollout")


def _keys(customers: pl.Series) -> np.ndarray:
    """Keys as the lake has them: callers may have written 17.0 for 17."""
    from vigie.data.spool import key_text

    known = {one: key_text(one) for one in customers.unique().to_list()}
    return np.array([known[one] for one in customers.to_list()], dtype=object)


def _requests(project: Project, score: Score, as_of: int, holdout: float) -> list[pl.DataFrame]:
    import polars as pl

    table = project.lake.table(TABLE) if project.lake.has(TABLE) else None
    found = []
    if table is not None:
        moment = pl.lit(as_of).cast(pl.Datetime("us", "UTC"))
        rows = project.lake.scan(TABLE, version=int(table.version())).filter(
            pl.col("day") <= moment.dt.date(),
            pl.col("at") <= moment,
            pl.col("as_of") < moment,
            pl.col("score") == score.name,
            pl.col("customer").is_not_null(),
        )
        shipped = rows.with_columns(pl.col("as_of").cast(pl.Int64)).select(_COLUMNS)
        found.append(shipped.unique().collect(engine="streaming"))
    waiting = [
        tuple(getattr(one, name) for name in _COLUMNS)
        for path in not_in_lake(table, project.journal_folder)
        for one in in_segment(path, score.name, until=as_of)
        if one.customer is not None and one.as_of < as_of
    ]
    if waiting:
        kinds = [pl.String, pl.Int64, pl.String, pl.Float64, pl.Float64, pl.String, pl.Float64, pl.String]
        schema = dict(zip(_COLUMNS, kinds, strict=True))
        found.append(pl.DataFrame(waiting, schema=schema, orient="row").unique())
    return [_decided(rows, score.decision.act, holdout) for rows in found if len(rows)]


def _decided(rows: pl.DataFrame, act: str, holdout: float) -> pl.DataFrame:
    import polars as pl

    held = pl.col("arm") == "holdout"
    drawn = pl.col("arm").is_in(["challenger", "fallback"])
    share = pl.when(held).then(pl.col("assignment_probability")).otherwise(pl.lit(holdout))
    # Of a rollout's champion arm the probability is (1 − h)(1 − s).
    stays = (
        pl.when(held | drawn | (pl.col("rollout") == ""))
        .then(1.0)
        .otherwise((pl.col("assignment_probability") / (1.0 - holdout)).clip(1e-6, 1.0))
    )
    return rows.select(
        "customer",
        moment=pl.col("as_of"),
        acted=(pl.col("decision") == act) & ~held,
        held=held,
        would=(pl.col("gain") >= pl.col("threshold")).fill_null(False),
        share=share.cast(pl.Float64),
        challenger=drawn,
        stays=stays.cast(pl.Float64),
        rollout=pl.col("rollout"),
    )


def _batches(project: Project, score: Score, as_of: int) -> list[pl.DataFrame]:
    """Decisions of batch runs; who was held out is told by the hash of the key, as it was for the batch."""
    import polars as pl

    from vigie.lifecycle.watch_scored import held_out

    name = f"{PREFIX}{score.name}"
    if name in project.sources or not project.lake.has(name):
        return []
    runs = [
        str(one.metadata["run"]) for one in project.lake.versions(name) if "run" in one.metadata and one.moment <= as_of
    ]
    scanned = project.lake.scan(name)
    if not runs or "run" not in scanned.collect_schema():
        return []
    rows = (
        scanned.filter(pl.col("run").is_in(runs), pl.col("customer").is_not_null())
        .with_columns(pl.col("moment").cast(pl.Int64))
        .filter(pl.col("moment") < as_of)
        .select("customer", "moment", "decision", "gain", "run")
        .unique()
        .collect(engine="streaming")
    )
    if not len(rows):
        return []
    share, held = held_out(project, score.name, name, rows)
    act = pl.col("decision") == score.decision.act
    # A batch acts on the best within its capacity: held out, one of them would have had the gain of the last of these.
    line = pl.col("gain").filter(act).min().over("run")
    return [
        rows.select(
            "customer",
            "moment",
            acted=act.fill_null(False),
            held=held,
            would=(pl.col("gain") >= line).fill_null(False),
            share=share,
            challenger=pl.lit(value=False),
            stays=pl.lit(1.0),
            rollout=pl.lit(""),
        )
    ]
