"""What the evidence shows where the truth is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from vigie.errors import SettingsError
from vigie.release import Apart, Concurrent, Evidence, Guardrails, apart_of, judge, seen_after
from vigie.release import power as power_module
from vigie.release.cells import (
    ARM_CELLS,
    ERRORS,
    LATENCY,
    LATENCY_EDGES,
    SCORE,
    SCORE_EDGES,
    SHADOW_CELLS,
    UNITS,
    VALUE,
)
from vigie.release.value import points, rounded

RAILS = Guardrails(value_low=-10.0, value_high=50.0)


def arm(r: np.random.Generator, n: int, **truth: float) -> np.ndarray:
    """Cells of *n* customers of an arm."""
    t = {"errors": 0.001, "seconds": 0.004, "logit": -1.0, "cut": 0.5, "value": 5.0} | truth
    cells = np.zeros(ARM_CELLS)
    cells[UNITS], cells[ERRORS] = n, r.binomial(n, t["errors"])
    p = 1 / (1 + np.exp(-r.normal(t["logit"], 1, n)))
    cells[2] = (p > t["cut"]).sum()
    seconds = t["seconds"] * np.exp(r.normal(0, 0.5, n))
    cells[LATENCY:SCORE] = np.bincount(np.searchsorted(LATENCY_EDGES, seconds), minlength=len(LATENCY_EDGES) + 1)
    cells[SCORE:VALUE] = np.bincount(np.searchsorted(SCORE_EDGES, p), minlength=len(SCORE_EDGES) + 1)
    v = np.where(r.random(n) < (t["value"] + 10) / 60, 50.0, -10.0)
    cells[VALUE:] = np.bincount(rounded(v, -10, 50, r.random(n)), minlength=17)
    return cells


def states(share: float, n: int, rails: Guardrails = RAILS, **truth: float) -> dict[str, str]:
    r = np.random.default_rng(5)
    drawn = int(n * share)
    part = Concurrent(share, arm(r, n - drawn), arm(r, drawn, **truth))
    return {one.guardrail: one.state for one in judge(Evidence((part,)), rails)}


def test_an_equal_challenger_passes_everything() -> None:
    assert states(0.5, 60_000) == dict.fromkeys(("errors", "latency", "scores", "decisions", "value"), "passed")


@pytest.mark.parametrize(
    ("guardrail", "truth"),
    [
        ("errors", {"errors": 0.01}),
        ("latency", {"seconds": 0.008}),
        ("scores", {"logit": -0.3}),
        ("scores", {"logit": -1.7}),
        ("decisions", {"cut": 0.3}),
        ("decisions", {"cut": 0.9}),
        ("value", {"value": 1.0}),
    ],
)
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_harm_of_each_kind_is_seen_by_its_guardrail(guardrail: str, truth: dict[str, float], share: float) -> None:
    found = states(share, 60_000, **truth)
    assert found[guardrail] == "harmful"
    if guardrail in ("errors", "latency", "value"):  # nothing else changed
        assert [name for name, state in found.items() if state == "harmful"] == [guardrail]


def test_a_better_challenger_passes() -> None:
    found = states(0.5, 60_000, errors=0.0, seconds=0.002, value=7.0)
    assert set(found.values()) == {"passed"}


def test_few_requests_show_nothing() -> None:
    assert set(states(0.5, 30, errors=0.0).values()) == {"open"}


def test_nothing_counted_shows_nothing() -> None:
    assert {one.state for one in judge(Evidence(), RAILS)} == {"open"}


def test_what_is_fast_enough_may_take_many_times_as_long() -> None:
    share, n = 0.5, 20_000
    r = np.random.default_rng(5)
    part = Concurrent(share, arm(r, n, seconds=2e-5), arm(r, n, seconds=6e-4))
    states = {floor: judge(Evidence((part,)), Guardrails(latency_floor=floor))[1].state for floor in (0.0, 0.005)}
    assert states == {0.0: "harmful", 0.005: "passed"}
    # A slow tail is seen all the same, and so is a median that leaves what is fast enough.
    slow = Concurrent(share, arm(r, n, seconds=2e-5), arm(r, n, seconds=6e-4))
    slow.challenger[LATENCY + 2 : LATENCY + 8] *= 0.9
    slow.challenger[LATENCY + 20] += n - slow.challenger[LATENCY:SCORE].sum()
    assert judge(Evidence((slow,)), Guardrails())[1].state == "harmful"


def test_errors_below_the_floor_are_nobodys_concern() -> None:
    part = Concurrent(
        0.1, arm(np.random.default_rng(0), 90_000, errors=0.0), arm(np.random.default_rng(1), 10_000, errors=0.0)
    )
    part.challenger[ERRORS] = 10  # one in a thousand, where the champion has none in ninety thousand
    rails = Guardrails(errors_floor=0.005)
    assert judge(Evidence((part,)), rails)[0].state == "passed"
    assert judge(Evidence((part,)), Guardrails(errors_floor=0.0002))[0].state == "harmful"


def test_the_shadow_alone_shows_errors_scores_and_decisions() -> None:
    from vigie.release.cells import DOWN, TO_ACT, UP

    cells = np.zeros(SHADOW_CELLS)
    cells[UNITS] = 1_000
    quiet = {one.guardrail: one.state for one in judge(Evidence(shadow=cells), Guardrails())}
    assert quiet == {"errors": "open", "latency": "open", "scores": "passed", "decisions": "passed"}
    cells[ERRORS], cells[TO_ACT], cells[UP + 3], cells[DOWN + 3] = 30, 150, 300, 50
    loud = {one.guardrail: one.state for one in judge(Evidence(shadow=cells), Guardrails())}
    assert loud == {"errors": "harmful", "latency": "open", "scores": "harmful", "decisions": "harmful"}


def both_scored(more: float, fewer: float = 0.0, n: int = 3_000) -> Evidence:
    """A shadow in which a share of the customers is turned to acting, with scores above an edge, and another away from it."""
    from vigie.release.cells import DOWN, TO_ACT, TO_LEAVE, UP

    cells = np.zeros(SHADOW_CELLS)
    cells[UNITS], cells[TO_ACT], cells[TO_LEAVE] = n, more * n, fewer * n
    cells[UP + 12], cells[DOWN + 12] = more * n, fewer * n
    return Evidence(shadow=cells)


def test_what_the_gate_saw_is_no_harm_and_what_goes_beyond_is() -> None:
    saw = Apart(distance=0.2, difference=0.2, higher=0.22, lower=0.0, more=0.22, fewer=0.0)
    renewal = Guardrails().beside(saw)

    def states(evidence: Evidence, rails: Guardrails) -> set[str]:
        return {one.state for one in judge(evidence, rails) if one.guardrail in ("scores", "decisions")}

    assert states(both_scored(0.2), Guardrails()) == {"harmful"}
    assert states(both_scored(0.2), renewal) == {"passed"}
    assert states(both_scored(0.4), renewal) == {"harmful"}
    assert states(both_scored(0.0), renewal) == {"passed"}  # nearer to the champion than was thought
    assert states(both_scored(0.0, 0.2), renewal) == {"harmful"}  # the other way round was not seen
    decisions = next(one for one in judge(both_scored(0.2), renewal) if one.guardrail == "decisions")
    assert decisions.allowed == "0.27 more or 0.05 less: 0.05 beyond what the gate saw"
    # Between two arms, too, and where hardly anything is left to bet on.
    assert states(Evidence(), Guardrails().beside(Apart(1.0, 1.0, 1.0, 1.0, 1.0, 1.0))) == {"open"}
    assert Guardrails.of({"seen": 1.0}).seen is None


def test_how_far_two_models_lie_apart_is_what_the_guardrails_measure() -> None:
    r = np.random.default_rng(3)
    n, who = 4_000, np.repeat(np.arange(2_000), 2)
    old = 1 / (1 + np.exp(-r.normal(-1, 1, n)))
    new = 1 / (1 + np.exp(-r.normal(-0.2, 1, n)))
    found = apart_of((old, old > 0.4), (new, new > 0.4), who)
    assert found is not None
    edges = np.asarray(SCORE_EDGES)[:, None]
    assert found.distance == pytest.approx(np.abs((new > edges).mean(axis=1) - (old > edges).mean(axis=1)).max())
    assert found.difference == pytest.approx((new > 0.4).mean() - (old > 0.4).mean())
    assert found.distance < found.higher < found.distance + 0.03 and found.lower < 0.02
    assert found.difference < found.more < found.difference + 0.03 and found.fewer == 0.0
    # Rows of one customer are no more evidence than one.
    twice = apart_of(*((np.repeat(p, 9), np.repeat(p > 0.4, 9)) for p in (old, new)), np.repeat(who, 9))
    assert twice is not None and twice.more == pytest.approx(found.more)
    assert Apart.from_data(found.to_data()) == found
    assert apart_of((old[:0], old[:0] > 0), (old[:0], old[:0] > 0), who[:0]) is None


def test_a_guardrail_that_is_off_shares_no_error_with_the_others() -> None:
    assert Guardrails().judged == ("errors", "latency", "scores", "decisions")
    assert Guardrails().level == pytest.approx(0.05 / 4)
    rest = Guardrails().without("scores", "decisions")
    assert rest.judged == ("errors", "latency")
    assert rest.level == pytest.approx(0.05 / 2)
    assert Guardrails().without("errors", "latency").judged == ("scores", "decisions")
    with pytest.raises(SettingsError, match="no guardrail is called 'score'"):
        Guardrails().without("score")


@pytest.mark.parametrize(
    "said",
    [
        {"alpha": 0},
        {"alpha": "0.05"},
        {"alpha": True},
        {"errors_factor": 0.9},
        {"latency_factor": math.nan},
        {"errors_floor": 0},
        {"latency_floor": 60},
        {"value_low": 5.0, "value_high": 1.0},
        {"value_loss": 1.0},
    ],
)
def test_tolerances_that_cannot_be_meant_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        Guardrails.of(said)
    assert caught.value.remedy and caught.value.where


def test_the_power_line_is_about_right() -> None:
    """Drawn customer by customer, harm is seen after about as many as computed."""
    rails, share, r = Guardrails().without("scores"), 0.5, np.random.default_rng(8)
    told = power_module.errors(rails, share, 0.02, 0.06)
    needed = []
    for _ in range(30):
        one = np.zeros((2, ARM_CELLS))
        for n in range(100, 40_000, 100):
            drawn = r.binomial(100, share)
            one[0][[UNITS, ERRORS]] += [100 - drawn, r.binomial(100 - drawn, 0.02)]
            one[1][[UNITS, ERRORS]] += [drawn, r.binomial(drawn, 0.06)]
            if judge(Evidence((Concurrent(share, *one),)), rails)[0].state == "harmful":
                needed.append(n)
                break
    assert len(needed) == 30
    assert told / 2 < np.mean(needed) < told * 1.5


def test_what_is_allowed_is_never_seen_and_less_is_seen_later() -> None:
    rails = Guardrails()
    assert math.isinf(power_module.errors(rails, 0.1, 0.02, 0.024))
    few, many = power_module.errors(rails, 0.1, 0.02, 0.2), power_module.errors(rails, 0.1, 0.02, 0.04)
    assert few < many
    assert {one.guardrail for one in seen_after(rails, 0.1)} == {"errors", "decisions"}
    cells = arm(np.random.default_rng(2), 2_000)
    assert power_module.slower(rails, 0.5, cells, 4.0) < power_module.slower(rails, 0.5, cells, 2.0) < 1_000
    assert math.isinf(power_module.slower(rails, 0.5, cells, 1.0))
    assert points(0, 16).tolist() == list(range(17))
