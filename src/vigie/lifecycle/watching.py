"""Look once at everything that can go wrong with a score, and let its incidents follow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from importlib import import_module
from typing import TYPE_CHECKING

from vigie.errors import DefinitionError, VigieError, did_you_mean
from vigie.watch.signal import Signal
from vigie.watch.suspects import BLIND

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.lifecycle.project import Project

log = logging.getLogger(__name__)

Watcher = Callable[["Project", "Ledger", str, int], list[Signal]]

WATCHERS = (
    ("anomalies", "vigie.lifecycle.watch_anomalies", "anomaly_signals"),
    ("drift", "vigie.lifecycle.watch_drift", "drift_signals"),
    ("performance", "vigie.lifecycle.watch_performance", "performance_signals"),
    ("steps", "vigie.lifecycle.watch_steps", "step_signals"),
)
"""What is looked at, and by whom."""


def watch_once(project: Project, ledger: Ledger, score: str, now: int, only: Collection[str] = ()) -> list[Signal]:
    """What every watcher has to say about *score* at *now*; its incidents are brought up to date in the ledger.

    Two processes may do so at the same time: of two that see the same, one writes.

    Args:
        project: Where everything is.
        ledger: Keeps incidents, and what is worked out.
        score: Name of the score.
        now: µs UTC; nothing later is looked at.
        only: Names of watchers; none: all. Incidents that others tell of stay as they are.

    Raises:
        DefinitionError: There is no such score, or no such watcher.
        JournalError: The ledger cannot be read or written.
    """
    from vigie.lifecycle.incidents import follow

    signals = look(project, ledger, score, now, only)
    follow(project, ledger, score, signals, now)
    return signals


def look(project: Project, ledger: Ledger, score: str, now: int, only: Collection[str] = ()) -> list[Signal]:
    """What every watcher, or those of *only*, have to say; nothing follows from it.

    A watcher that cannot look says so with a signal of its own, and the others go on.

    Raises:
        DefinitionError: There is no such score, or no such watcher.
    """
    from vigie.lifecycle.watch_anomalies import fine, looked

    project.score(score)
    names = [name for name, *_ in WATCHERS]
    for name in only:
        if name not in names:
            raise DefinitionError(f"no watcher is called '{name}'", remedy=did_you_mean(name, names))
    found: list[Signal] = []
    for name, module, function in WATCHERS:
        if only and name not in only:
            continue
        watcher: Watcher = getattr(import_module(module), function)
        try:
            seen = watcher(project, ledger, score, now)
        except VigieError as error:
            seen = [looked(name, error, score, now)]
        except Exception as error:  # a fault of ours in one watcher must not blind the others
            log.exception("%s of %s could not be looked at", name, score)
            seen = [looked(name, error, score, now)]
        found += seen
        if not any(one.code == BLIND and one.rings for one in seen):
            found.append(fine(name, score, now))
    return found
