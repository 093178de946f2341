"""Many pieces of work in several processes: as many at once as wanted, a bounded number in memory, none lost.

Processes are started afresh rather than copied: a copy of a process whose libraries have threads may hang. What a process
is given and gives back is plain data. The order in which pieces are done tells nothing, so nobody may look at it.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from vigie.settings import quiet_dependencies

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2
"""Pieces that wait for each process, so that none of them idles."""
RECYCLED = 200
"""Pieces after which a process ends and another takes its place: memory that a library lost comes back."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The process that did a piece of work died of it, twice: killed for its memory, or by a library's fault."""


def each(
    function: Callable[[T], R], pieces: Iterable[T], *, workers: int, recycled: int = RECYCLED
) -> Iterator[tuple[T, R | Lost]]:
    """*function* of every piece, in any order.

    Args:
        function: At the top level of a module; what it raises is raised here.
        pieces: Taken as they are needed.
        workers: Processes; 1: all is done here.
        recycled: Pieces that a process does before another takes its place.
    """
    if workers <= 1:
        for piece in pieces:
            yield piece, function(piece)
        return
    waiting = iter(pieces)
    suspects: list[T] = []
    exhausted = False
    while not exhausted:
        with _pool(workers, recycled) as pool:
            running: dict[Future[R], T] = {}
            while not suspects:
                while not exhausted and len(running) < workers * AHEAD:
                    try:
                        piece = next(waiting)
                    except StopIteration:
                        exhausted = True
                        break
                    try:
                        running[pool.submit(function, piece)] = piece
                    except BrokenProcessPool:
                        suspects.append(piece)
                        break
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    piece = running.pop(future)
                    try:
                        yield piece, future.result()
                    except BrokenProcessPool:
                        suspects.append(piece)
            suspects += running.values() if suspects else ()
        # One of them brought the pool down. Each is tried once more, alone, and who does it again is named.
        yield from _one_by_one(function, suspects)
        suspects = []


def _one_by_one(function: Callable[[T], R], suspects: list[T]) -> Iterator[tuple[T, R | Lost]]:
    left = list(suspects)
    while left:
        with _pool(1, len(left)) as pool:
            while left:
                piece = left.pop(0)
                try:
                    yield piece, pool.submit(function, piece).result()
                except BrokenProcessPool:
                    yield piece, Lost()
                    break


def _pool(workers: int, recycled: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, quiet_dependencies, max_tasks_per_child=recycled)


def one_thread() -> AbstractContextManager[Any]:
    """Within it, linear algebra has one thread, so that sums are added up in one order wherever the work is done."""
    # It acts on libraries that are loaded: scikit-learn brings those that learning uses.
    import sklearn.linear_model  # noqa: F401
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(1)  # type: ignore[no-any-return]
