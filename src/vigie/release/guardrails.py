"""What a challenger may not do, and what the evidence says about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from vigie.errors import SettingsError, did_you_mean
from vigie.release import decisions, failures, latency, scores, value
from vigie.release.apart import Apart
from vigie.release.cells import ERRORS, UNITS, Evidence

NAMES = ("errors", "latency", "scores", "decisions", "value")
OFF = 1e9
"""A factor from which on a guardrail is off; an infinite one becomes this, since JSON has no infinity."""
_WHERE = "[rollout]"
_MOST = 0.99
"""Limit above which there would be nothing left to bet on."""


@dataclass(frozen=True, slots=True)
class Guardrails:
    """How much worse than the champion a challenger may be, and how sure one wants to be.

    A distance of 1 and an infinite factor switch a guardrail off.

    Attributes:
        alpha: Probability with which a challenger that keeps within every tolerance is ever rolled back, at most. Divided
            by the number of guardrails (Bonferroni). It is promoted although it breaks one with the same probability at
            most; since all have to be passed, nothing is divided there.
        errors_factor: It may fail so many times as often as the champion.
        errors_floor: It may fail in this share of requests whatever the champion does.
        latency_factor: It may take so many times as long, at every quantile; taken to the nearest power of √2.
        latency_beyond: Share of requests that may take longer still.
        latency_floor: Seconds that it may take whatever the champion takes, 0 … 10.
        score_distance: Kolmogorov's distance between the scores of both, a share of customers.
        decision_difference: Difference between the shares of customers acted on.
        value_loss: Share of the champion's value that its decisions may lose, judged as outcomes become known.
        value_low: Least value of a decision, currency for one customer.
        value_high: Greatest; where both are the same, value is not judged.
        seen: What a gate saw of scores and decisions, to which the two tolerances are added; ``None``: no gate has looked, and
            the challenger is held against the champion as it is.

    Raises:
        SettingsError: A number cannot be meant.
    """

    alpha: float = 0.05
    errors_factor: float = 1.25
    errors_floor: float = 0.002
    latency_factor: float = math.sqrt(2)
    latency_beyond: float = 0.02
    latency_floor: float = 0.005
    score_distance: float = 0.05
    decision_difference: float = 0.05
    value_loss: float = 0.1
    value_low: float = 0.0
    value_high: float = 0.0
    seen: Apart | None = None

    def __post_init__(self) -> None:
        for name, least, greatest in (
            ("alpha", 0.0, 0.5),
            ("errors_floor", 0.0, 1.0),
            ("latency_beyond", 0.0, 1.0),
            ("score_distance", 0.0, math.inf),
            ("decision_difference", 0.0, math.inf),
        ):
            if not least < getattr(self, name) <= greatest:
                raise SettingsError(
                    f"{name} = {getattr(self, name)} is not above {least:g}"
                    + (f" and at most {greatest:g}" if math.isfinite(greatest) else ""),
                    where=_WHERE,
                    remedy="give a share, such as 0.05",
                )
        for name in ("errors_factor", "latency_factor"):
            if getattr(self, name) > OFF:
                object.__setattr__(self, name, OFF)
            if not getattr(self, name) >= 1:
                raise SettingsError(
                    f"{name} = {getattr(self, name)} is below 1", where=_WHERE, remedy="1 means: as the champion"
                )
        if not 0 <= self.latency_floor <= 10:
            raise SettingsError(
                f"latency_floor = {self.latency_floor} is not from 0 to 10",
                where=_WHERE,
                remedy="give seconds that nobody minds, such as 0.005",
            )
        if not (self.value_low <= self.value_high and self.value_loss < 1):
            raise SettingsError(
                "the value of a decision has no range, or all of it may be lost",
                where=_WHERE,
                remedy="give value_low below value_high, and value_loss below 1",
            )

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Guardrails:
        """From the keys of ``[rollout]`` that are guardrails; others are passed over.

        Raises:
            SettingsError: A value is not a number, or cannot be meant.
        """
        known = {field.name for field in fields(cls)} - {"seen"}
        chosen: dict[str, Any] = {}
        for name in known & set(said):
            if isinstance(said[name], bool) or not isinstance(said[name], int | float):
                raise SettingsError(f"{name} is not a number", where=_WHERE, remedy="write it as 0.05")
            chosen[name] = float(said[name])
        return cls(**chosen)

    def without(self, *names: str) -> Guardrails:
        """The same with some guardrails switched off.

        Raises:
            SettingsError: There is no such guardrail.
        """
        off = {
            "errors": {"errors_factor": OFF},
            "latency": {"latency_factor": OFF},
            "scores": {"score_distance": 1.0},
            "decisions": {"decision_difference": 1.0},
            "value": {"value_low": 0.0, "value_high": 0.0},
        }
        chosen = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in names:
            if name not in off:
                raise SettingsError(f"no guardrail is called '{name}'", remedy=did_you_mean(name, NAMES))
            chosen |= off[name]
        return Guardrails(**chosen)

    def beside(self, seen: Apart | None) -> Guardrails:
        """The same for a challenger that a gate has seen: what it saw is no harm, and what goes beyond by the tolerance is."""
        return replace(self, seen=seen)

    @property
    def scores_expected(self) -> scores.Sides:
        """How much further than ``score_distance`` the challenger's scores may lie up and down, shares of customers."""
        seen = self.seen
        return _within(self.score_distance, seen.higher, seen.lower) if seen is not None else scores.SAME

    @property
    def decisions_expected(self) -> scores.Sides:
        """How many more and fewer customers it may act on besides ``decision_difference``, shares."""
        seen = self.seen
        return _within(self.decision_difference, seen.more, seen.fewer) if seen is not None else scores.SAME

    @property
    def judged(self) -> tuple[str, ...]:
        """Names of the guardrails that are on."""
        on = {
            "errors": self.errors_factor < OFF and self.errors_floor < 1,
            "latency": self.latency_factor < OFF and self.latency_beyond < 1,
            "scores": self.score_distance < 1,
            "decisions": self.decision_difference < 1,
            "value": self.value_high > self.value_low,
        }
        return tuple(name for name in NAMES if on[name])

    @property
    def level(self) -> float:
        """Probability of a false rollback by one guardrail."""
        return self.alpha / max(len(self.judged), 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says about one guardrail.

    Attributes:
        guardrail: Its name.
        state: ``"harmful"``: worse than it may be; ``"passed"``: not worse than it may be; ``"open"``: neither is shown.
        harm: Evidence of harm, 0 … 1 and more: logarithm of the wealth as a share of what a rollback needs.
        safety: Likewise, of what a pass needs.
        champion: The figure of the champion, in the unit of *what*; NaN where there is none.
        challenger: That of the challenger.
        what: The figure in words, with its unit.
        allowed: The tolerance in words.
    """

    guardrail: str
    state: Literal["harmful", "passed", "open"]
    harm: float
    safety: float
    champion: float
    challenger: float
    what: str
    allowed: str


def judge(evidence: Evidence, rails: Guardrails) -> tuple[Verdict, ...]:
    """What is known by now. May be asked at any time and as often as one likes.

    Args:
        evidence: All that was counted since the rollout began.
        rails: Tolerances.
    """
    refute, pass_at = -math.log(rails.level), -math.log(rails.alpha)
    found = []
    for name in rails.judged:
        harm, safe, figures = _looks(name, evidence, rails)
        to_refute, to_pass = harm() / refute, safe() / pass_at
        state: Literal["harmful", "passed", "open"] = "open"
        if to_refute >= 1:
            state = "harmful"
        elif to_pass >= 1:
            state = "passed"
        found.append(Verdict(name, state, to_refute, to_pass, *figures))
    return tuple(found)


_Figures = tuple[float, float, str, str]


def _looks(name: str, e: Evidence, g: Guardrails) -> tuple[Callable[[], float], Callable[[], float], _Figures]:
    champion, challenger = e.of("champion"), e.of("challenger")
    nan = math.nan
    match name:
        case "errors":
            units = challenger[UNITS] + e.shadow[UNITS]
            failed = challenger[ERRORS] + e.shadow[ERRORS]
            rates = (_share(champion[ERRORS], champion[UNITS]), _share(failed, units))
            allowed = f"{g.errors_factor:g} times the champion's, or {g.errors_floor:.2%}"
            limits = (e, g.errors_factor, g.errors_floor)
            return (
                lambda: failures.harm(*limits),
                lambda: failures.safe(*limits),
                (*rates, "share of requests that failed", allowed),
            )
        case "latency":
            times = (latency.quantile(champion, 0.95), latency.quantile(challenger, 0.95))
            factor = math.sqrt(2) ** latency.edges_of(g.latency_factor)
            allowed = (
                f"{factor:.3g} times the champion's, or {g.latency_floor:g}; {g.latency_beyond:.0%} of requests aside"
            )
            fast = (e, g.latency_factor, g.latency_beyond, g.latency_floor)
            return (
                lambda: latency.harm(*fast),
                lambda: latency.safe(*fast),
                (*times, "95 % of requests took at most, seconds", allowed),
            )
        case "scores":
            apart = (e, g.score_distance, g.scores_expected)
            allowed = _allowed(g.score_distance, g.scores_expected, f"{g.score_distance:g}", "higher", "lower", g.seen)
            return (
                lambda: scores.harm(*apart),
                lambda: scores.safe(*apart),
                (nan, scores.distance(e), "distance of the scores' distributions", allowed),
            )
        case "decisions":
            shares = (decisions.share(champion), decisions.share(challenger))
            acts = (e, g.decision_difference, g.decisions_expected)
            plain = f"{g.decision_difference:g} more or less"
            allowed = _allowed(g.decision_difference, g.decisions_expected, plain, "more", "less", g.seen)
            return (
                lambda: decisions.harm(*acts),
                lambda: decisions.safe(*acts),
                (*shares, "share of customers acted on", allowed),
            )
        case _:
            low, high = g.value_low, g.value_high
            means = (value.mean(champion, low, high), value.mean(challenger, low, high))
            said = f"{-g.value_loss:+.0%}" if g.value_loss else "not less than the champion's"
            return (
                lambda: value.harm(e, low, high, g.value_loss),
                lambda: value.safe(e, low, high, g.value_loss),
                (*means, "value of a decision whose outcome is known, currency", said),
            )


def _within(tolerance: float, up: float, down: float) -> scores.Sides:
    """What was seen, so that with the tolerance it stays below everything."""
    most = max(_MOST - tolerance, 0.0)
    return min(up, most), min(down, most)


def _allowed(tolerance: float, expected: scores.Sides, plain: str, up: str, down: str, seen: Apart | None) -> str:
    if seen is None:
        return plain
    (_, most), (_, least) = scores.limits(tolerance, expected)
    return f"{most:.3g} {up} or {least:.3g} {down}: {tolerance:g} beyond what the gate saw"


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan
