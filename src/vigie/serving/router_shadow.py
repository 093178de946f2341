"""The shadow: a challenger that scores beside the champion, after the answer is on its way, and as it has time.

One thread in each worker, with a short queue; who does not fit in is dropped and counted. The thread looks into the queue a
hundred times a second and works for a fifth of the time at most. It is not woken by a request: it would take the interpreter
just when the next one comes. Whatever the challenger raises is an error of the challenger and of nobody else.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from vigie.clock import stopwatch
from vigie.serving.messages import Row
from vigie.serving.router_trial import Look, Trial
from vigie.serving.scoring import Asked, Scoring

WAITING = 500
"""Customers in the queue at most."""
EVERY_SECONDS = 0.01
"""Between two looks into the queue."""
WORK_SECONDS = 0.0025
"""Of work after each look, at most, and one customer more."""
REST = 4.0
"""Seconds of rest for each second of work."""
BREATH_SECONDS = 1e-5
"""Between two customers, in which a request that came meanwhile gets the interpreter."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A customer whom the champion has answered.

    Attributes:
        row: As asked for.
        asked: Circumstances.
        champion: What it answered.
    """

    row: Row
    asked: Asked
    champion: Look


class Shadow:
    """Scores with the challenger what the champion has answered.

    Args:
        challenger: The model.
        trial: Where it is counted.
        step: Of the plan.
    """

    def __init__(self, challenger: Scoring, trial: Trial, step: int) -> None:
        self._challenger, self._trial, self._step = challenger, trial, step
        self._queue: deque[Shown] = deque()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vigie-shadow", daemon=True)
        self._thread.start()

    def put(self, shown: Shown) -> bool:
        """Take it in, or count it as dropped; whether it was taken in. Never waits; called by one thread."""
        if len(self._queue) >= WAITING:
            self._trial.dropped()
            return False
        self._queue.append(shown)
        return True

    def stop(self) -> None:
        """End after the customer at hand; who still waits is dropped."""
        self._ended.set()

    def _run(self) -> None:
        worked = 0.0
        while not self._ended.wait(max(EVERY_SECONDS, REST * worked)):
            worked = 0.0
            while self._queue and worked < WORK_SECONDS and not self._ended.is_set():
                worked += self._one(self._queue.popleft())
                self._ended.wait(BREATH_SECONDS)

    def _one(self, shown: Shown) -> float:
        """Score one customer; the seconds it took."""
        started = stopwatch()
        look = looked(lambda: self._look(shown))
        seconds = stopwatch() - started
        self._trial.shadowed(self._step, shown.champion, None if look is None else (*look, seconds))
        return seconds

    def _look(self, shown: Shown) -> tuple[float, bool, float | None]:
        answer = self._challenger.answers([shown.row], shown.asked)[0]
        value = answer.expected_value
        return answer.probability, answer.act, value if math.isfinite(value) else None


def looked(look: Callable[[], tuple[float, bool, float | None]]) -> tuple[float, bool, float | None] | None:
    """What the challenger says, or ``None`` where it fails, however it does."""
    try:
        found = look()
    except Exception as error:  # noqa: BLE001 - it must not reach the champion
        log.info("the challenger failed in the shadow: %s", error)
        return None
    return found if math.isfinite(found[0]) else None
