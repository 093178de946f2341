"""The predictions of cohorts, by the moment that they are about: of requests and of batches, each customer once a cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from vigie.clock import DAY
from vigie.errors import DataError
from vigie.lifecycle.batch_record import PREFIX
from vigie.lifecycle.decision_money import Money, recorded_columns
from vigie.lifecycle.model_in_use import score_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.recorded import in_segment, not_in_lake
from vigie.lifecycle.rollout import holdout_of
from vigie.lifecycle.ship import TABLE
from vigie.lifecycle.texts import bundle_texts
from vigie.watch.cohorts import Length, cohort_of, untouched

if TYPE_CHECKING:
    import polars as pl

    from vigie.features.values import Values

SLACK = 2 * DAY
"""A prediction that is made later than this after the cohort that its moment lies in is of the past, and foretells nothing."""
_COLUMNS = (
    "customer",
    "as_of",
    "at",
    "id",
    "model",
    "probability",
    "decision",
    "gain",
    "threshold",
    "segment",
    "arm",
    "assignment_probability",
    "rollout",
    "values",
)
DRAWN = ("challenger", "fallback")
"""Arms of customers who were given to a challenger."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, eq=False, slots=True)
class Scored:
    """Rows of a cohort that one version answered; *n* of them.

    Attributes:
        version: That answered.
        customers: Keys as text.
        moments: That the scores are about, µs, shape (n,).
        p: Probabilities, shape (n,).
        acted: Who is acted on, shape (n,).
        would_act: Whom the model would act on; other than *acted* in the hold-out.
        segments: Risk segment of each.
        arms: Arm of each.
        values: Inputs as recorded, or ``None`` where a batch kept none.
    """

    version: str
    customers: list[str]
    moments: np.ndarray
    p: np.ndarray
    acted: np.ndarray
    would_act: np.ndarray
    segments: np.ndarray
    arms: np.ndarray
    values: list[str | None]

    def __len__(self) -> int:
        return len(self.customers)


def earliest(project: Project, score: str) -> int | None:
    """First day of which there are predictions, µs; ``None`` where there are none.

    Raises:
        DataError: The lake cannot be read.
        JournalError: A line of the journal is no prediction.
    """
    import polars as pl

    name = f"{PREFIX}{score}"
    found: list[int | None] = []
    table = project.lake.table(TABLE) if project.lake.has(TABLE) else None
    try:
        if table is not None:
            rows = project.lake.scan(TABLE, version=int(table.version())).filter(pl.col("score") == score)
            found.append(rows.select(pl.col("as_of").min().cast(pl.Int64)).collect(engine="streaming").item())
        if project.lake.has(name) and name not in project.sources:
            found.append(project.lake.scan(name).select(pl.col("moment").min().cast(pl.Int64)).collect().item())
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot be read: {error}", where=f"predictions of '{score}'") from error
    waiting = (one.as_of for path in not_in_lake(table, project.journal_folder) for one in in_segment(path, score))
    found.append(min(waiting, default=None))
    return min((one - one % DAY for one in found if one is not None), default=None)


def frame_between(
    project: Project, score: str, begin: int, end: int, columns: Sequence[str] = _COLUMNS, length: Length = "day"
) -> pl.DataFrame:
    """Predictions about moments from *begin* up to and without *end*: the first about each customer in each cohort.

    Rows are in the order of moment, time of the answer and id.

    Args:
        project: Where they are recorded.
        score: Name of the score.
        begin: µs.
        end: µs.
        columns: Of the result; ``cohort``, the first moment of the cohort in µs, comes with them.
        length: Of a cohort.

    Raises:
        DataError: The lake cannot be read.
        JournalError: A line of the journal is no prediction.
    """
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    low, high, late = (pl.lit(x).cast(moment) for x in (begin, end, end + SLACK))
    parts: list[pl.DataFrame] = []
    try:
        table = project.lake.table(TABLE) if project.lake.has(TABLE) else None
        if table is not None:
            rows = project.lake.scan(TABLE, version=int(table.version())).filter(
                pl.col("day") >= low.dt.date(), pl.col("day") <= late.dt.date(), pl.col("score") == score,
                pl.col("as_of") >= low, pl.col("as_of") < high, pl.col("at") < late, pl.col("customer").is_not_null(),
            )  # fmt: skip
            parts.append(_typed(rows.select(_COLUMNS).collect(engine="streaming")))
        waiting = [
            {name: getattr(one, name) for name in _COLUMNS[:-1]} | {"values": msgspec.json.encode(one.values).decode()}
            for path in not_in_lake(table, project.journal_folder)
            for one in in_segment(path, score, None, begin, end + SLACK)
            if one.customer is not None and begin <= one.as_of < end
        ]
        if waiting:
            parts.append(_typed(pl.DataFrame(waiting, infer_schema_length=None)))
        name = f"{PREFIX}{score}"
        if project.lake.has(name) and name not in project.sources:
            parts.append(_typed(_batches(project, score, name, low, high)))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"cannot be read: {error}", where=f"predictions of '{score}'") from error
    if not parts:
        return pl.DataFrame(schema={**dict.fromkeys(columns, pl.String), "cohort": pl.Int64})
    whole = pl.concat(parts).sort("as_of", "at", "id")
    days, shift = (7, cohort_of(0, "week").begin) if length == "week" else (1, 0)
    place = pl.col("as_of") - (pl.col("as_of") - shift) % (days * DAY)
    whole = whole.with_columns(cohort=place)
    return whole.unique(["cohort", "customer"], keep="first", maintain_order=True).select(*columns, "cohort")


