"""Score everybody, decide within the capacity, and keep the result as a table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import iso
from vigie.definition import Score
from vigie.errors import DataError, FeatureError, SettingsError
from vigie.lifecycle.model_in_use import ModelInUse, load_model, score_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.texts import bundle_texts, not_on_spark
from vigie.lifecycle.train import part, tell

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import SparkSession

FORMATS = (".csv", ".parquet")

MOST_REASONS = 20
"""Reasons for one customer at most."""


@dataclass(frozen=True, eq=False)
class ScoredBase:
    """A run over the whole base.

    Attributes:
        model: What scored.
        as_of: Moment of the run, µs.
        table: Name of the table in the lake.
        rows: Customers scored.
        acted: Of them, those to act on.
        expected_value: Of the decisions, all customers together, in ``currency``.
        segments: Customers in each risk segment, from the lowest.
        output: File written besides, if one was asked for.
        repeated: Whether the very same run was there already, so that nothing was added.
        currency: ISO 4217 code.
        example: Key of the customer with the highest expected gain.
        undecided: Customers whose cost matrix is not known; their decision is null.
    """

    model: ModelInUse
    as_of: int
    table: str
    rows: int
    acted: int
    expected_value: float
    segments: dict[str, int]
    output: Path | None
    repeated: bool
    currency: str
    example: str
    undecided: int


def score_base(
    project: Project,
    score: Score,
    *,
    alias: str = "champion",
    output: Path | None = None,
    spark: SparkSession | str | None = None,
    reasons: int = 0,
    progress: Callable[[str, float], None] | None = None,
) -> ScoredBase:
    """Score the population of this moment with the model that *alias* points at.

    The result is appended to the lake's table ``scores_<name>``: customer, moment, probability, decision, segment,
    expected value, gain, model version, bundle hash. Capacity holds over the whole base: those with the highest
    expected gain are acted on. A run is identified by moment, model and data versions; the same run again adds nothing.

    Args:
        project: Where everything is; its clock says what was known.
        score: Whom to score.
        alias: Of the model, or its version.
        output: File to write besides, CSV or Parquet.
        spark: Session or URL of a master: features and scores are computed there. Decisions and the table are made here.
        reasons: How many reasons to add for each customer, at most :data:`MOST_REASONS`: ``reason_1`` in words,
            ``reason_1_contribution`` … on the scale of the model (``docs/explanation/reasons.md``).
        progress: Told what is being done and the share done.

    Raises:
        RegistryError: There is no such model.
        SettingsError: *output* is neither CSV nor Parquet, or *reasons* is out of range.
        FeatureError: Nobody is in the population.
    """
    import polars as pl

    from vigie.bundle import Scorer
    from vigie.features.training_set import build_feature_set
    from vigie.lifecycle.scored_rows import reason_columns, scored_rows

    if not 0 <= reasons <= MOST_REASONS:
        raise SettingsError(f"{reasons} reasons for each customer", remedy=f"ask for 0 to {MOST_REASONS}")
    if output is not None and output.suffix not in FORMATS:
        raise SettingsError(f"cannot write {output.name}", remedy=f"end the name in {' or '.join(FORMATS)}")
    tell(progress, "load the model", 0.0)
    model = load_model(project, score.name, alias)
    scorer, as_of = Scorer(model.bundle), project.clock.now()
    asked = score_of(model.bundle, score)
    schema = project.schema(asked)
    told = part(progress, 0.05, 0.8)
    parts: list[pl.DataFrame]
    if spark is not None:
        from vigie.lifecycle.spark import scores_on

        not_on_spark(asked)
        parts = scores_on(
            spark, asked.bound(schema), project.lake, schema, model, as_of=as_of, reasons=reasons, progress=told
        )
    else:
        texts = bundle_texts(project, model.bundle.texts)
        sets = build_feature_set(asked.bound(schema), project.lake, schema, as_of=as_of, progress=told, texts=texts)
        parts = [scored_rows(scorer, features, reasons) for features in sets]
    if not parts or not sum(map(len, parts)):
        raise FeatureError(
            f"nobody is in the population of '{score.name}' at {iso(as_of)}",
            remedy="ingest newer data, or score an earlier moment with --as-of",
        )
    tell(progress, "decide", 0.85)
    # In one order whatever the parts were, so that ties at the capacity fall to the same customers.
    base = pl.concat(parts).sort("customer", "moment")
    act = model.bundle.decision.choose(base["gain"].to_numpy(), base["moment"].to_numpy())
    decision = model.bundle.decision
    undecided = base["gain"].is_nan()
    base = base.with_columns(
        # Where a sum of the cost matrix is not known nothing can be decided: null, rather than the default action.
        decision=pl.when(undecided).then(None).when(pl.Series(act)).then(pl.lit(decision.act)).otherwise(pl.lit(decision.leave)),
        expected_value=pl.when(undecided).then(None).when(pl.Series(act)).then("value_if_acted").otherwise("value_if_left"),
        gain=pl.col("gain").fill_nan(None),
        moment=pl.from_epoch("moment", time_unit="us").dt.replace_time_zone("UTC"),
        model_version=pl.lit(model.version),
        bundle=pl.lit(model.bundle.hash),
    ).select(
        "customer", "moment", "probability", "decision", "segment", "expected_value", "gain", "model_version", "bundle",
        *reason_columns(reasons),
    )  # fmt: skip
    tell(progress, "write", 0.9)
    table = f"scores_{score.name}"
    repeated = _append_once(project, table, base, _run_of(project, asked, model, as_of), as_of)
    if output is not None:
        _write(base, output)
    counted = dict(base.group_by("segment").len().iter_rows())
    return ScoredBase(
        model, as_of, table, len(base), int(act.sum()), float(base["expected_value"].sum()),
        {name: counted.get(name, 0) for name in scorer_segments()}, output, repeated, decision.currency,
        str(base["customer"][int(base["gain"].arg_max() or 0)]),
        int(undecided.sum()),
    )  # fmt: skip


def scorer_segments() -> tuple[str, ...]:
    """Names of the risk segments, from the lowest."""
    from vigie.bundle.segment import SEGMENT_NAMES

    return SEGMENT_NAMES


def _run_of(project: Project, score: Score, model: ModelInUse, as_of: int) -> dict[str, Any]:
    versions = {name: project.lake.version(name) for name in sorted(score.sources)}
    key = f"{as_of} {model.bundle.hash} {versions}"
    return {
        "run": hashlib.sha256(key.encode()).hexdigest(),
        "as_of": iso(as_of),
        "model": model.version,
        "data": versions,
    }


def _append_once(project: Project, table: str, base: pl.DataFrame, run: dict[str, Any], as_of: int) -> bool:
    lake = project.lake
    if lake.has(table) and any(version.metadata.get("run") == run["run"] for version in lake.versions(table)):
        return True
    lake.append(table, base, metadata=run, moment=as_of)
    return False


def _write(base: pl.DataFrame, output: Path) -> None:
    partial = output.with_name(f".{output.name}.partial")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        if output.suffix == ".csv":
            base.write_csv(partial)
        else:
            base.write_parquet(partial)
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"cannot write the scores: {error}", where=str(output)) from error
