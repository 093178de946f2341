"""Is what production computed what the batch computes? The journal's predictions, computed again from the lake.

Predictions that were asked for by id are replayed with the definitions of the very bundle that answered, and compared
value by value, exactly. A value that differs is *late* where it is equal once the rows are left out that the lake
received after the answer, or so shortly before it that the server may not have had them yet: production could not know
better. Everything else is a difference that somebody has to explain; the row that makes it is named where it is found.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from vigie.definition import Events, Feature, Schema, Score, Table
from vigie.definition.moments import At
from vigie.definition.related import own_sources
from vigie.errors import VigieError
from vigie.journal import Prediction
from vigie.lifecycle.events import Intake
from vigie.lifecycle.model_in_use import score_of
from vigie.lifecycle.recorded import recorded
from vigie.lifecycle.texts import bundle_texts
from vigie.lifecycle.train import part, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from vigie.bundle import Bundle
    from vigie.features.text.columns import TextColumns
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.verify_explain import Culprit

GRACE = 30_000_000
"""µs before an answer in which a row may have reached the lake and not yet the server."""
CHUNK = 50_000
"""Predictions computed together."""
MOST_CUTS = 12
"""Arrivals of a customer within the grace that are told apart, the latest."""
MOST_KEPT = 10_000
"""Differences kept one by one; beyond them only their number."""


@dataclass(frozen=True, eq=False)
class Difference:
    """A value that production and batch do not agree on.

    Attributes:
        feature: Its name.
        prediction: Identifier in the journal.
        customer: Whose.
        as_of: Moment that the value describes, µs.
        at: Moment of the answer, µs.
        served: What production computed; a time in µs.
        computed: What the batch computes now.
        late: Whether rows that arrived after the answer explain it.
        culprits: The rows that make the difference; only looked for in the first difference of a feature.
    """

    feature: str
    prediction: str
    customer: str
    as_of: int
    at: int
    served: Any
    computed: Any
    late: bool
    culprits: tuple[Culprit, ...] = ()


@dataclass(eq=False)
class FeatureParity:
    """How one feature fared.

    Attributes:
        name: Of the feature, or of what the rule or the cost matrix needs besides.
        fingerprint: Of its definition; a feature that was redefined between two bundles has two entries.
        compared: Values compared.
        equal: Exactly equal ones.
        late: Those that rows explain which arrived after the answer.
        different: All others.
        first: The first difference, an unexplained one if there is any.
    """

    name: str
    fingerprint: str
    compared: int = 0
    equal: int = 0
    late: int = 0
    different: int = 0
    first: Difference | None = None


@dataclass(eq=False)
class Parity:
    """What the replay found.

    Attributes:
        score: Name of the score.
        versions: Version of each source in the lake that the batch was computed from.
        predictions: Predictions of the score in the time asked about.
        sent: Of them, those whose values the caller sent: there is no history to compare with.
        compared: Predictions that were computed again.
        waiting: Sources of which events were received that are not in the lake yet, so that the batch does not see them → when
            the oldest of them was received, µs UTC.
        skipped: Bundle → number of its predictions and why they could not be computed again.
        features: In order of the first bundle that has them.
        differences: At most 10,000 of them, in order of their time.
    """

    score: str
    versions: dict[str, int]
    predictions: int = 0
    sent: int = 0
    compared: int = 0
    waiting: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, tuple[int, str]] = field(default_factory=dict)
    features: list[FeatureParity] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether nothing differs unexplained."""
        return not any(feature.different for feature in self.features)


def verify(
    project: Project,
    score: Score,
    *,
    since: int | None = None,
    until: int | None = None,
    sample: int | None = None,
    grace: int = GRACE,
    progress: Callable[[str, float], None] | None = None,
) -> Parity:
    """Replay the journal of *score* through the batch.

    Args:
        project: Where journal, registry and lake are.
        score: As the project file declares it; features are those of the bundles that answered.
        since: Only predictions answered at or after this moment, µs.
        until: Only those answered at or before this moment, µs.
        sample: Only so many predictions, chosen by a hash of their identifiers: the same ones every time.
        grace: µs before an answer in which a row counts as arrived after it.
        progress: Told about the work.

    Raises:
        JournalError: The journal cannot be read.
        FeatureError: The lake has not a source or column that is needed.
    """
    replay = _Replay(project, score, grace)
    replay.parity.waiting = waiting(project, score)
    chosen = _chosen(project, score.name, since, until, replay.parity)
    if sample is not None:
        chosen = iter(sorted(_drawn(chosen, sample), key=lambda p: (p.at, p.id)))
    begin = 0.0
    while chunk := list(islice(chosen, CHUNK)):
        replay.take(chunk, part(progress, begin, 0.95))
        begin = 0.9
    tell(progress, "explain", 0.95)
    replay.finish()
    tell(progress, "done", 1.0)
    return replay.parity


