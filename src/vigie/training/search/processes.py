"""More processes of this machine for a search."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from vigie.training.search.board import Board
from vigie.training.search.plan import Plan
from vigie.training.search.problem import Problem
from vigie.training.search.work import work


@contextlib.contextmanager
def helpers(count: int, url: str, study: str, problem: Problem) -> Iterator[list[SpawnProcess]]:
    """*count* processes that work on the study while the block runs, each with one thread.

    They are given the rows once, when they have started. One that dies is not replaced: its slot is taken up by those left,
    and this process alone can finish the search.
    """
    context = multiprocessing.get_context("spawn")
    started: list[SpawnProcess] = []
    for _ in range(count):
        theirs, ours = context.Pipe(duplex=False)
        process = context.Process(target=_help, args=(url, study, theirs), daemon=True)
        process.start()
        theirs.close()
        # Not among the arguments, and not waited for: a process that died while it started would never take them.
        threading.Thread(target=_give, args=(ours, problem.on_one_thread()), daemon=True).start()
        started.append(process)
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()


def _give(ours: Connection, problem: Problem) -> None:
    with ours, contextlib.suppress(OSError):
        ours.send(problem)


def _help(url: str, study: str, theirs: Connection) -> None:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    try:
        with theirs:
            plan = Plan(theirs.recv())
    except EOFError:
        return
    parent = multiprocessing.parent_process()
    with threadpool_limits(1):
        board = Board(url, study, maximise=plan.maximise)
        # A search whose first process was killed is not gone on with behind anybody's back.
        work(plan, board, stop=lambda: parent is not None and not parent.is_alive())
        board.close()