def _batches(project: Project, score: str, name: str, low: pl.Expr, high: pl.Expr) -> pl.DataFrame:
    import polars as pl

    from vigie.release import HOLDOUT

    rows = project.lake.scan(name).filter(pl.col("moment") >= low, pl.col("moment") < high)
    if "run" not in rows.collect_schema():  # written before runs had their identity beside their rows
        rows = rows.with_columns(run=pl.lit(None, pl.String))
    found = rows.with_columns(
        as_of=pl.col("moment"), at=pl.col("moment"), id=pl.lit(""), model=pl.col("model_version"),
        threshold=pl.lit(None, pl.Float64), rollout=pl.lit(""), values=pl.lit(None, pl.String),
    ).select(*(one for one in _COLUMNS if one not in ("arm", "assignment_probability")), "run").collect(engine="streaming")  # fmt: skip
    share, held = held_out(project, score, name, found)
    return found.with_columns(share=share, held=held).with_columns(
        arm=pl.when("held").then(pl.lit(HOLDOUT)).otherwise(pl.lit("champion")),
        assignment_probability=pl.when("held").then("share").otherwise(1.0 - pl.col("share")),
    )


def held_out(project: Project, score: str, name: str, rows: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Of rows of batches, the share of customers who were held out in that run, and who was.

    A run says its share. Of one that was made before runs did, the share is that of the settings, unless somebody was acted on whom it holds out.

    Args:
        project: Says what runs do not.
        score: Name of the score.
        name: Of the lake's table of its batches.
        rows: Of that table, with ``customer``, ``decision`` and ``run``.
    """
    import polars as pl

    from vigie.release import HoldOut

    said = {str(one.metadata.get("run")): one.metadata.get("holdout") for one in project.lake.versions(name)}
    customers, runs = rows["customer"].cast(pl.String).to_list(), rows["run"].to_list()
    act = (rows["decision"] == project.score(score).decision.act).fill_null(value=False).to_list()
    share, held = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
    places: dict[str | None, list[int]] = {}
    for i, run in enumerate(runs):
        places.setdefault(run, []).append(i)
    for run, own in places.items():
        told = said.get(str(run))
        of_run = HoldOut(score, holdout_of(project) if told is None else float(told))
        mine = [i for i in own if of_run.holds(customers[i])] if of_run.share else []
        if not of_run.share or (told is None and any(act[i] for i in mine)):
            continue
        share[own], held[mine] = of_run.share, True
    return pl.Series(share, dtype=pl.Float64), pl.Series(held, dtype=pl.Boolean)


def held_share(frame: pl.DataFrame) -> float:
    """Share of the customers who were held out when the rows of a cohort were answered, as the record has it, whatever the settings say by now.

    0 where nobody was, and where the share was another one for a part of them.
    """
    import polars as pl

    from vigie.release import HOLDOUT

    chance = frame["assignment_probability"].fill_null(1.0)
    held, drawn = frame["arm"] == HOLDOUT, frame["arm"].is_in(DRAWN)
    plain = ~held & ~drawn
    free = plain & (frame["rollout"].fill_null("") == "")
    said = pl.concat([chance.filter(held), 1.0 - chance.filter(free)]).round(9).unique().to_list()
    if not said:
        # All of them in a rollout: the champion's (1 − h)(1 − s) and the challenger's (1 − h)·s.
        champion, challenger = chance.filter(plain).unique().to_list(), chance.filter(drawn).unique().to_list()
        if len(champion) == len(challenger) == 1:
            said = [round(1.0 - champion[0] - challenger[0], 9)]
    return max(0.0, float(said[0])) if len(said) == 1 else 0.0


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    texts = [
        pl.col(name).cast(pl.String)
        for name in ("customer", "id", "model", "decision", "segment", "arm", "rollout", "values")
    ]
    numbers = [pl.col(name).cast(pl.Float64) for name in ("probability", "gain", "threshold", "assignment_probability")]
    return frame.with_columns(*texts, *numbers, pl.col("as_of").cast(pl.Int64), pl.col("at").cast(pl.Int64)).select(
        _COLUMNS
    )


def versions_there(project: Project, score: str) -> frozenset[str]:
    """The versions of a score that the registry has.

    Raises:
        RegistryError: It cannot be asked, or knows no model of that name.
    """
    return frozenset(str(one.version) for one in project.registry.versions(score))


def without(frame: pl.DataFrame, there: frozenset[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Rows of the versions that are *there*, and how many rows there are of each that is gone."""
    import polars as pl

    known = frame.filter(pl.col("model").is_in(sorted(there)))
    if len(known) == len(frame):
        return frame, {}
    lost = frame.filter(~pl.col("model").is_in(sorted(there))).group_by("model").len().sort("model")
    return known, {str(version): int(rows) for version, rows in lost.iter_rows()}


def scored_of(frame: pl.DataFrame, money: Money) -> list[Scored]:
    """Rows as :func:`frame_between` gives them, by version.

    Whom a model would act on in the hold-out is told by the gain that it asks for: that of the record, or of a batch the least gain that was acted on.

    Raises:
        RegistryError: A version is gone, or the registry cannot be asked.
    """
    import polars as pl

    from vigie.release import HOLDOUT

    found = []
    for (version,), rows in sorted(frame.group_by("model", maintain_order=True), key=lambda one: str(one[0][0])):
        rule = money.bundle(str(version)).decision
        acted = (rows["decision"] == rule.act).fill_null(value=False).to_numpy()
        gain = rows["gain"].fill_null(float("nan")).to_numpy()
        least = float(gain[acted].min()) if acted.any() else rule.min_gain
        cut = rows["threshold"].fill_null(least).to_numpy()
        held = (rows["arm"] == HOLDOUT).to_numpy()
        known = rows["probability"].is_finite().fill_null(value=False)
        kept = np.flatnonzero(known.to_numpy())
        found.append(
            Scored(
                str(version),
                rows["customer"].filter(known).to_list(),
                rows["as_of"].to_numpy()[kept],
                rows["probability"].to_numpy()[kept],
                acted[kept],
                np.where(held, gain >= cut, acted)[kept],
                rows["segment"].fill_null("").cast(pl.String).to_numpy()[kept],
                rows["arm"].to_numpy()[kept],
                rows["values"].filter(known).to_list(),
            )
        )
    return found


def columns_then(project: Project, scored: Scored, money: Money, names: Sequence[str], score: str) -> dict[str, Values]:
    """Inputs of rows as they were at their moments: as recorded, or computed again from the lake for rows of a batch.

    Args:
        project: Where the lake is.
        scored: The rows.
        money: Holds their bundle.
        names: Of the inputs.
        score: Name of the score.

    Raises:
        FeatureError: The lake has not a source or column that is needed.
    """
    bundle = money.bundle(scored.version)
    if not names:
        return {}
    missing = [i for i, one in enumerate(scored.values) if one is None]
    values: list[dict[str, Any]] = [_decode(one) if one is not None else {} for one in scored.values]
    if missing:
        columns = _computed(project, scored, missing, money, names, score)
        for name, column in columns.items():
            for i, value in zip(missing, column.to_list(), strict=True):
                values[i][name] = value
    return recorded_columns(bundle, names, values)


def _computed(
    project: Project, scored: Scored, places: list[int], money: Money, names: Sequence[str], score: str
) -> dict[str, Values]:
    from vigie.definition.moments import At
    from vigie.features.rowwise import leaves
    from vigie.features.spine import pair_features

    bundle = money.bundle(scored.version)
    asked = score_of(bundle, project.score(score))
    schema = project.schema(asked)
    bound = asked.bound(schema)
    features = {feature.name: feature for feature in bound.bound_features}
    features |= leaves(bound.decision.payoff().expressions())
    wanted = [features[name] for name in names if name in features]
    if not wanted:
        return {}
    found = pair_features(
        wanted, project.lake, schema,
        customers=[scored.customers[i] for i in places], moments=scored.moments[places],
        at=bound.moments.source if isinstance(bound.moments, At) else None,
        texts=bundle_texts(project, bundle.texts),
    )  # fmt: skip
    return dict(found.columns)


def stays_of(frame: pl.DataFrame) -> float:
    """Of the customers of a cohort who are not held out, the share that was not given to a challenger."""
    drawn = int(frame["arm"].is_in(DRAWN).sum())
    others = int((~frame["arm"].is_in([*DRAWN, "holdout"])).sum())
    return others / (others + drawn) if others else 1.0


def challenges(scored: Scored) -> bool:
    """Whether all rows are of customers who were given to a challenger."""
    return bool(np.isin(scored.arms, DRAWN).all())


def weights_of(scored: Scored, stays: float, held: float) -> tuple[np.ndarray | None, np.ndarray]:
    """How many rows each row stands for, and which rows count; *held* is the share of customers who were held out.

    The hold-out has the champion's scores: for those whom a challenger acts on nobody stands, so that none of its rows has a weight.
    """
    if not held or challenges(scored):
        return None, np.arange(len(scored))
    weights = untouched(scored.would_act, scored.acted, held, stays)
    weights[np.isin(scored.arms, DRAWN)] = 0.0
    kept = np.flatnonzero(weights > 0)
    return weights[kept], kept
