"""The shadow: a challenger that scores beside the champion, after the answer is on its way, and as it has time.

One thread in each worker. It rests four times as long as it works, so that the processes that answer keep the machine, and
takes from a short queue; who does not fit in is dropped and counted. Whatever the challenger raises is an error of the
challenger and of nobody else.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from vigie.clock import stopwatch
from vigie.serving.messages import Row
from vigie.serving.router_trial import Look, Trial
from vigie.serving.scoring import Asked, Scoring

WAITING = 500
"""Customers in the queue at most."""
REST = 4.0
"""Seconds of rest for each second of work."""

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
        rest: Seconds of rest for each second of work.
    """

    def __init__(self, challenger: Scoring, trial: Trial, step: int, rest: float = REST) -> None:
        self._challenger, self._trial, self._step, self._rest = challenger, trial, step, rest
        self._queue: queue.Queue[Shown] = queue.Queue(WAITING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vigie-shadow", daemon=True)
        self._thread.start()

    def put(self, shown: Shown) -> bool:
        """Take it in, or count it as dropped; whether it was taken in. Never waits."""
        try:
            self._queue.put_nowait(shown)
        except queue.Full:
            self._trial.dropped()
            return False
        return True

    def stop(self) -> None:
        """End after the customer at hand; who still waits is dropped."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                shown = self._queue.get(timeout=0.2)
            except queue.Empty:
                continue
            started = stopwatch()
            look = looked(lambda shown=shown: self._look(shown))  # type: ignore[misc]
            seconds = stopwatch() - started
            self._trial.shadowed(self._step, shown.champion, None if look is None else (*look, seconds))
            self._ended.wait(seconds * self._rest)

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
