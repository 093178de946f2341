"""What people do with an incident: take it on, put it off, end it."""

from __future__ import annotations

from vigie.errors import VigieError, did_you_mean
from vigie.watch.incident import ACKNOWLEDGED, RESOLVED, SNOOZED, Incident, Move, Standing


def acknowledge(standing: Standing, name: str, by: str, reason: str = "") -> Move:
    """Somebody takes it on: it is not told again unless it gets worse.

    Raises:
        VigieError: There is no such incident, or it is over.
    """
    ongoing(standing, name)
    return Move(ACKNOWLEDGED, {"incident": name, "by": by, "reason": reason})


def snooze(standing: Standing, name: str, until: int, by: str, reason: str = "") -> Move:
    """Nobody hears of it until a moment, unless it gets worse.

    Raises:
        VigieError: There is no such incident, or it is over.
    """
    ongoing(standing, name)
    return Move(SNOOZED, {"incident": name, "until": until, "by": by, "reason": reason})


def resolve(standing: Standing, name: str, by: str, reason: str = "") -> Move:
    """It is over; where the same rings again, after it did not or worse than before, it is opened again.

    Raises:
        VigieError: There is no such incident, or it is over.
    """
    ongoing(standing, name)
    return Move(RESOLVED, {"incident": name, "by": by, "reason": reason or "by hand"})


def ongoing(standing: Standing, name: str) -> Incident:
    """The incident *name*, which is not over.

    Raises:
        VigieError: There is no such incident, or it is over.
    """
    found = standing.incidents.get(name)
    if found is None:
        raise VigieError(f"no incident is called {name!r}", remedy=did_you_mean(name, standing.incidents))
    if not found.ongoing:
        raise VigieError(
            f"{name} is over: {found.reason}", remedy="it is opened again by itself where the same rings again"
        )
    return found
