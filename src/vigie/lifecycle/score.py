"""Score everybody, decide within the capacity, and keep the result as a table."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vigie.clock import DAY, FixedClock, iso
from vigie.definition import Score
from vigie.errors import FeatureError, SettingsError
from vigie.lifecycle.model_in_use import ModelInUse, load_model, score_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import holdout_of
from vigie.lifecycle.texts import bundle_texts, not_on_spark
from vigie.lifecycle.train import part, tell

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import SparkSession

    from vigie.lifecycle.outputs import Target
    from vigie.lifecycle.parts import Parts

MOST_REASONS = 20
"""Reasons for one customer at most."""
TABLE = (
    "customer", "moment", "probability", "decision", "segment", "expected_value", "gain", "model_version", "bundle",
)  # fmt: skip
"""Columns of the table in the lake that are written elsewhere too; beside them are reasons and the run's identity."""


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
        output: What was written besides, if something was asked for.
        repeated: Whether the very same run was there already, so that nothing was added.
        currency: ISO 4217 code.
        example: Key of the customer with the highest expected gain.
        undecided: Customers whose cost matrix is not known; their decision is null.
        run: Identity of the run: in the table's metadata, and beside its rows in a database.
        continued: Parts of the run that an earlier, interrupted one had made; 0 for none.
    """

    model: ModelInUse
    as_of: int
    table: str
    rows: int
    acted: int
    expected_value: float
    segments: dict[str, int]
    output: Target | None
    repeated: bool
    currency: str
    example: str
    undecided: int
    run: str = ""
    continued: int = 0


def score_base(
    project: Project,
    score: Score,
    *,
    alias: str = "champion",
    output: Path | str | None = None,
    table: str | None = None,
    replace: bool = False,
    spark: SparkSession | str | None = None,
    reasons: int = 0,
    resume: bool = True,
    once: bool = False,
    progress: Callable[[str, float], None] | None = None,
) -> ScoredBase:
    """Score the population of this moment with the model that *alias* points at.

    The result is appended to the lake's table ``scores_<name>``: customer, moment, probability, decision, segment,
    expected value, gain, model version, bundle hash, identity of the run. Capacity holds over the whole base: those with the highest
    expected gain are acted on. A run is identified by moment, model and data versions; the same run again adds nothing. With
    *once* it is identified by its moment alone, for tries of what is to be done once: one of them may have written the rows before
    it was killed, and data or champion may be others since.

    Customers are scored in partitions, and what is scored is kept: a run that was interrupted is continued by the next
    one, if model and data are still the same. Where the clock goes, that is as of the moment of the interrupted run, for
    up to a day.

    Args:
        project: Where everything is; its clock says what was known.
        score: Whom to score.
        alias: Of the model, or its version.
        output: To write besides: a CSV or Parquet file, or the URL of a database.
        table: Of the database.
        replace: Take earlier runs out of the database's table; otherwise only this very run is replaced.
        spark: Session or URL of a master: features and scores are computed there. Decisions and the table are made here.
        reasons: How many reasons to add for each customer, at most :data:`MOST_REASONS`: ``reason_1`` in words,
            ``reason_1_contribution`` … on the scale of the model (``docs/explanation/reasons.md``).
        resume: Continue an interrupted run.
        once: Add nothing where a run of this moment was added with *once*; what is told, and written to *output*, is that run.
        progress: Told what is being done and the share done.

    Raises:
        RegistryError: There is no such model.
        SettingsError: *output* is neither CSV nor Parquet nor a database, or *reasons* is out of range.
        FeatureError: Nobody is in the population.
        DataError: The result cannot be written, or another process makes this very run.
    """
    from vigie.lifecycle import outputs
    from vigie.lifecycle.decided import Tally, chosen, decided
    from vigie.lifecycle.parts import Parts, run_key
    from vigie.lifecycle.scored_rows import reason_columns
    from vigie.release import HoldOut

    if not 0 <= reasons <= MOST_REASONS:
        raise SettingsError(f"{reasons} reasons for each customer", remedy=f"ask for 0 to {MOST_REASONS}")
    target = outputs.target_of(output, table, replace=replace, root=project.settings.root)
    folder = project.settings.state / "batch" / score.name
    if once:
        before = _added(project, score.name, project.clock.now(), target, reasons)
        if before is not None:
            _tidy(folder, before.as_of)
            return before
    tell(progress, "load the model", 0.0)
    model = load_model(project, score.name, alias)
    asked = score_of(model.bundle, score)
    run = _run_of(project, asked, model, reasons) | ({"once": True} if once else {})
    if resume and not once and not isinstance(project.clock, FixedClock):
        run = _begun(folder, run) or run
    as_of = int(run["as_of"])
    with Parts(folder / run_key(run)[:16], run) as parts:
        if not resume:
            parts.clear()
        told = part(progress, 0.05, 0.8)
        continued = (
            _on_spark(project, asked, model, spark, as_of, reasons, parts, told)
            if spark is not None
            else _here(project, asked, model, as_of, reasons, parts, told)
        )
        if not parts.rows():
            parts.remove()
            raise FeatureError(
                f"nobody is in the population of '{score.name}' at {iso(as_of)}",
                remedy="ingest newer data, or score an earlier moment with --as-of",
            )
        tell(progress, "decide", 0.85)
        rule = model.bundle.decision
        act = chosen(rule, parts, HoldOut(score.name, holdout_of(project)))

        def rows() -> Iterator[pl.DataFrame]:
            for frame, _ in decided(parts, act, rule):
                yield _as_table(frame, model, reason_columns(reasons))

        tally = Tally()
        for frame, taken in decided(parts, act, rule):
            tally.add(frame, taken)
        tell(progress, "write", 0.9)
        name = f"scores_{score.name}"
        said = _metadata(project, asked, model, as_of, once=once)
        repeated = _append_once(project, name, rows, said, project.clock.now())
        if target is not None:
            outputs.write(target, rows, said["run"])
        parts.remove()
    if once:
        _tidy(folder, as_of)
    return ScoredBase(
        model, as_of, name, tally.rows, tally.acted, tally.expected_value,
        {segment: tally.segments.get(segment, 0) for segment in scorer_segments()}, target, repeated, rule.currency,
        tally.example, tally.undecided, said["run"], continued,
    )  # fmt: skip


def scorer_segments() -> tuple[str, ...]:
    """Names of the risk segments, from the lowest."""
    from vigie.bundle.segment import SEGMENT_NAMES

    return SEGMENT_NAMES


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(project: Project, asked: Score, model: ModelInUse, as_of: int, reasons: int, parts: Parts, told: Any) -> int:
    """Score on this machine what is not there yet; how many parts were."""
    from vigie.bundle import Scorer
    from vigie.bundle.lightgbm_library import one_thread_each
    from vigie.features.training_set import FeatureSet, worked_feature_set
    from vigie.lifecycle.scored_rows import scored_rows

    scorer, there = Scorer(model.bundle), set[int]()
    schema = project.schema(asked)

    def begun(count: int) -> set[int]:
        there.update(parts.begun(count))
        return there

    def work(features: FeatureSet) -> pl.DataFrame:
        with one_thread_each():
            return scored_rows(scorer, features, reasons)

    scored = worked_feature_set(
        asked.bound(schema), project.lake, schema, work, as_of=as_of, done=begun, at_once=max(cores(), 2), progress=told,
        texts=bundle_texts(project, model.bundle.texts),
    )  # fmt: skip
    for number, rows in scored:
        parts.put(number, rows)
    return len(there)


def _on_spark(
    project: Project, asked: Score, model: ModelInUse, spark: Any, as_of: int, reasons: int, parts: Parts, told: Any
) -> int:
    """Score on a cluster, which looks after interruptions itself: always 0."""
    from vigie.lifecycle.spark import scores_on

    not_on_spark(asked)
    schema = project.schema(asked)
    bound = asked.bound(schema)
    frames = scores_on(spark, bound, project.lake, schema, model, as_of=as_of, reasons=reasons, progress=told)
    parts.clear()
    parts.begun(len(frames))
    for number, rows in enumerate(frames):
        parts.put(number, rows)
    return 0


def _as_table(rows: pl.DataFrame, model: ModelInUse, reasons: tuple[str, ...]) -> pl.DataFrame:
    import polars as pl

    return rows.with_columns(
        moment=pl.from_epoch("moment", time_unit="us").dt.replace_time_zone("UTC"),
        model_version=pl.lit(model.version),
        bundle=pl.lit(model.bundle.hash),
    ).select(*TABLE, *reasons)


def _run_of(project: Project, asked: Score, model: ModelInUse, reasons: int) -> dict[str, Any]:
    """What makes the parts of a run those of this run and of no other."""
    return {
        "as_of": project.clock.now(),
        "bundle": model.bundle.hash,
        "version": model.version,
        "definition": asked.fingerprint,
        "data": {name: project.lake.version(name) for name in sorted(asked.sources)},
        "reasons": reasons,
        "cores": cores(),
        "holdout": holdout_of(project),
    }


def _begun(folder: Path, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """The run of the last day that was interrupted, and differs from *run* in its moment alone; the latest of several."""
    from vigie.lifecycle.parts import read_run

    found = [read_run(path) for path in folder.glob("*")] if folder.is_dir() else []
    same = [
        one
        for one in found
        if one is not None
        and {**one, "as_of": run["as_of"]} == dict(run)
        and 0 <= run["as_of"] - int(one["as_of"]) <= DAY
    ]
    return max(same, key=lambda one: int(one["as_of"]), default=None)


def _added(project: Project, score: str, as_of: int, target: Target | None, reasons: int) -> ScoredBase | None:
    """The run of this moment that was added with ``once``, as the lake has it; ``None`` where there is none."""
    import polars as pl

    from vigie.lifecycle import outputs
    from vigie.lifecycle.decided import Tally
    from vigie.lifecycle.scored_rows import reason_columns

    name, run = f"scores_{score}", _once_id(as_of)
    versions = project.lake.versions(name) if project.lake.has(name) else []
    said = next((one.metadata for one in versions if one.metadata.get("run") == run), None)
    if said is None:
        return None
    model = load_model(project, score, str(said["model"]))
    rule, tally = model.bundle.decision, Tally()
    rows = project.lake.scan(name).filter(pl.col("run") == run).collect(engine="streaming").sort("customer", "moment")
    tally.add(rows, (rows["decision"] == rule.act).fill_null(value=False).to_numpy())
    if target is not None:
        shown = [*TABLE, *(one for one in reason_columns(reasons) if one in rows.columns)]
        outputs.write(target, lambda: [rows.select(shown)], run)
    return ScoredBase(
        model, as_of, name, tally.rows, tally.acted, tally.expected_value,
        {segment: tally.segments.get(segment, 0) for segment in scorer_segments()}, target, True, rule.currency,
        tally.example, tally.undecided, run,
    )  # fmt: skip


def _once_id(as_of: int) -> str:
    """Identity of a run that its moment alone identifies."""
    import hashlib

    return hashlib.sha256(f"once {as_of}".encode()).hexdigest()


def _tidy(folder: Path, as_of: int) -> None:
    """Throw away what killed tries left: of this run, and of earlier ones whose slot was left to this one."""
    from vigie.data.file_lock import locked
    from vigie.lifecycle.parts import read_run

    for path in folder.glob("*") if folder.is_dir() else ():
        run = read_run(path)
        if run is None or not run.get("once") or int(run["as_of"]) > as_of:
            continue
        with locked(path / ".lock", wait=False) as lock:
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)


def _metadata(project: Project, score: Score, model: ModelInUse, as_of: int, *, once: bool) -> dict[str, Any]:
    import hashlib

    versions = {name: project.lake.version(name) for name in sorted(score.sources)}
    key = f"{as_of} {model.bundle.hash} {versions}"
    return {
        "run": _once_id(as_of) if once else hashlib.sha256(key.encode()).hexdigest(),
        "as_of": iso(as_of),
        "model": model.version,
        "data": versions,
        "holdout": holdout_of(project),
    }


def _append_once(
    project: Project, table: str, rows: Callable[[], Iterator[pl.DataFrame]], run: dict[str, Any], now: int
) -> bool:
    """Whether it was there already."""
    import polars as pl

    from vigie.lifecycle.outputs import arrow_stream

    lake = project.lake
    if lake.has(table) and any(version.metadata.get("run") == run["run"] for version in lake.versions(table)):
        return True
    # The transaction holds off a second process that makes the same run at the same time.
    told = (frame.with_columns(run=pl.lit(run["run"])) for frame in rows())
    lake.append(table, arrow_stream(told), transaction=(f"scores/{run['run']}", 1), metadata=run, moment=now)
    return False
