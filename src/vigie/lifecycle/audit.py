"""What was answered about a customer, from what, why and by which version: read from the record, and computed again.

A record names the bundle that answered by its hash. The bundle is taken out of the registry and given the recorded values
once more: it must give the recorded probability to the last bit, and then the reasons it gives are those of that answer.
What cannot be shown is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from vigie.data.spool import key_text
from vigie.errors import DefinitionError, RegistryError, SettingsError, VigieError, did_you_mean
from vigie.journal import Prediction
from vigie.lifecycle.batch_record import batch_answers, values_then
from vigie.lifecycle.recorded import recorded
from vigie.lifecycle.score import MOST_REASONS

if TYPE_CHECKING:
    from vigie.bundle import Bundle, Explained
    from vigie.journal.ledger import LedgerLine
    from vigie.lifecycle.project import Project
    from vigie.registry import ModelVersion


@dataclass(frozen=True, slots=True)
class Recomputed:
    """A recorded answer, computed again.

    Attributes:
        problem: Why it could not be; empty where it could.
        probability: Computed from the recorded values by the recorded bundle.
        differs: Fields of the record that the bundle gives otherwise, of ``probability``, ``gain``, ``segment``,
            ``decision`` and ``expected_value``; the last two of requests alone. A decision may be another by intent: in
            an arm that decides otherwise.
        explained: Reasons, the greatest first.
        title: What the score predicts, in words.
        positive: The word for the outcome.
        currency: Of all sums, ISO 4217.
    """

    problem: str = ""
    probability: float = math.nan
    differs: tuple[str, ...] = ()
    explained: Explained | None = None
    title: str = ""
    positive: str = ""
    currency: str = ""

    @property
    def exact(self) -> bool:
        """Whether the bundle gives the recorded probability, to the last bit."""
        return not self.problem and "probability" not in self.differs


@dataclass(frozen=True, slots=True)
class Release:
    """A line of the ledger about the version that answered.

    Attributes:
        at: µs UTC.
        kind: What happened, e.g. ``"promoted"``.
        rollout: In which release.
        by: Who wanted it, where it is known.
        reason: Why, where it is known.
    """

    at: int
    kind: str
    rollout: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One recorded prediction with what can be shown about it.

    Attributes:
        prediction: As it was recorded.
        recomputed: The same, computed again.
        version: The version that answered, as the registry knows it; ``None``: it knows no such bundle.
        released: What the ledger says of that version, up to the moment of the answer, in order.
    """

    prediction: Prediction
    recomputed: Recomputed
    version: ModelVersion | None
    released: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class Audit:
    """What was found about a customer.

    Attributes:
        customer: Key.
        answers: The oldest first.
        more: Older answers that were found and not looked into.
    """

    customer: str
    answers: tuple[Answer, ...]
    more: int = 0

    @property
    def exact(self) -> bool:
        """Whether every answer could be computed again, and came out as it was recorded."""
        return all(answer.recomputed.exact for answer in self.answers)


def audit(
    project: Project,
    customer: str,
    *,
    score: str | None = None,
    since: int | None = None,
    until: int | None = None,
    in_force: bool = False,
    last: int = 20,
    reasons: int = 5,
) -> Audit:
    """What was answered about *customer*.

    Args:
        project: Where record, registry and ledger are.
        customer: Key, as text.
        score: Only this score.
        since: Only what was answered at or after this moment, µs.
        until: Only what was answered at or before this moment, µs.
        in_force: Of each score only the last answer.
        last: So many answers at most, the newest.
        reasons: How many for each answer, at most :data:`~vigie.lifecycle.score.MOST_REASONS`.

    Raises:
        DefinitionError: No customer is named.
        SettingsError: *reasons* or *last* is out of range.
        VigieError: The record cannot be read.
    """
    key = key_text(customer)
    if not key:
        raise DefinitionError("no customer is named", remedy="give the key: vigie audit --customer C17")
    if not 0 <= reasons <= MOST_REASONS:
        raise SettingsError(f"{reasons} reasons for each answer", remedy=f"ask for 0 to {MOST_REASONS}")
    if last < 1:
        raise SettingsError(f"the last {last} answers", remedy="ask for 1 or more")
    found = sorted(_about(project, key, score, since, until), key=lambda p: (p.at, p.id))
    if in_force:
        found = sorted({p.score: p for p in found}.values(), key=lambda p: (p.at, p.id))
    shown = found[-last:]
    looking = _Looking(project, reasons)
    return Audit(key, tuple(looking.answer(one) for one in shown), len(found) - len(shown))


def _about(
    project: Project, customer: str, score: str | None, since: int | None, until: int | None
) -> Iterator[Prediction]:
    if score is not None and score not in project.scores:
        known = {p.score for p in (*recorded(project, customer=customer), *batch_answers(project, customer))}
        if score not in known:
            raise DefinitionError(f"no score '{score}'", remedy=did_you_mean(score, {*project.scores, *known}))
    yield from recorded(project, score=score, customer=customer, since=since, until=until)
    yield from batch_answers(project, customer, score=score, since=since, until=until)


