"""From plan and evidence to the next line, and from lines back to where a rollout stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from vigie.errors import RegistryError, SettingsError
from vigie.release import Apart, Evidence, Guardrails, Move, Rollout, Standing, Verdict, folded, next_move, plan_of
from vigie.release.rollout import started

SECOND = 1_000_000
RAILS = Guardrails()
SAID = {"shares": [0.1, 0.5], "min_requests": 100, "step_seconds": 60, "bake_seconds": 600, "max_seconds": 3600}


@dataclass
class Written:
    number: int
    at: int
    kind: str
    body: Mapping[str, Any]


@dataclass
class Book:
    """A ledger in memory that keeps bodies as a real one does: as JSON."""

    lines: list[Written] = field(default_factory=list)

    def write(self, move: Move, at: int) -> Rollout:
        body = msgspec.json.decode(msgspec.json.encode(move.body))
        self.lines.append(Written(len(self.lines) + 1, at, move.kind, body))
        rollout = folded(self.lines).rollout
        assert rollout is not None
        return rollout


def verdicts(**states: str) -> list[Verdict]:
    chosen = dict.fromkeys(RAILS.judged, "open") | states
    return [
        Verdict(name, state, 0.1, 0.1, float("nan"), 0.25, "a share", "0.1")  # type: ignore[arg-type]
        for name, state in chosen.items()
    ]


def begun(strategy: str = "canary") -> tuple[Book, Rollout]:
    book = Book()
    return book, book.write(started("r1", "3", "4", plan_of(strategy, SAID, RAILS), "an engineer"), 0)


PASSED = dict.fromkeys(RAILS.judged, "passed")


def test_a_whole_way_to_promotion() -> None:
    book, rollout = begun()
    assert (rollout.now.kind, rollout.share, rollout.running) == ("shadow", 0.0, True)
    at = 0
    for share in (0.1, 0.5):
        seen = Evidence(challenged={rollout.step: 100})
        assert next_move(rollout, verdicts(), Evidence(challenged={rollout.step: 99}), at + 61 * SECOND) is None
        assert next_move(rollout, verdicts(), seen, at + 59 * SECOND) is None
        at += 60 * SECOND
        move = next_move(rollout, verdicts(), seen, at)
        assert move is not None
        rollout = book.write(move, at)
        assert rollout.share == share
    assert rollout.now.kind == "bake"
    seen = Evidence(challenged={2: 5_000})
    assert next_move(rollout, verdicts(**PASSED), seen, at + 599 * SECOND) is None
    assert next_move(rollout, verdicts(**PASSED | {"errors": "open"}), seen, at + 600 * SECOND) is None
    move = next_move(rollout, verdicts(**PASSED), seen, at + 600 * SECOND)
    assert move is not None and move.kind == "promoted"
    done = book.write(move, at + 600 * SECOND)
    assert (done.status, done.winner, done.share, done.running, done.applied) == ("promoted", "4", 0.0, False, False)
    assert book.write(Move("applied", {}), at + 601 * SECOND).applied
    assert book.lines[-2].body["challenged"] == {"2": 5000}
    assert book.lines[-2].body["verdicts"][0]["champion"] is None  # NaN is nothing that JSON knows


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_harm_ends_every_step_at_once(steps: int) -> None:
    book, rollout = begun()
    for step in range(steps):
        rollout = book.write(Move("advanced", {"step": step + 1}), SECOND)
    move = next_move(rollout, verdicts(**PASSED | {"latency": "harmful"}), Evidence(), SECOND)
    assert move is not None and move.kind == "rolled back"
    assert move.body["reason"] == "latency: a share: challenger 0.25; allowed is 0.1"
    done = book.write(move, 2 * SECOND)
    assert (done.status, done.winner, done.share, done.reason) == ("rolled back", None, 0.0, move.body["reason"])


def test_what_was_not_shown_in_time_is_not_promoted() -> None:
    book, rollout = begun()
    move = next_move(rollout, verdicts(), Evidence(challenged={0: 7}), 3600 * SECOND)
    assert move is not None
    assert (move.kind, move.body["reason"]) == ("inconclusive", "7 customers had the challenger, 100 are needed")
    for step in (1, 2):
        rollout = book.write(Move("advanced", {"step": step}), 0)
    almost = verdicts(**PASSED | {"errors": "open"})
    move = next_move(rollout, almost, Evidence(challenged={2: 9_000}), 3600 * SECOND)
    assert move is not None
    assert (move.kind, move.body["reason"]) == ("inconclusive", "not shown in time: errors")
    assert book.write(move, 0).winner is None


def test_a_promotion_can_be_taken_back() -> None:
    book, _ = begun()
    book.write(Move("promoted", {"reason": "by hand"}), 1)
    done = book.write(Move("reverted", {"reason": "complaints"}), 2)
    assert (done.status, done.winner, done.reason) == ("reverted", "3", "complaints")


def test_lines_are_folded_a_few_at_a_time() -> None:
    book, _ = begun()
    book.write(Move("advanced", {"step": 1}), 5)
    book.write(Move("promoted", {}), 6)
    half = folded(book.lines[:1])
    assert folded(book.lines[1:], half) == folded(book.lines)
    assert folded([]) == Standing()


def test_a_new_rollout_follows_an_old_one() -> None:
    book, _ = begun()
    book.write(Move("promoted", {}), 1)
    rollout = book.write(started("r2", "4", "5", plan_of("blue-green", SAID, RAILS)), 9)
    assert (rollout.id, rollout.step, rollout.since, rollout.running, rollout.applied) == ("r2", 0, 9, True, False)


def test_a_plan_survives_the_ledger() -> None:
    rails = Guardrails(errors_factor=float("inf"))
    book = Book()
    plan = plan_of("canary", SAID, rails)
    assert book.write(started("r", "1", "2", plan), 0).plan == plan
    assert "errors" not in plan.rails.judged
    seen = plan_of("canary", SAID, RAILS.beside(Apart(0.2, 0.1, 0.3, 0.0, 0.2, 0.0)))
    assert book.write(started("s", "1", "2", seen), 0).plan == seen


def test_the_strategies() -> None:
    def way(strategy: str, rails: Guardrails = RAILS) -> list[tuple[str, float]]:
        return [(step.kind, step.share) for step in plan_of(strategy, SAID, rails).steps]

    assert way("canary") == [("shadow", 0.0), ("canary", 0.1), ("bake", 0.5)]
    assert way("blue-green") == [("shadow", 0.0), ("bake", 0.95)]
    valued = Guardrails(value_low=-1, value_high=5)
    assert way("ab", valued) == [("shadow", 0.0), ("bake", 0.5)]
    assert plan_of("ab", SAID, valued).rails.judged == ("errors", "latency", "value")
    assert plan_of("ab", SAID, valued).rails.value_loss == 0
    with pytest.raises(SettingsError, match="an A/B test is about value"):
        plan_of("ab", SAID, RAILS)
    with pytest.raises(SettingsError, match="no strategy is called 'green'"):
        plan_of("green", SAID, RAILS)


@pytest.mark.parametrize(
    "shares", [[], [0.5, 0.1], [0.1, 0.1], [0, 0.5], [0.5, 1.0], 0.5, "0.5", [0.1, "half"], [True]]
)
def test_shares_that_cannot_be_meant_are_refused(shares: object) -> None:
    with pytest.raises(SettingsError, match="do not rise from above 0 to below 1"):
        plan_of("canary", {"shares": shares}, RAILS)


def test_the_champion_is_no_challenger() -> None:
    with pytest.raises(RegistryError, match="version 3 is the champion already"):
        started("r", "3", "3", plan_of("canary", {}, RAILS))
