"""Profiles of days, from the record of predictions, each counted once.

A day is worked out from the segments of the journal that the lake has of it, and the names of these stand beside the counts, in
one fact. So a process that is killed has counted a segment or has not, never half of one; a segment that comes late is added to
its day; and of two processes that count at the same time the last one writes what both saw. Days whose files in the lake are
those of the last time are not read again, so that the work does not grow with history.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.definition.kind import Kind
from vigie.definition.moments import At
from vigie.errors import BundleError, ContractError, VigieError
from vigie.features.values import Columns
from vigie.lifecycle.model_in_use import score_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import holdout_of
from vigie.lifecycle.watch_record import (
    SAMPLE,
    BatchRun,
    asked_in,
    batches_of,
    columns_of,
    files_by_day,
    least_of,
    rows_of_run,
    runs_of,
    values_in,
)
from vigie.release.assignment import HOLDOUT, HoldOut
from vigie.watch.profile import Layout, Profile, hashed, merged
from vigie.watch.windows import YEAR, day_named, day_of, name_of, start_of

if TYPE_CHECKING:
    import pyarrow as pa

    from vigie.bundle import Bundle
    from vigie.journal.ledger import Ledger

DAYS_BACK = 60
"""How late a prediction may come to the lake and still be counted in its day."""
SEASON_ROWS = 200_000
"""Predictions of a day a year ago that are read, about."""
BATCH = "batch"
"""Stands for the arm where a whole base was scored."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Watched:
    """A version of a model and the cells that its rows are counted in.

    Attributes:
        version: In the registry.
        bundle: Of it.
        layout: Cells of its reference.
    """

    version: str
    bundle: Bundle
    layout: Layout

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """Kinds of the features that are counted."""
        return {name: one.kind for name, one in self.layout.features.items()}

    def count(self, rows: Mapping[str, Sequence[Any]], values: Sequence[Mapping[str, Any]] | Columns) -> Profile:
        """The profile of predictions of this version.

        Args:
            rows: ``id``, ``customer``, ``probability`` and ``decision``, n each.
            values: Inputs of each of them by name, or their columns.
        """
        columns = values if isinstance(values, Mapping) else columns_of(self.kinds, values)
        who = [one or f"\0{other}" for one, other in zip(rows["customer"], rows["id"], strict=True)]
        return self.layout.count(
            columns,
            hashed(who),
            np.array(rows["probability"], dtype=np.float64),
            np.array([_acted(one, self.bundle) for one in rows["decision"]], dtype=np.float64),
        )


class Versions:
    """The versions of a score, opened as they are met."""

    def __init__(self, project: Project, score: str) -> None:
        self._project, self._score = project, score
        self._known: dict[str, Watched | None] = {}
        self._there: frozenset[str] | None = None

    def of(self, version: str) -> Watched | None:
        """The version; ``None`` where it is not in the registry any more, or has no profile.

        Raises:
            VigieError: The registry or the bundle cannot be read now: what it answered is counted once they can.
        """
        if version not in self._known:
            self._known[version] = self._opened(version)
        return self._known[version]

    def _opened(self, version: str) -> Watched | None:
        from vigie.bundle import load_bundle
        from vigie.lifecycle.watch_scored import versions_there

        if self._there is None:
            self._there = versions_there(self._project, self._score)
        why = "it is not in the registry any more"
        if version in self._there:
            registry = self._project.registry
            bundle = load_bundle(registry.bundle_path(registry.resolve(self._score, version)))
            try:
                return Watched(version, bundle, Layout.of(bundle.profile))
            except BundleError as error:
                why = error.what
        log.warning("predictions of %s version %s are not profiled: %s", self._score, version, why)
        return None


def update_profiles(project: Project, ledger: Ledger, score: str, now: int, versions: Versions | None = None) -> int:
    """Count what the lake has of the last days and the profiles have not; how many rows that were.

    What is in the journal alone is not looked at: :func:`vigie.lifecycle.ship.ship` takes it to the lake.

    Args:
        project: Where the record is.
        ledger: Where profiles are kept, as facts ``"profile <score>"`` by day.
        score: Name of the score.
        now: µs; rows of later days are not looked at.
        versions: Of the score.

    Raises:
        DataError: The lake cannot be read.
        JournalError: The ledger cannot be used.
    """
    versions = versions or Versions(project, score)
    today = day_of(now)
    known = ledger.facts(topic_of(score), since=name_of(today - DAYS_BACK))
    counted = 0
    for day, files in files_by_day(project).items():
        name, names = name_of(day), sorted(files)
        fact = known.get(name, {})
        if not today - DAYS_BACK <= day <= today or fact.get("files") == names:
            continue
        fresh = _Day(fact)
        for batch in batches_of(files.values(), score, set(fact.get("segments", ()))):
            counted += fresh.add(batch, versions)
        known[name] = {**fresh.fact(), "files": names}
        ledger.put_facts(topic_of(score), now, {name: known[name]})
    for run in runs_of(project, score):
        name = name_of(day_of(run.at))
        fact = known.get(name, {})
        if not today - DAYS_BACK <= day_of(run.at) <= today or run.at > now or run.run in fact.get("runs", ()):
            continue
        known[name], rows = _with_run(project, score, run, fact, versions)
        counted += rows
        ledger.put_facts(topic_of(score), now, {name: known[name]})
    return counted


