"""What is said of performance at the end of a day: signals from figures that are realised, estimated and bet against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vigie.clock import DAY, iso
from vigie.watch.concept import ALL, RUN, TOLERANCE, Verdict
from vigie.watch.estimate import Coverage, Estimate
from vigie.watch.realised import UNKNOWN, Figure, Realised
from vigie.watch.signal import Area, Signal
from vigie.watch.value import change_of, estimated_loss, fallen, lost_a_day, tail

FALLEN, SHORT, CONCEPT = "VGW201", "VGW202", "VGW203"
"""Realised: a figure below its test, value below what scores promised, outcomes unlike scores."""
ESTIMATED, ESTIMATED_SHORT, NOT_COVERED = "VGW204", "VGW205", "VGW206"
"""Estimated: a figure below its test, value below what scores promised, intervals that do not hold what they promise."""
UNKNOWN_OUTCOMES = "VGW207"
"""Outcomes that should be known and are not."""
RISING = ("log_loss", "brier", "ece")
"""Figures that are worse when they are higher."""
REALISED = ("auc", "average_precision", "f1", "precision", "recall", "log_loss", "brier", "ece")
CHANCE = 0.001
"""Probability below which a fall is taken for one; small, as it is looked at every day."""

FEWEST = 50
"""Customers of a cohort below which its estimate is told and does not ring: where nobody is acted on F1 is 0, for certain, of a new version's first five."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is told.

    Attributes:
        auc: Fall of the AUC below that of the test.
        f1: Likewise of F1.
        log_loss: Rise of the log loss, as a share of that of the test.
        value: Share of the value that scores promised which is lost.
        tolerance: Shift of the log-odds of outcomes at the same score.
        run: Cohorts to a false alarm about concept drift, on average.
        unknown: Share of outcomes that are not known though they should be.
    """

    auc: float = 0.05
    f1: float = 0.1
    log_loss: float = 0.15
    value: float = 0.2
    tolerance: float = TOLERANCE
    run: float = RUN
    unknown: float = 0.05

    def of(self, name: str, reference: float) -> float:
        """Fall of a figure from which it is told; infinite for what is given and never rings by itself."""
        if name == "log_loss":
            return self.log_loss * reference
        return {"auc": self.auc, "f1": self.f1}.get(name, math.inf)


@dataclass(frozen=True, kw_only=True, slots=True)
class Performance:
    """What is known of a model at the end of a window.

    Attributes:
        score: Name of the score.
        model: Version.
        now: µs.
        begin: First moment of the cohorts whose outcomes are known, µs; with *end* the window.
        end: Moment after the last of them, µs.
        realised: Of the window; ``None`` where no outcome is known yet.
        said: What the scores as they are promised of the same customers, by figure.
        test: Figures of the model's test, by name, ``n`` among them.
        customers: Decided on a day, lately.
        currency: Of values.
        unbiased: Whether those who were acted on are left out and the hold-out stands for them; otherwise outcomes may have been changed by what
            was done.
        sources: What outcomes are read from, the one that makes them unknown first.
        silent: Rows whose outcome is known, and those whose outcome is not, each customer once a horizon; ``None``: those of *realised*.
        gone: Customers left out since the registry no longer has the version that scored them, by version.
        late: By source of outcomes: cohorts whose outcomes wait for its next delivery, and those of the window that were worked out without.
        waiting: Customers whose outcome lies ahead.
        estimates: Of cohorts whose outcomes lie ahead, in order.
        promised: Value for each customer that scores as they are promise of the last of them; NaN where it is not known.
        coverage: How far estimates have been right, by figure.
        concept: What the bets say.
    """

    score: str
    model: str
    now: int
    begin: int
    end: int
    realised: Realised | None
    said: Mapping[str, float]
    test: Mapping[str, float]
    customers: float
    currency: str
    unbiased: bool
    sources: Sequence[str] = ()
    silent: tuple[float, float] | None = None
    gone: Mapping[str, int] = field(default_factory=dict)
    late: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    waiting: int = 0
    estimates: Sequence[Estimate] = ()
    promised: float = math.nan
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    concept: Sequence[Verdict] = ()


def signals_of(seen: Performance, limits: Limits | None = None) -> list[Signal]:
    """Signals about everything that was looked at, also where nothing is wrong.

    Args:
        seen: What is known.
        limits: From when on it rings; left out: the defaults.
    """
    limits = limits or Limits()
    found: list[Signal] = []
    if seen.realised is not None and seen.realised.rows > 0:
        found += [_fallen(seen, seen.realised, name, limits) for name in REALISED]
        found += [_rates(seen, seen.realised), _short(seen, seen.realised, limits)]
        found.append(_unknown(seen, seen.realised, limits))
    found += [_concept(seen, one, limits) for one in seen.concept]
    if seen.estimates:
        last = seen.estimates[-1]
        found += [_estimated(seen, last, name, limits) for name in last.figures if name != "value"]
        if "value" in last.figures:
            found.append(_estimated_short(seen, last, limits))
    found += [_coverage(seen, name, one) for name, one in seen.coverage.items() if one.checks]
    return [one for one in found if one is not None]


def _signal(seen: Performance, area: Area, code: str, subject: str, **more: Any) -> Signal:
    told = {"since": seen.begin, "until": seen.end, **more}
    return Signal(score=seen.score, model=seen.model, area=area, code=code, subject=subject, **told)


def _figure(one: Figure, reference: float = math.nan) -> dict[str, float]:
    return {"value": one.value, "low": one.low, "high": one.high, "reference": reference}


def _fallen(seen: Performance, realised: Realised, name: str, limits: Limits) -> Signal:
    reference = float(seen.test.get(name, math.nan))
    drop, chance = fallen(reference, realised, name, float(seen.test.get("n", 0.0)))
    if name in RISING and not math.isnan(drop.value):
        drop = Figure(-drop.value, -drop.high, -drop.low, drop.error)
        chance = tail(drop.value / drop.error)
    limit = limits.of(name, reference)
    now = realised[name]
    change = change_of(name, reference, seen.said.get(name, math.nan), realised, float(seen.test.get("n", 0.0)))
    rings = drop.value >= limit and chance < CHANCE
    words = f"{name} of customers scored {_days(seen)} is {_number(now)}{_tested(reference)}"
    if rings and not math.isnan(change.covariate.value):
        words += f" ({change.covariate.value:+.3f} since the customers are others, {change.concept.value:+.3f} since they turn out otherwise)"
    return _signal(
        seen, Area.PERFORMANCE, FALLEN, name,
        size=drop.value, limit=limit, evidence=chance, rings=rings, words=words,
        details={
            **_figure(now, reference), "said": change.said, "covariate": change.covariate.to_data(), "concept": change.concept.to_data(),
            "rows": realised.rows, "unbiased": seen.unbiased,
        },
    )  # fmt: skip


def _rates(seen: Performance, realised: Realised) -> Signal:
    share = realised["acted"]
    said = float(seen.test.get("acted", math.nan))
    words = f"{share.value:.1%} of customers scored {_days(seen)} are acted on"
    if not math.isnan(said):
        words += f"; {said:.1%} in the test"
    return _signal(
        seen, Area.PERFORMANCE, FALLEN, "decision_rate", size=share.value - said, limit=math.inf, evidence=math.nan, rings=False, words=words,
        details={**_figure(share, said), "outcome_rate": realised["outcome_rate"].to_data(), "slope": realised["slope"].to_data(),
                 "offset": realised["offset"].to_data()},
    )  # fmt: skip


def _short(seen: Performance, realised: Realised, limits: Limits) -> Signal:
    value, short = realised["value"], realised["value_short"]
    promised = realised["value_expected"].value
    lost = lost_a_day(realised, seen.customers)
    share = short.value / abs(promised) if promised else math.nan
    chance = tail(short.value / short.error) if short.error > 0 else math.nan
    rings = share >= limits.value and chance < CHANCE
    words = (
        f"a customer scored {_days(seen)} brought {value.value:+.2f} {seen.currency} ({value.low:+.2f} to {value.high:+.2f}); scores promised "
        f"{promised:+.2f}: {lost.value:,.0f} {seen.currency} a day are lost ({lost.low:,.0f} to {lost.high:,.0f})"
    )
    return _signal(
        seen, Area.PERFORMANCE, SHORT, "value", size=share, limit=limits.value, evidence=chance, rings=rings, loss=lost.value, words=words,
        details={
            **_figure(value, float(seen.test.get("value", math.nan))), "promised": promised, "total": realised["value_total"].to_data(),
            "lost_a_day": lost.to_data(), "customers_a_day": seen.customers, "rows": realised.rows, "unbiased": seen.unbiased,
        },
    )  # fmt: skip


def _unknown(seen: Performance, realised: Realised, limits: Limits) -> Signal:
    known, unknown = seen.silent or (realised.rows, float(realised.unknown))
    count = known + unknown
    share = unknown / max(count, 1.0)
    # The score test: where it says so, Wilson's lower bound is above the limit.
    error = math.sqrt(limits.unknown * max(1 - limits.unknown, 0.0) / max(count, 1.0))
    chance = tail((share - limits.unknown) / error) if error else math.nan
    rings = count >= FEWEST and share >= limits.unknown and chance < CHANCE
    words = (
        f"of {share:.1%} of the customers scored {_days(seen)} it is not known what became of them, though it should be"
    )
    if seen.sources:
        words += f" (it is read from {', '.join(seen.sources)})"
    for source, (waiting, without) in seen.late.items():
        if waiting:
            words += f"; outcomes of {waiting} cohorts wait for a delivery of {source}"
        if without:
            words += f"; those of {without} cohorts were worked out without one of {source}, which did not come in time"
    for version, rows in seen.gone.items():
        words += f"; {rows:,} scored by version {version} are left out: the registry no longer has it"
    return _signal(
        seen, Area.PERFORMANCE, UNKNOWN_OUTCOMES, f"{seen.sources[0]}.outcome" if seen.sources else "outcomes", size=share, limit=limits.unknown,
        evidence=chance, rings=rings, words=words, details={"sources": list(seen.sources), "unknown": realised.unknown, "rows": realised.rows, "waiting": seen.waiting, "gone": dict(seen.gone),
                 "late": {source: list(counts) for source, counts in seen.late.items()}},
    )  # fmt: skip


def _concept(seen: Performance, one: Verdict, limits: Limits) -> Signal:
    who = "customers" if one.group == ALL else f"customers with {one.group}"
    words = (
        f"{one.observed:.1%} of {who} scored {_days(seen, one.begin)} had the outcome; scores said {one.said:.1%}"
        if one.rows
        else f"no outcome of {who} scored {_days(seen, one.begin)} is known"
    )
    return _signal(
        seen, Area.PERFORMANCE, CONCEPT, one.group, size=abs(one.shift), limit=limits.tolerance, evidence=one.evidence, rings=one.rings,
        since=one.since if one.rings else seen.begin, words=words,
        details={"shift": one.shift, "error": one.error, "observed": one.observed, "said": one.said, "rows": one.rows, "unbiased": seen.unbiased},
    )  # fmt: skip


def _estimated(seen: Performance, last: Estimate, name: str, limits: Limits) -> Signal:
    reference = float(seen.test.get(name, math.nan))
    if name == "outcome_rate" and seen.test.get("n"):
        reference = float(seen.test.get("positives", math.nan)) / float(seen.test["n"])
    one = last[name]
    drop = (one.value - reference) if name in RISING else (reference - one.value)
    surely = one.low > reference if name in RISING else one.high < reference
    limit = limits.of(name, reference)
    words = f"{name} of customers scored on {iso(last.moment)[:10]} will be {_number(one)}{_tested(reference)}"
    return _signal(
        seen, Area.ESTIMATE, ESTIMATED, name, size=drop, limit=limit, evidence=math.nan, rings=last.rows >= FEWEST and drop >= limit and surely, words=words,
        since=last.moment, until=last.moment + DAY, details={**_figure(one, reference), **_checked(seen, name), "rows": last.rows},
    )  # fmt: skip


def _estimated_short(seen: Performance, last: Estimate, limits: Limits) -> Signal:
    lost = estimated_loss(seen.promised, last, seen.customers)
    one = last["value"]
    share = (seen.promised - one.value) / abs(seen.promised) if seen.promised else math.nan
    words = (
        f"a customer scored on {iso(last.moment)[:10]} will bring {one.value:+.2f} {seen.currency} ({one.low:+.2f} to {one.high:+.2f}); scores "
        f"promise {seen.promised:+.2f}: {lost.value:,.0f} {seen.currency} a day will be lost ({lost.low:,.0f} to {lost.high:,.0f})"
    )
    return _signal(
        seen, Area.ESTIMATE, ESTIMATED_SHORT, "value", size=share, limit=limits.value, evidence=math.nan,
        rings=last.rows >= FEWEST and share >= limits.value and lost.low > 0, loss=lost.value, words=words, since=last.moment, until=last.moment + DAY,
        details={**_figure(one, float(seen.test.get("value", math.nan))), **_checked(seen, "value"), "promised": seen.promised,
                 "lost_a_day": lost.to_data(), "customers_a_day": seen.customers},
    )  # fmt: skip


def _checked(seen: Performance, name: str) -> dict[str, float]:
    one = seen.coverage.get(name)
    if one is None:
        return {}
    return {
        "checked": one.checks,
        "held": one.held,
        "mean_error": one.error,
        "mean_distance": one.distance,
        "factor": one.factor,
    }


def _coverage(seen: Performance, name: str, one: Coverage) -> Signal:
    # As if only what is independent had been checked: of so few, so many misses by chance at most once in a thousand.
    missed, count = (1 - one.held) * one.independent, max(round(one.independent), 1)
    chance = sum(
        math.comb(count, k) * 0.05**k * 0.95 ** (count - k) for k in range(math.ceil(missed - 1e-9), count + 1)
    )
    words = (
        f"{one.held:.0%} of {one.checks} intervals of 95 % for {name} held what came; off by {one.distance:.3g} on average, by {one.error:+.3g} with "
        f"its sign; intervals are {one.factor:.2f} times as wide as the theory"
    )
    return _signal(
        seen, Area.ESTIMATE, NOT_COVERED, name, size=1 - one.held, limit=0.2, evidence=chance, rings=one.held < 0.8 and chance < 0.01, words=words,
        details={"checked": one.checks, "held": one.held, "independent": one.independent, "factor": one.factor, "mean_error": one.error,
                 "mean_distance": one.distance},
    )  # fmt: skip


def _days(seen: Performance, begin: int | None = None) -> str:
    first, last = iso(seen.begin if begin is None else begin)[:10], iso(seen.end - DAY)[:10]
    return f"on {first}" if first == last else f"from {first} to {last}"


def _tested(reference: float) -> str:
    """What the test said, where it said anything."""
    return "" if math.isnan(reference) else f"; {reference:.3f} in the test"


def _number(one: Figure) -> str:
    if one is UNKNOWN or math.isnan(one.value):
        return "not defined"
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
