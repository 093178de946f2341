"""``[watch.performance]`` of ``vigie.toml``: what belongs together, how long it is told of, and from when on it rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie.errors import DefinitionError, SettingsError
from vigie.lifecycle.project import Project
from vigie.watch.cohorts import Length

if TYPE_CHECKING:
    from vigie.watch.realised_signals import Limits

WHERE = "[watch.performance]"


@dataclass(frozen=True, slots=True)
class PerformancePolicy:
    """``[watch.performance]`` of ``vigie.toml``.

    Attributes:
        cohort: What belongs together.
        window: Time whose cohorts are told of together, µs.
        grace: How long after its outcomes are mature a cohort is worked out again where new data came, µs.
        limits: From when on something rings.
    """

    cohort: Length
    window: int
    grace: int
    limits: Limits


def performance_policy(project: Project) -> PerformancePolicy:
    """When performance is told.

    Raises:
        SettingsError: A value cannot be meant.
    """
    from vigie.watch.realised_signals import Limits

    told: Mapping[str, Any] = project.settings.watch.get("performance", {})
    cohort = told.get("cohort", "day")
    if cohort not in ("day", "week"):
        raise SettingsError(f"cohort = {cohort!r}", where=WHERE, remedy="write day or week")
    given = {
        key: _positive(key, told[key])
        for key in ("auc", "f1", "log_loss", "value", "tolerance", "unknown")
        if key in told
    }
    a_month = _positive("false_alarms", told.get("false_alarms", 0.1))
    length = 7.0 if cohort == "week" else 1.0
    return PerformancePolicy(
        cohort,
        _time("window", told.get("window", "28d")),
        _time("grace", told.get("grace", "7d")),
        Limits(**given, run=30.0 / a_month / length),
    )


def _positive(key: str, said: object) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > 0:
        raise SettingsError(f"{key} = {said!r} is not a number above 0", where=WHERE, remedy="give one, such as 0.05")
    return float(said)


def _time(key: str, said: object) -> int:
    from vigie.definition.window import Window

    try:
        return Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"{key} = {said!r}", where=WHERE, remedy="write a time, such as 28d") from error
