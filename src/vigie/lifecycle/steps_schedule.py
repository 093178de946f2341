"""When the steps of a project run: what ``[schedule]`` says, and which runs are due.

    [schedule.ingest]
    every = "1h"

    [schedule.score]
    cron = "0 6 * * mon-fri"
    zone = "Europe/Paris"
    catch_up = "last"

A *slot* is a moment at which a step should run. Everything here is worked out from the schedule and two moments: nothing is
remembered, so the same question has the same answer in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from vigie.clock import moment_of
from vigie.errors import DefinitionError, MissingExtraError, SettingsError, did_you_mean
from vigie.settings_keys import STEPS

CatchUp = Literal["last", "all", "none"]
CATCH_UPS: tuple[CatchUp, ...] = ("last", "all", "none")
LATE = 60_000_000
"""With ``catch_up = "none"``: how long after its slot a run may be noticed to be due, µs of the machine's time."""
MOST_MISSED = 1_000
"""With ``catch_up = "all"``: how many missed slots are made up for at most; the latest ones."""
_SECOND = 1_000_000
AT_MOST = {"retrain": 3 * 86_400 * _SECOND}
"""How long a try may take where ``at_most`` does not say, µs of the machine's time; any other step: :data:`USUALLY`."""
USUALLY = 6 * 3_600 * _SECOND


@dataclass(frozen=True, slots=True)
class Schedule:
    """When one step runs.

    Attributes:
        step: One of :data:`vigie.settings_keys.STEPS`.
        every: Time between two slots, µs; they are its multiples since 1970-01-01 UTC. 0 where *cron* says when.
        cron: Five fields, as cron has them; empty where *every* says when.
        zone: Time zone in which *cron* is meant.
        catch_up: Of slots that nobody ran: the last one alone, all of them in order, or none.
        tries: How often a run is tried at most.
        backoff: Pause before the second try, µs; each further one is twice as long.
        at_most: How long a try may take, µs of the machine's time also where a project lives by a faster clock.
    """

    step: str
    every: int = 0
    cron: str = ""
    zone: str = "UTC"
    catch_up: CatchUp = "last"
    tries: int = 3
    backoff: int = 60 * _SECOND
    at_most: int = USUALLY

    @property
    def words(self) -> str:
        """When, as ``vigie.toml`` says it."""
        return f"every {length_words(self.every)}" if self.every else f"{self.cron} {self.zone}"


def schedules_of(said: Mapping[str, Any]) -> tuple[Schedule, ...]:
    """The schedules that ``[schedule]`` declares, in the order in which steps follow each other.

    Args:
        said: The table.

    Raises:
        SettingsError: One of them cannot be meant.
        MissingExtraError: ``cron`` needs cronsim.
    """
    shared = {key: said[key] for key in ("zone", "catch_up", "tries", "backoff", "at_most") if key in said}
    return tuple(_schedule(step, {**shared, **said[step]}) for step in STEPS if step in said)


def length_words(length: int) -> str:
    """A length of time, µs, as ``vigie.toml`` says it: ``6h``."""
    from vigie.definition import Window

    return Window(length).label


def cron_of(schedule: Schedule) -> str | None:
    """The cron text of a schedule; ``None`` where its slots are not those of any.

    >>> cron_of(Schedule("ingest", every=15 * 60_000_000)), cron_of(Schedule("ingest", every=7 * 60_000_000))
    ('*/15 * * * *', None)
    """
    if schedule.cron:
        return schedule.cron
    minutes, rest = divmod(schedule.every, 60_000_000)
    if rest:
        return None
    if 60 % minutes == 0:
        return {1: "* * * * *", 60: "0 * * * *"}.get(minutes, f"*/{minutes} * * * *")
    hours, rest = divmod(minutes, 60)
    if rest or 24 % hours:
        return None
    return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"


def due_together(schedules: Sequence[Schedule], apart: Callable[[Schedule], object]) -> list[tuple[Schedule, ...]]:
    """The schedules, those with the same slots together, each group in their order.

    Args:
        schedules: Of a project.
        apart: Those of which it says something different are apart all the same.
    """
    groups: dict[tuple[object, ...], list[Schedule]] = {}
    for one in schedules:
        cron = cron_of(one)
        when = one.every if cron is None else " ".join(cron.lower().split())
        zone = one.zone if one.cron else "UTC"
        groups.setdefault((when, zone, apart(one)), []).append(one)
    return [tuple(group) for group in groups.values()]


def parallel_of(said: Mapping[str, Any]) -> int:
    """How many steps may run at once.

    Raises:
        SettingsError: It is no whole number above 0.
    """
    return _whole(said.get("parallel", 2), "parallel", "[schedule]")