class _Looking:
    """Looks into answers; a bundle is loaded once for all that it gave."""

    def __init__(self, project: Project, reasons: int) -> None:
        self._project, self._reasons = project, reasons
        self._versions: dict[str, Sequence[ModelVersion]] = {}
        self._bundles: dict[tuple[str, str], Bundle | str] = {}
        self._lines: dict[str, Sequence[LedgerLine]] = {}

    def answer(self, prediction: Prediction) -> Answer:
        """*prediction* with what can be shown about it."""
        version = self._version(prediction)
        prediction, again = self._recomputed(prediction, version)
        return Answer(prediction, again, version, self._released(prediction))

    def _version(self, prediction: Prediction) -> ModelVersion | None:
        name = prediction.score
        if name not in self._versions:
            try:
                self._versions[name] = self._project.registry.versions(name)
            except RegistryError:
                self._versions[name] = ()
        same = [one for one in self._versions[name] if one.bundle_hash == prediction.bundle]
        # A bundle may be registered twice: the number that answered is the one.
        return next((one for one in same if str(one.version) == prediction.model), same[0] if same else None)

    def _bundle(self, prediction: Prediction, version: ModelVersion | None) -> Bundle | str:
        """The very bundle that answered; or why it is not there."""
        from vigie.bundle import load_bundle

        key = (prediction.score, prediction.bundle)
        if key not in self._bundles:
            found: Bundle | str = "no version in the registry has the bundle that answered"
            if version is not None:
                try:
                    found = load_bundle(self._project.registry.bundle_path(version), prediction.bundle)
                except VigieError as error:
                    found = str(error)
            self._bundles[key] = found
        return self._bundles[key]

    def _recomputed(self, prediction: Prediction, version: ModelVersion | None) -> tuple[Prediction, Recomputed]:
        """The prediction, of a batch with the values that it saw, and the same computed again."""
        bundle = self._bundle(prediction, version)
        if isinstance(bundle, str):
            return prediction, Recomputed(bundle)
        try:
            if prediction.source == "batch":
                declared = self._project.score(prediction.score)
                values = values_then(self._project, declared, bundle, prediction)
                prediction = msgspec.structs.replace(prediction, values=values)
            return prediction, recomputed(bundle, prediction, self._reasons)
        except VigieError as error:
            return prediction, Recomputed(str(error))

    def _released(self, prediction: Prediction) -> tuple[Release, ...]:
        name = prediction.score
        if name not in self._lines:
            self._lines[name] = ledger_lines(self._project, name)
        return releases_of(self._lines[name], prediction.model, prediction.at)


def recomputed(bundle: Bundle, prediction: Prediction, reasons: int = 5) -> Recomputed:
    """What *bundle* says to the recorded values.

    Raises:
        BundleError: Its parts do not fit together.
    """
    from vigie.bundle import Explainer, Scorer

    scorer = Scorer(bundle)
    answer = scorer.score_one(prediction.values)
    rule = bundle.decision
    gives: dict[str, Any] = {
        "probability": answer.probability,
        "gain": _finite(answer.gain),
        "segment": answer.segment_name,
    }
    if prediction.source == "api":  # a batch decides among all customers of its moment, within the capacity
        gives |= {"decision": rule.word(answer.act), "expected_value": _finite(answer.expected_value)}
    explained = Explainer(bundle).explained(prediction.values, reasons) if reasons else None
    return Recomputed(
        probability=answer.probability,
        differs=tuple(name for name, value in gives.items() if getattr(prediction, name) != value),
        explained=explained,
        title=bundle.title,
        positive=rule.positive,
        currency=rule.currency,
    )


def ledger_lines(project: Project, name: str) -> Sequence[LedgerLine]:
    """What the ledger says of the releases of a score; nothing where there is no ledger yet.

    Raises:
        JournalError: It cannot be read.
    """
    from vigie.lifecycle.rollout import ledger_of

    if not project.settings.ledger and not (project.settings.state / "ledger.db").exists():
        return ()
    ledger = ledger_of(project)
    try:
        return ledger.lines(name)
    finally:
        ledger.close()


def releases_of(lines: Iterable[LedgerLine], version: str, until: int) -> tuple[Release, ...]:
    """The lines about rollouts in which *version* took part, up to the moment *until*."""
    parts: dict[str, Mapping[str, Any]] = {}
    found = []
    for line in lines:
        if line.at > until:
            break
        rollout = str(line.body.get("rollout", ""))
        if line.kind == "started":
            parts[rollout] = line.body
        begun = parts.get(rollout, {})
        if version in (begun.get("challenger"), begun.get("champion")):
            by = str(line.body.get("by") or "")
            found.append(Release(line.at, line.kind, rollout, by, str(line.body.get("reason", ""))))
    return tuple(found)


def _finite(amount: float) -> float | None:
    return amount if math.isfinite(amount) else None
