"""Searches the candidates' parameters: runs the plan, in one process or several, and keeps the best set of each."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vigie import clock
from vigie.economics import PayoffValues
from vigie.errors import TrainingError
from vigie.training.candidates import Candidate, Rows
from vigie.training.capacity import Capacity
from vigie.training.evidence import SearchSummary, Trial
from vigie.training.folds import Fold
from vigie.training.options import TrainOptions
from vigie.training.search.board import MEMORY, Board, StudyPlace
from vigie.training.search.keep import keep
from vigie.training.search.news import SearchNews, Tell, silent
from vigie.training.search.plan import Plan
from vigie.training.search.problem import Problem, with_libraries
from vigie.training.search.processes import helpers
from vigie.training.search.records import Look, Slot
from vigie.training.search.work import Looks, work
from vigie.training.tried import Tried
from vigie.wording import said

FINAL_ROWS = 3
"""The final fit of a slow candidate may use so many times the rows of a cross-validation fit."""
FITTING = 0.9
"""Share of the whole after which the final fits begin."""
OBJECTIVES = {
    "log_loss": said("log loss"),
    "value": said("money for one customer"),
    "auc": said("area under the ROC curve"),
}


def search(
    candidates: Sequence[Candidate],
    rows: Rows,
    payoff: PayoffValues,
    folds: Sequence[Fold],
    capacity: Capacity,
    options: TrainOptions,
    place: StudyPlace | None = None,
    tell: Tell = silent,
    customers: np.ndarray | None = None,
) -> tuple[list[Tried], SearchSummary]:
    """Looks for the best parameters of every candidate, and fits it with them to all rows.

    Deterministic: equal data and choices give equal trials and the same sets kept, with any number of processes, on any
    number of machines, and after an interruption. Only the seconds differ.

    Args:
        candidates: To try, from simple to complex, the dummy among them.
        rows: Training rows.
        payoff: Their cost matrix.
        folds: Positions among them, shared by all.
        capacity: Of each moment.
        options: Choices; ``trials=0`` cross-validates the defaults and no more.
        place: Database in which an interrupted search is found again and that other machines can join; ``None``: this
            process's memory, or with several workers a file that is deleted at the end.
        tell: Told about the work.
        customers: Key of each row's customer; ``None``: every row is another one.

    Returns:
        Every candidate with the set that was kept, in the given order, and what was done.

    Raises:
        MissingExtraError: A candidate that *options* name is not installed.
        StoreError: The database cannot be reached.
    """
    began = clock.stopwatch()
    installed, left_out = with_libraries(candidates, rows, options)
    problem = Problem(installed, rows, payoff, tuple(folds), capacity, options)
    plan = Plan(problem)
    with _opened(plan, place) as (board, url):
        extra = min(options.workers, plan.total({})) - 1
        with helpers(extra, url, board.study, problem) as others:
            own = Plan(problem.on_one_thread()) if extra > 0 else plan
            told = _Told(plan, tell, 1 + max(extra, 0))

            def watch(looks: Looks, slot: Slot | None, done: int) -> None:
                for process in others:
                    process.is_alive()  # so that the system forgets a dead one, which is then seen to be gone
                told(looks, slot, done)

            looks = work(own, board, watch)
        board.complete()
        board.close()
    keys = customers if customers is not None else np.arange(len(rows))
    tried = [
        _fitted(plan, candidate, looks, keys, tell, FITTING + (1 - FITTING) * i / len(installed))
        for i, candidate in enumerate(installed)
    ]
    searched = plan.trials > 0
    summary = SearchSummary(
        method=options.method if searched else "none",
        objective=OBJECTIVES[options.objective],
        trials=tuple(_trial(looks[number]) for number in sorted(looks)),
        resumed=sum(look.earlier for look in looks.values()),
        workers=1 + max(extra, 0),
        seconds=clock.stopwatch() - began,
        left_out=left_out,
    )
    tell("parameters found", 1.0, told.news(looks))
    return tried, summary


def join(
    candidates: Sequence[Candidate],
    rows: Rows,
    payoff: PayoffValues,
    folds: Sequence[Fold],
    capacity: Capacity,
    options: TrainOptions,
    place: StudyPlace,
    tell: Tell = silent,
    *,
    study: str | None = None,
) -> tuple[Trial, ...]:
    """Takes part in the search that :func:`search` with the same arguments runs elsewhere, until it is complete.

    Nothing is fitted to all rows: the machine that began the search does that.

    Args:
        candidates: As there.
        rows: As there.
        payoff: As there.
        folds: As there.
        capacity: As there.
        options: As there.
        place: The same database.
        tell: Told about the work.
        study: Name of the study that is meant; ``None``: whichever these arguments make.

    Returns:
        All trials, whoever did them.

    Raises:
        TrainingError: Data, choices or versions of libraries differ from those of *study*.
        MissingExtraError: A candidate that *options* name is not installed.
        StoreError: The database cannot be reached.
    """
    installed, _ = with_libraries(candidates, rows, options)
    problem = Problem(installed, rows, payoff, tuple(folds), capacity, options)
    plan = Plan(problem)
    if study not in (None, study_name(place, problem)):
        raise TrainingError(
            "this machine has other data, another version of the project or of a library than the search",
            where=str(study),
            remedy="share the lake and the code, and install the same versions; or run `vigie train` here",
        )
    with _opened(plan, place) as (board, url):
        extra = min(options.workers, plan.total({})) - 1
        with helpers(extra, url, board.study, problem):
            looks = work(
                Plan(problem.on_one_thread()) if extra > 0 else plan, board, _Told(plan, tell, 1 + max(extra, 0))
            )
        board.complete()
        board.close()
    return tuple(_trial(looks[number]) for number in sorted(looks))


def study_name(place: StudyPlace, problem: Problem) -> str:
    """Name of the study of *problem* at *place*."""
    return f"{place.name}-{problem.digest()[:16]}"


@contextlib.contextmanager
def _opened(plan: Plan, place: StudyPlace | None) -> Iterator[tuple[Board, str]]:
    """The board, and the URL at which other processes find it."""
    if place is not None:
        yield Board(place.url, study_name(place, plan.problem), place.about, maximise=plan.maximise), place.url
    elif plan.problem.options.workers > 1:
        with tempfile.TemporaryDirectory(prefix="vigie-search-") as folder:
            url = f"sqlite:///{Path(folder) / 'search.db'}"
            yield Board(url, "search", maximise=plan.maximise), url
    else:
        yield Board(MEMORY, "search", maximise=plan.maximise), MEMORY


def _fitted(
    plan: Plan,
    candidate: Candidate,
    looks: Looks,
    customers: np.ndarray,
    tell: Tell,
    share: float,
) -> Tried:
    """*candidate* with the set that is kept, fitted to all rows."""
    problem, options = plan.problem, plan.problem.options
    own = [looks[number] for number in sorted(looks) if looks[number].slot.candidate == candidate.name]
    look, cv = keep(problem, [look for look in own if plan.full(look.slot)], customers, maximise=plan.maximise)
    params = look.params
    tell(f"fitting {candidate.title}", share, None)
    began = clock.stopwatch()
    given = replace(problem.fit_options(candidate, params, full=True), row_limit=options.row_budget * FINAL_ROWS)
    fitted = candidate.fit(problem.rows, given)
    return Tried(candidate, cv, fitted, clock.stopwatch() - began, dict(params), len(own))


def _trial(look: Look) -> Trial:
    outcome = look.outcome
    return Trial(
        number=look.slot.number,
        candidate=look.slot.candidate,
        params=dict(look.params),
        state=outcome.state,
        objective=outcome.objective,
        value=outcome.value,
        log_loss=outcome.log_loss,
        seconds=outcome.seconds,
        stage=look.slot.stage,
    )


class _Told:
    """Turns looks into news."""

    def __init__(self, plan: Plan, tell: Tell, workers: int) -> None:
        self._plan, self._tell, self._workers = plan, tell, workers

    def __call__(self, looks: Looks, slot: Slot | None, done: int) -> None:
        news = self.news(looks)
        doing = (
            f"trying {self._plan.problem.candidate(slot.candidate).title}" if slot is not None else "waiting for others"
        )
        part = done / len(self._plan.problem.folds) if slot is not None else 0.0
        self._tell(doing, FITTING * min(1.0, (len(looks) + part) / max(1, news.total)), news)

    def news(self, looks: Looks) -> SearchNews:
        """What there is to say of *looks*."""
        plan = self._plan
        total = plan.total(looks)
        through = [look for look in looks.values() if look.outcome.state == "done" and plan.full(look.slot)]
        sign = -1.0 if plan.maximise else 1.0
        best = min(through, key=lambda look: (sign * look.outcome.objective, look.slot.number), default=None)
        return SearchNews(
            candidate=best.slot.candidate if best is not None else "",
            value=best.outcome.value if best is not None else math.nan,
            log_loss=best.outcome.log_loss if best is not None else math.nan,
            done=len(looks),
            total=total,
            seconds_left=self._left(looks, total),
        )

    def _left(self, looks: Looks, total: int) -> float:
        """Seconds for the slots that are known and not through, and for those to come at the mean of all."""
        spent: dict[str, list[float]] = {}
        for look in looks.values():
            spent.setdefault(look.slot.candidate, []).append(look.outcome.seconds)
        if len(spent) < len(self._plan.problem.candidates):
            return math.nan
        mean = {name: float(np.mean(seconds)) for name, seconds in spent.items()}
        slots = self._plan.slots(looks)
        known = [mean[slot.candidate] for slot in slots if slot.number not in looks]
        average = float(np.mean([seconds for each in spent.values() for seconds in each]))
        return (sum(known) + average * (total - len(slots))) / self._workers
