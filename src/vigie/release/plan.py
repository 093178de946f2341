"""The way from a new version to all customers, as data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from vigie.errors import SettingsError, did_you_mean
from vigie.release.guardrails import Guardrails

Strategy = Literal["canary", "blue-green", "ab"]
STRATEGIES: tuple[Strategy, ...] = ("canary", "blue-green", "ab")
_WHERE = "[rollout]"
_MINUTE, _DAY = 60.0, 86_400.0

BLUE_GREEN = 0.95
"""Share of blue-green: everybody but those who show what the champion would have done at the same time."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stay on the way.

    Attributes:
        kind: ``"shadow"``: scores beside the champion and answers nobody; ``"canary"``: answers its share; ``"bake"``:
            likewise, and the last: it ends with a promotion where every guardrail is passed.
        share: Of the customers who get the challenger, 0 … below 1.
        min_units: Customers who had the challenger in the step, or were scored by it in the shadow, before it may be left.
        min_seconds: Time in the step before it may be left.
        max_seconds: Time after which a step that could not be left ends the rollout without a verdict.
    """

    kind: Literal["shadow", "canary", "bake"]
    share: float
    min_units: int
    min_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps and tolerances of a rollout.

    Attributes:
        strategy: What it is called.
        steps: In order; the last is a bake.
        rails: Tolerances.
    """

    strategy: Strategy
    steps: tuple[Step, ...]
    rails: Guardrails = field(default_factory=Guardrails)

    @property
    def shares(self) -> tuple[float, ...]:
        """The challenger's share in each step."""
        return tuple(step.share for step in self.steps)


KEYS = {
    "shares": (0.01, 0.1, 0.5),
    "shadow": True,
    "min_requests": 50,
    "step_seconds": 5 * _MINUTE,
    "bake_seconds": 30 * _MINUTE,
    "max_seconds": 7 * _DAY,
}
"""Keys of ``[rollout]`` that say how to go, and their defaults; ``min_requests`` counts customers who had the challenger in a step."""


def plan_of(strategy: str, said: Mapping[str, Any], rails: Guardrails) -> Plan:
    """The steps of a strategy.

    ``canary`` shadows, then answers ever greater shares, and bakes at the last. ``blue-green`` goes from the shadow to 95 %
    at once. ``ab`` gives each model half of the customers until the outcomes have told; scores and decisions may differ then,
    since that is what is tried.

    Args:
        strategy: One of :data:`STRATEGIES`.
        said: Keys of ``[rollout]``; those of :data:`KEYS` count.
        rails: Tolerances.

    Raises:
        SettingsError: There is no such strategy, or the shares do not rise from above 0 to below 1.
    """
    if strategy not in STRATEGIES:
        raise SettingsError(f"no strategy is called '{strategy}'", remedy=did_you_mean(strategy, STRATEGIES))
    chosen = {key: said.get(key, default) for key, default in KEYS.items()}
    for key in ("min_requests", "step_seconds", "bake_seconds", "max_seconds"):
        number = chosen[key]
        if isinstance(number, bool) or not isinstance(number, int | float) or number < 0:
            raise SettingsError(f"{key} = {number!r} is not a number from 0 on", where=_WHERE)
    step = Step("canary", 0.0, int(chosen["min_requests"]), float(chosen["step_seconds"]), float(chosen["max_seconds"]))
    shares = _shares(chosen["shares"])
    match strategy:
        case "blue-green":
            shares = (BLUE_GREEN,)
        case "ab":
            # Scores and decisions are what is tried, and a draw is no reason to change.
            shares, rails = (0.5,), replace(rails.without("scores", "decisions"), value_loss=0.0)
            if "value" not in rails.judged:
                raise SettingsError(
                    "an A/B test is about value, and the value of a decision has no range",
                    where=_WHERE,
                    remedy="the cost matrix differs by customer: give value_low and value_high, its least and greatest sum",
                )
    first = [replace(step, kind="shadow")] if chosen["shadow"] else []
    between = [replace(step, share=share) for share in shares[:-1]]
    bake = replace(step, kind="bake", share=shares[-1], min_seconds=float(chosen["bake_seconds"]))
    return Plan(strategy, (*first, *between, bake), rails)


def _shares(said: object) -> tuple[float, ...]:
    numbers = said if isinstance(said, Sequence) and not isinstance(said, str) else []
    shares = tuple(float(one) for one in numbers if isinstance(one, int | float) and not isinstance(one, bool))
    rising = all(a < b for a, b in itertools.pairwise(shares))
    if not shares or len(shares) != len(numbers) or not rising or not shares[0] > 0 or not shares[-1] < 1:
        raise SettingsError(
            f"shares = {said!r} do not rise from above 0 to below 1",
            where=_WHERE,
            remedy="write shares = [0.01, 0.1, 0.5]; without anybody left on the champion nothing can be compared",
        )
    return shares