def waiting(project: Project, score: Score) -> dict[str, int]:
    """As :attr:`Parity.waiting`."""
    received, now = Intake(project, None), project.clock.now()
    lags = {name: received.lag(name) for name in sorted(score.sources)}
    return {name: now - round(lag * 1e6) for name, lag in lags.items() if lag > 0}


def _chosen(project: Project, name: str, since: int | None, until: int | None, parity: Parity) -> Iterator[Prediction]:
    """Predictions to compute again; the others are counted."""
    for prediction in recorded(project, score=name, since=since, until=until):
        parity.predictions += 1
        if not prediction.looked_up or prediction.customer is None:
            parity.sent += 1
        else:
            yield prediction


def _drawn(predictions: Iterator[Prediction], count: int) -> list[Prediction]:
    def draw(prediction: Prediction) -> bytes:
        return hashlib.blake2b(prediction.id.encode(), digest_size=8).digest()

    return heapq.nsmallest(count, predictions, key=draw)


@dataclass(frozen=True, eq=False)
class Definition:
    """What a bundle computes.

    Attributes:
        score: Bound, with the features of the bundle.
        schema: Kinds of the columns.
        texts: Gives the components of texts as the bundle learned them.
    """

    score: Score
    schema: Schema
    texts: TextColumns | None

    @property
    def at(self) -> Table | Events | None:
        """The source that moments are taken at."""
        return self.score.moments.source if isinstance(self.score.moments, At) else None