def topic_of(score: str) -> str:
    """Topic of the facts that hold the profiles of a score's days."""
    return f"profile {score}"


def day_profiles(
    ledger: Ledger,
    score: str,
    watched: Watched,
    first: int,
    last: int,
    *,
    batch: bool = False,
    arms: Sequence[str] | None = None,
) -> dict[int, Profile]:
    """Profiles of the days from *first* up to and without *last*, of one version's rows.

    Args:
        ledger: Where they are kept (:func:`update_profiles`).
        score: Name of the score.
        watched: The version.
        first: Day.
        last: Day.
        batch: Rows of batch runs instead of those of requests.
        arms: Only of these arms; ``None``: of all, since who is in an arm was drawn.
    """
    found: dict[int, Profile] = {}
    for name, fact in ledger.facts(topic_of(score), name_of(first), name_of(last)).items():
        parts = [
            Profile.from_data(data)
            for key, data in fact["profiles"].items()
            if (told := key.split(" ", 1))[0] == watched.version
            and (told[1] == BATCH) is batch
            and (arms is None or told[1] in arms)
            and data["layout"] == watched.layout.key
        ]
        if parts:
            found[day_named(name)] = merged(parts)
    return found


def season_profiles(
    project: Project, ledger: Ledger, score: str, watched: Watched, first: int, last: int, now: int
) -> dict[int, Profile]:
    """Profiles of features on the days a year before those from *first* up to and without *last*, in the cells of today's model.

    Whichever version answered then: features are compared, and not scores or decisions. A day's first
    :data:`SEASON_ROWS` predictions are read, once; what they show is kept as a fact.

    Args:
        project: Where the record is.
        ledger: Of the project.
        score: Name of the score.
        watched: Whose cells.
        first: Day of this year.
        last: Day of this year.
        now: µs.

    Returns:
        By the day a year ago.
    """
    topic = f"season {score} {watched.layout.key}"
    wanted = range(first - YEAR, last - YEAR)
    kept = ledger.facts(topic, name_of(wanted.start), name_of(wanted.stop))
    found = {day_named(name): Profile.from_data(fact) for name, fact in kept.items()}
    files = files_by_day(project)
    for day in wanted:
        if day in found or day not in files:
            continue
        profile, rows = watched.layout.empty(), 0
        for batch in batches_of(files[day].values(), score, set()):
            told = batch.to_pydict()
            columns = columns_of(watched.kinds, [values_in(one) for one in told["values"]])
            who = [one or f"\0{other}" for one, other in zip(told["customer"], told["id"], strict=True)]
            profile = merged([profile, watched.layout.count(columns, hashed(who))])
            rows += batch.num_rows
            if rows >= SEASON_ROWS:
                break
        ledger.put_facts(topic, now, {name_of(day): profile.to_data()})
        found[day] = profile
    return found


def outcome_profiles(
    project: Project, ledger: Ledger, score: str, watched: Watched, first: int, last: int, now: int
) -> dict[int, Profile]:
    """What became of those who were scored on the days from *first* up to and without *last*, where that is known by now.

    Of a day at most :data:`SAMPLE` customers are looked up, once, when all of them are mature.

    Args:
        project: Where the record and the sources are.
        ledger: Of the project; what was found is kept as a fact.
        score: Name of the score.
        watched: The version that answered.
        first: Day of the prediction.
        last: Day of the prediction.
        now: µs: outcomes are what is known then.

    Returns:
        By the day of the prediction: profiles of outcomes alone.
    """
    from vigie.features.event_outcomes import outcomes_of_scores

    topic = f"outcomes {score} {watched.version}"
    kept = ledger.facts(topic, name_of(first), name_of(last))
    found = {
        day_named(name): Profile.from_data(fact) for name, fact in kept.items() if fact["layout"] == watched.layout.key
    }
    declared = project.score(score)
    try:
        schema = project.schema(declared)
    except ContractError as error:
        log.info("outcomes of %s are not watched for drift: %s", score, error.what)
        return {}
    mature = now - (declared.horizon.microseconds if declared.horizon else 0)
    rows: dict[int, list[tuple[str, int]]] = {}
    files, runs = files_by_day(project), runs_of(project, score)
    for day in range(first, last):
        if day in found or start_of(day + 1) > mature:
            continue
        asked = {} if day not in files else asked_in(files[day].values(), score, watched.version)
        for run in runs:
            if day_of(run.at) == day and run.model == watched.version and run.as_of <= mature:
                asked |= dict.fromkeys(rows_of_run(project, score, run)["customer"], run.as_of)
        if asked or day in files:
            rows[day] = [(one, asked[one]) for one in least_of(list(asked), SAMPLE)]
    pairs = [pair for some in rows.values() for pair in some]
    if not rows:
        return found
    outcome = np.empty(0)
    if pairs:
        outcome = outcomes_of_scores(
            declared.bound(schema), project.lake, schema, [one for one, _ in pairs],
            np.array([moment for _, moment in pairs], dtype=np.int64), as_of=now,
        )  # fmt: skip
    place, facts = 0, {}
    for day, some in rows.items():
        known = outcome[place : place + len(some)]
        place += len(some)
        there = ~np.isnan(known)
        who = np.array([one for one, _ in some], dtype=object)[there]
        found[day] = watched.layout.count({}, who.tolist(), outcome=known[there])
        facts[name_of(day)] = found[day].to_data()
    ledger.put_facts(topic, now, facts)
    return found


