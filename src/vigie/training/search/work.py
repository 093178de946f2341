"""What every process of a search does: take a slot, look, write down, until all are through."""

from __future__ import annotations

import threading
from collections.abc import Callable

from vigie.training.search.board import Board
from vigie.training.search.evaluate import evaluate
from vigie.training.search.plan import Plan
from vigie.training.search.records import Look, Slot

PAUSE = 0.2
"""Seconds until it is asked again whether there is something to do."""

Looks = dict[int, Look]
Watch = Callable[[Looks, Slot | None, int], None]
"""Told the looks that are through, what this process looks at (``None``: it waits) and how many folds of it are behind."""


def work(
    plan: Plan,
    board: Board,
    watch: Watch | None = None,
    stop: Callable[[], bool] | None = None,
) -> Looks:
    """Takes part until everything is through.

    Args:
        plan: What is looked at.
        board: Where it is written.
        watch: Told about the work.
        stop: Asked between slots and folds; true ends the work early.

    Returns:
        All looks, by slot.
    """
    pause = threading.Event()
    while True:
        looks, running = board.looks()
        slots = plan.slots(looks)
        if all(slot.number in looks for slot in slots) or (stop is not None and stop()):
            return looks
        free = [s for s in slots if s.number not in looks and s.number not in running and plan.ready(s, looks)]
        if not free:
            if watch is not None:
                watch(looks, None, 0)
            if not board.free_the_dead(running):
                pause.wait(PAUSE)
            continue
        _look_at(free[0], plan, board, looks, watch, stop)


class _StoppedError(Exception):
    """The search goes on without this process."""


def _look_at(
    slot: Slot,
    plan: Plan,
    board: Board,
    looks: Looks,
    watch: Watch | None,
    stop: Callable[[], bool] | None,
) -> None:
    candidate, params = plan.problem.candidate(slot.candidate), plan.params(slot, looks)
    trial = board.take(slot, params, candidate.space, full=plan.full(slot))
    if trial is None:
        return
    folds = 0

    def progress() -> None:
        nonlocal folds
        folds += 1
        if stop is not None and stop():
            raise _StoppedError
        if watch is not None:
            watch(looks, slot, folds)

    try:
        if watch is not None:
            watch(looks, slot, 0)
        with board.alive(trial):
            outcome = evaluate(
                plan.problem,
                candidate,
                params,
                full=plan.full(slot),
                behind=lambda steps: plan.falls_behind(slot, looks, steps),
                progress=progress,
            )
    except _StoppedError:
        board.release(trial)
        return
    except BaseException:
        board.release(trial)
        raise
    board.finish(trial, outcome)