def slots(schedule: Schedule, after: int, until: int) -> Iterator[int]:
    """The slots in (*after*, *until*], in order, each once.

    Where the clocks go forward, a cron time of day that does not exist runs at the moment when they do; where they go back, one
    that exists twice runs once; what runs every hour or every minute does so in time as it passes. That is Debian's cron.

    Args:
        schedule: Of the step.
        after: µs UTC.
        until: µs UTC.
    """
    if schedule.every:
        slot = (after // schedule.every + 1) * schedule.every
        while slot <= until:
            yield slot
            slot += schedule.every
        return
    before = after
    for when in _cron(schedule, after):
        slot = moment_of(when)
        if slot > until:
            return
        if slot > before:
            yield slot
            before = slot


def following(schedule: Schedule, now: int) -> int:
    """The first slot after *now*, µs UTC."""
    return next(slots(schedule, now, now + 100 * 366 * 86_400 * _SECOND))


def due(schedule: Schedule, last: int, now: int, late: int = LATE) -> tuple[int, ...]:
    """The slots that a run should be begun for now, in order.

    Args:
        schedule: Of the step.
        last: The last slot that a run was begun for, or when the schedule was first seen; µs UTC.
        now: µs UTC. Before *last*, where a clock was put back, nothing is due.
        late: With ``catch_up = "none"``: how long after its slot a run may still begin, µs.
    """
    if now <= last:
        return ()
    if schedule.catch_up == "none":
        last = max(last, now - late - 1)
    keep = MOST_MISSED if schedule.catch_up == "all" else 1
    span = 2 * keep * schedule.every or 86_400 * _SECOND
    while True:  # after a long time only its end is looked at
        begin = max(last, now - span)
        missed = tuple(slots(schedule, begin, now))
        if begin == last or len(missed) >= keep:
            return missed[-keep:]
        span *= 8


def _cron(schedule: Schedule, after: int) -> Iterator[datetime]:
    try:
        from cronsim import CronSim
    except ImportError as error:
        raise MissingExtraError("cronsim", extra="train") from error
    # cronsim counts in whole minutes and looks at the wall clock: it begins a little before, and what is too early is left out.
    begin = datetime.fromtimestamp(after // _SECOND - 2 * 3_600, tz=UTC).astimezone(ZoneInfo(schedule.zone))
    return cast("Iterator[datetime]", CronSim(schedule.cron, begin))


def _schedule(step: str, said: Mapping[str, Any]) -> Schedule:
    where = f"[schedule.{step}]"
    if ("every" in said) == ("cron" in said):
        raise SettingsError(
            "needs one of every and cron" if "every" not in said else "every and cron exclude each other",
            where=where,
            remedy='write every = "1h", or cron = "0 6 * * *"',
        )
    catch_up = str(said.get("catch_up", "last"))
    if catch_up not in CATCH_UPS:
        raise SettingsError(
            f"catch_up = '{catch_up}' is not known", where=where, remedy=did_you_mean(catch_up, CATCH_UPS)
        )
    zone = str(said.get("zone", "UTC"))
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"zone = '{zone}' is no time zone", where=where, remedy="write it as Europe/Paris"
        ) from error
    every = _length(said["every"], "every", where) if "every" in said else 0
    found = Schedule(
        step,
        every,
        str(said.get("cron", "")),
        zone,
        catch_up,
        _whole(said.get("tries", 3), "tries", where),
        _length(said.get("backoff", "1m"), "backoff", where),
        _length(said["at_most"], "at_most", where) if "at_most" in said else AT_MOST.get(step, USUALLY),
    )
    if not every:
        _check_cron(found, where)
    return found


def _check_cron(schedule: Schedule, where: str) -> None:
    """Makes sure that the text is a cron expression that is ever met."""
    try:
        from cronsim import CronSim, CronSimError
    except ImportError as error:
        raise MissingExtraError("cronsim", extra="train") from error
    wrong = SettingsError(
        f"cron = '{schedule.cron}' is no cron expression that is ever met",
        where=where,
        remedy="write five fields: minute, hour, day of the month, month, day of the week; 30 6 * * mon-fri",
    )
    if len(schedule.cron.split()) != 5:
        raise wrong
    try:
        next(CronSim(schedule.cron, datetime(2000, 1, 1, tzinfo=UTC)))
    except (CronSimError, StopIteration) as error:
        raise wrong from error


def _length(said: object, key: str, where: str) -> int:
    from vigie.definition import Window

    try:
        found = Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(
            f"{key} = {said!r} is not a length of time", where=where, remedy='write it as "15m", "1h" or "1d"'
        ) from error
    if found < _SECOND:
        raise SettingsError(f"{key} = {said!r} is less than a second", where=where, remedy='write "1s" or more')
    return found


def _whole(said: object, key: str, where: str) -> int:
    if isinstance(said, bool) or not isinstance(said, int) or said < 1:
        raise SettingsError(f"{key} = {said!r} is no whole number above 0", where=where, remedy=f"write {key} = 3")
    return said