class _Day:
    """The fact of a day while rows are added to it."""

    def __init__(self, fact: Mapping[str, Any]) -> None:
        self._fact = dict(fact)
        self._segments = set(fact.get("segments", ()))
        self._profiles = {key: Profile.from_data(data) for key, data in fact.get("profiles", {}).items()}

    def add(self, batch: pa.RecordBatch, versions: Versions) -> int:
        import pyarrow.compute as pc

        self._segments |= set(pc.unique(batch.column("journal")).to_pylist())
        groups = {
            (a, b) for a, b in zip(batch.column("model").to_pylist(), batch.column("arm").to_pylist(), strict=True)
        }
        for model, arm in sorted(groups):
            watched = versions.of(model)
            if watched is None:
                continue
            some = batch.filter(pc.and_(pc.equal(batch.column("model"), model), pc.equal(batch.column("arm"), arm)))
            rows = some.select(["id", "customer", "probability", "decision", "values"]).to_pydict()
            if arm == HOLDOUT:  # nobody decided about them
                rows["decision"] = [None] * len(some)
            profile = watched.count(rows, [values_in(one) for one in rows["values"]])
            self.put(f"{model} {arm}", profile)
        return int(batch.num_rows)

    def put(self, key: str, profile: Profile) -> None:
        before = self._profiles.get(key)
        same = before is not None and before.layout == profile.layout
        self._profiles[key] = merged([before, profile]) if before is not None and same else profile

    def fact(self) -> dict[str, Any]:
        return {
            **self._fact,
            "segments": sorted(self._segments),
            "profiles": {key: one.to_data() for key, one in sorted(self._profiles.items())},
        }


def _with_run(
    project: Project, score: str, run: BatchRun, fact: Mapping[str, Any], versions: Versions
) -> tuple[dict[str, Any], int]:
    """The fact of a day with a sample of a batch run in it, and how many rows that are."""
    day, rows = _Day({**fact, "runs": sorted({*fact.get("runs", ()), run.run})}), 0
    watched = versions.of(run.model)
    if watched is not None:
        said = rows_of_run(project, score, run)
        holds = HoldOut(score, holdout_of(project)).holds
        said["decision"] = [
            None if holds(one) else told for one, told in zip(said["customer"], said["decision"], strict=True)
        ]
        rows = len(said["customer"])
        day.put(
            f"{run.model} {BATCH}", watched.count(said, features_then(project, score, run, watched, said["customer"]))
        )
    return day.fact(), rows


def features_then(project: Project, score: str, run: BatchRun, watched: Watched, customers: list[str]) -> Columns:
    """Features of customers as a batch run saw them, from the versions of the data that it read; none where these are gone."""
    import polars as pl

    from vigie.features.spine import pair_features
    from vigie.lifecycle.texts import bundle_texts

    try:
        asked = score_of(watched.bundle, project.score(score))
        schema = project.schema(asked)
        bound = asked.bound(schema)
        return pair_features(
            list(bound.bound_features), project.lake, schema, customers=customers, moments=[run.as_of] * len(customers),
            at=bound.moments.source if isinstance(bound.moments, At) else None, versions=run.data,
            texts=bundle_texts(project, watched.bundle.texts),
        ).columns  # fmt: skip
    except (VigieError, OSError, pl.exceptions.PolarsError) as error:
        log.warning(
            "run %s of %s: features cannot be computed again, scores are watched alone: %s", run.run[:16], score, error
        )
        return {}


def _acted(decision: str | None, bundle: Bundle) -> float:
    return float("nan") if not decision else float(decision == bundle.decision.act)