class _Replay:
    """Collects what is found chunk by chunk."""

    def __init__(self, project: Project, score: Score, grace: int) -> None:
        self.project, self.score, self.grace = project, score, grace
        self.parity = Parity(score.name, {})
        self.found: dict[tuple[str, str], FeatureParity] = {}
        self.definitions: dict[tuple[str, str], tuple[Feature, Definition]] = {}
        self.bundles: dict[str, Definition | str] = {}

    def take(self, predictions: Sequence[Prediction], progress: Callable[[str, float], None]) -> None:
        """Compute some predictions again and compare."""
        by_bundle: dict[str, list[Prediction]] = {}
        for prediction in predictions:
            by_bundle.setdefault(prediction.bundle, []).append(prediction)
        for number, (bundle, answered) in enumerate(by_bundle.items()):
            definition = self.bundles.get(bundle)
            if definition is None:
                definition = self.bundles[bundle] = self._definition(bundle)
            if isinstance(definition, str):
                before = self.parity.skipped.get(bundle, (0, ""))[0]
                self.parity.skipped[bundle] = (before + len(answered), definition)
                continue
            begin, end = number / len(by_bundle), (number + 1) / len(by_bundle)
            self._compare(answered, definition, part(progress, begin, end))

    def _definition(self, bundle_hash: str) -> Definition | str:
        """The score as the bundle knows it, and the kinds of its sources; or why it cannot be computed."""
        try:
            bundle = self._bundle(bundle_hash)
            if bundle is None:
                return "no version in the registry has this bundle"
            asked = score_of(bundle, self.score)
            schema = self.project.schema(asked)
            return Definition(asked.bound(schema), schema, bundle_texts(self.project, bundle.texts))
        except VigieError as error:
            return error.what

    def _bundle(self, bundle_hash: str) -> Bundle | None:
        from vigie.bundle import load_bundle

        registry = self.project.registry
        for version in registry.versions(self.score.name):
            if version.bundle_hash == bundle_hash:
                return load_bundle(registry.bundle_path(version))
        return None

    def _compare(
        self, predictions: list[Prediction], definition: Definition, progress: Callable[[str, float], None]
    ) -> None:
        from vigie.features.rowwise import leaves

        score = definition.score
        rule = [score.rule] if score.rule is not None else []
        features = {f.name: f for f in score.bound_features}
        features |= leaves([*rule, *score.decision.payoff().expressions()])
        self._pin(score)
        self.parity.compared += len(predictions)
        computed = self._computed(list(features.values()), predictions, definition, None, progress)
        wrong: dict[str, list[int]] = {}
        for name, feature in features.items():
            tally = self._tally(name, feature, definition)
            values = computed[name]
            unequal = [i for i, p in enumerate(predictions) if not _same(p.values.get(name), values[i])]
            tally.compared += len(predictions)
            tally.equal += len(predictions) - len(unequal)
            if unequal:
                wrong[name] = unequal
        if wrong:
            self._sort_out({name: features[name] for name in wrong}, wrong, predictions, computed, definition)

    def _pin(self, score: Score) -> None:
        for name in score.sources:
            if name not in self.parity.versions:
                self.parity.versions[name] = self.project.lake.version(name)

    def _tally(self, name: str, feature: Feature, definition: Definition) -> FeatureParity:
        key = (name, feature.fingerprint)
        if key not in self.found:
            self.found[key] = FeatureParity(name, feature.fingerprint)
            self.parity.features.append(self.found[key])
            self.definitions[key] = (feature, definition)
        return self.found[key]

    def _computed(
        self,
        features: list[Feature],
        predictions: Sequence[Prediction],
        definition: Definition,
        seen: list[int] | None,
        progress: Callable[[str, float], None] | None = None,
    ) -> dict[str, list[Any]]:
        from vigie.features.spine import pair_features

        found = pair_features(
            features,
            self.project.lake,
            definition.schema,
            customers=[p.customer or "" for p in predictions],
            moments=[p.as_of for p in predictions],
            at=definition.at,
            seen=seen,
            versions=self.parity.versions,
            texts=definition.texts,
            progress=progress,
        )
        return {name: values.to_list() for name, values in found.columns.items()}

    def _sort_out(
        self,
        features: dict[str, Feature],
        wrong: dict[str, list[int]],
        predictions: list[Prediction],
        computed: dict[str, list[Any]],
        definition: Definition,
    ) -> None:
        """Tell late arrivals from differences: values as of what the lake had when it was answered.

        The server may have had all that had arrived by then, all but what had arrived within the grace, or any of what lies between.
        """
        places = sorted({place for unequal in wrong.values() for place in unequal})
        asked = [predictions[place] for place in places]
        cuts = self._cuts(list(features.values()), asked)
        then = [
            self._computed(list(features.values()), asked, definition, [of[min(n, len(of) - 1)] for of in cuts])
            for n in range(max(map(len, cuts)))
        ]
        row = {place: i for i, place in enumerate(places)}
        for name, unequal in wrong.items():
            tally = self.found[name, features[name].fingerprint]
            for place in unequal:
                prediction = predictions[place]
                served = prediction.values.get(name)
                late = any(_same(served, values[name][row[place]]) for values in then)
                tally.late += late
                tally.different += not late
                self._keep(tally, prediction, served, computed[name][place], late=late)

    def _cuts(self, features: list[Feature], asked: Sequence[Prediction]) -> list[list[int]]:
        """For each prediction what it may have been answered by, as moments of arrival, µs.

        The answer, each moment before an arrival of its customer within the grace, and the beginning of that.
        """
        import polars as pl

        from vigie.lifecycle.verify_explain import key_column

        low, high = min(p.at for p in asked) - self.grace, max(p.at for p in asked)
        customers, arrivals = {p.customer for p in asked}, dict[str, set[int]]()
        for name, source in own_sources(features).items():
            rows = self.project.lake.scan(name, version=self.parity.versions[name])
            if "_ingested_at" not in rows.collect_schema():
                continue
            arrived = pl.col("_ingested_at").dt.timestamp("us")
            near = rows.filter(arrived > low, arrived <= high).select(customer=key_column(rows, source.key), at=arrived)
            for customer, at in near.filter(pl.col("customer").is_in(list(customers))).unique().collect().iter_rows():
                arrivals.setdefault(customer, set()).add(at)
        found = []
        for p in asked:
            own = sorted(at for at in arrivals.get(p.customer or "", ()) if p.at - self.grace < at <= p.at)
            found.append([p.at, *(at - 1 for at in own[: -MOST_CUTS - 1 : -1]), p.at - self.grace])
        return found

    def _keep(self, tally: FeatureParity, prediction: Prediction, served: Any, computed: Any, *, late: bool) -> None:
        difference = Difference(
            tally.name,
            prediction.id,
            prediction.customer or "",
            prediction.as_of,
            prediction.at,
            served,
            computed,
            late,
        )
        first = tally.first
        if first is None or (late, prediction.at, prediction.id) < (first.late, first.at, first.prediction):
            tally.first = difference
        if len(self.parity.differences) < MOST_KEPT:
            self.parity.differences.append(difference)

    def finish(self) -> None:
        """Look for the rows that make the first difference of each feature."""
        from vigie.lifecycle.verify_explain import Explainer

        self.parity.differences.sort(key=lambda d: (d.at, d.prediction))
        explainer = Explainer(self.project.lake, self.parity.versions, self.grace)
        for key, tally in self.found.items():
            if tally.first is not None:
                feature, definition = self.definitions[key]
                culprits = explainer.culprits(feature, definition, tally.first)
                tally.first = Difference(**{**vars(tally.first), "culprits": culprits})


def _same(served: Any, computed: Any) -> bool:
    """Whether two values are equal to the last bit; the journal is JSON, where what is not finite is null."""
    if isinstance(computed, float) and not math.isfinite(computed):
        computed = None
    if served is None or computed is None:
        return served is computed
    return bool(served == computed)
