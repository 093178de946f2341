"""The policies that can be rehearsed, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vigie.clock import DAY, parse_moment
from vigie.definition.moments import Every
from vigie.errors import InputError, SettingsError, did_you_mean
from vigie.features.moments import schedule
from vigie.watch.policy import Policy, policy_of

NEVER, PROJECT = "never", "project"
CALENDAR = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year"}
"""Words for training at the beginning of each period."""
DRIFT = ("signal(VGW104)", "signal(VGW106)", "signal(VGW107)")
"""The score, the outcome rate, or the features weighted by importance have moved away from training."""
LOSS = ("signal(VGW202)", "signal(VGW205)")
"""Value is lost: realised of those whose outcome is known, or estimated of those whose outcome lies ahead."""
PAUSE = 28
"""Days between two trainings by drift or loss at least: what made one ring often goes on until the next model answers."""
NAMES = (NEVER, *CALENDAR, "on-drift", "on-loss", PROJECT)


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy.

    Attributes:
        name: As it is called.
        policy: Criteria; none where the calendar alone decides.
        period: Calendar period at whose beginning it trains; empty: none.
    """

    name: str
    policy: Policy
    period: str = ""

    def planned(self, begin: int, end: int) -> list[int]:
        """Moments after *begin* up to *end*, µs, at which the calendar trains."""
        return schedule(Every(self.period), begin + 1, end).tolist() if self.period else []


def rule_of(name: str, retrain: Mapping[str, Any]) -> Rule:
    """The policy that is called *name*.

    Args:
        name: One of :data:`NAMES`.
        retrain: ``[retrain]`` of ``vigie.toml``, for ``project``.

    Raises:
        SettingsError: There is no such policy, or ``[retrain]`` declares none or cannot be read.
    """
    if name == PROJECT:
        policy = policy_of(retrain)
        if not policy.when:
            raise SettingsError(
                "the project declares no policy to rehearse", where="[retrain] when",
                remedy='write [retrain] when = ["age > 30d"], or leave out --policy project',
            )  # fmt: skip
        return Rule(name, policy)
    if name in CALENDAR:
        return Rule(name, Policy(), CALENDAR[name])
    criteria = {NEVER: (), "on-drift": DRIFT, "on-loss": LOSS}.get(name)
    if criteria is None:
        raise SettingsError(f"no policy is called '{name}'", where="--policy", remedy=did_you_mean(name, NAMES))
    return Rule(name, policy_of({"when": list(criteria), "unless": [], "at_most": f"{PAUSE}d"}))


def rules_of(names: Sequence[str], retrain: Mapping[str, Any]) -> list[Rule]:
    """Policies by name, each once, ``never`` first: the others are compared with it.

    Raises:
        SettingsError: See :func:`rule_of`.
    """
    return [rule_of(name, retrain) for name in dict.fromkeys((NEVER, *names))]


def length_of(said: object, key: str) -> int:
    """A length of whole days, µs.

    Raises:
        SettingsError: It is none.
    """
    from vigie.definition.window import Window
    from vigie.errors import DefinitionError

    try:
        found = Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"{said!r} is not a length of time", where=key, remedy="write 7d") from error
    return -(-found // DAY) * DAY


def period_moment(text: str, field: str) -> int:
    """The moment that ``2011-03`` (the first of the month), a date or a time names, µs.

    Raises:
        InputError: It is none of them.
    """
    try:
        return parse_moment(f"{text}-01" if len(text) == 7 else text)
    except ValueError as error:
        raise InputError(f"'{text}' is not a day", field=field, remedy="write 2011-03 or 2011-03-15") from error
