"""Counts add up whoever counted them, and say with which probability a customer was drawn."""

from __future__ import annotations

import numpy as np
import pytest

from vigie.release import Evidence, Guardrails, judge, pooled, shadow_seen
from vigie.release.cells import (
    DOWN,
    LATENCY,
    LATENCY_EDGES,
    MONEY,
    SCORE,
    SCORE_EDGES,
    TO_ACT,
    TO_LEAVE,
    UNITS,
    UP,
    above,
    arm_cells,
    count_answer,
    count_latency,
    count_shadow,
    key_of,
    shadow_cells,
)


def some_counts(r: np.random.Generator) -> dict[str, list[float]]:
    counted = {}
    for earlier in (-1, 1):
        for arm in ("champion", "challenger"):
            cells = arm_cells()
            for _ in range(300):
                cells[UNITS] += 1
                p = float(r.random())
                count_answer(cells, p, acted=p > 0.6)
                count_latency(cells, float(r.exponential(0.01)))
            counted[key_of(2, earlier, arm)] = cells
    return counted


def test_many_workers_give_the_verdict_of_one() -> None:
    r = np.random.default_rng(1)
    workers = [some_counts(r) for _ in range(4)]
    together = {key: np.sum([one[key] for one in workers], axis=0).tolist() for key in workers[0]}
    shares = (0.0, 0.1, 0.5)
    assert judge(pooled(workers, shares), Guardrails()) == judge(pooled([together], shares), Guardrails())


def test_a_customer_seen_again_was_drawn_among_those_who_had_the_champion() -> None:
    evidence = pooled([some_counts(np.random.default_rng(1))], (0.0, 0.1, 0.5))
    # Of the 90 % above the first share, 40 points of 100 come below the second.
    assert [one.probability for one in evidence.concurrent] == pytest.approx([0.5, 0.4 / 0.9])
    assert evidence.units == {0: 0, 1: 0, 2: 1200}
    assert evidence.challenged == {0: 0, 1: 0, 2: 600}


def test_bins_hold_what_lies_between_their_edges() -> None:
    cells = arm_cells()
    for seconds in (0.0, LATENCY_EDGES[3], LATENCY_EDGES[3] * 1.01, 1e6):
        count_latency(cells, seconds)
    slow, n = above(np.array(cells), LATENCY, LATENCY_EDGES)
    assert n == 4
    assert slow[2:5].tolist() == [3, 2, 1]  # longer than edge 2, 3 and 4
    for p in (0.0, 0.5, 0.500001, 1.0):
        count_answer(cells, p, acted=False)
    high, n = above(np.array(cells), SCORE, SCORE_EDGES)
    assert (n, high[12], high[0], high[24]) == (4, 2, 3, 1)


def test_the_shadow_counts_what_differs() -> None:
    cells = shadow_cells()
    count_shadow(cells, (0.3, False, 1.0, 0.001), (0.6, True, 4.0, 0.002))  # over the edges at 0.378 and 0.5
    count_shadow(cells, (0.6, True, 4.0, 0.001), (0.55, False, None, 0.002))
    count_shadow(cells, (0.6, True, 4.0, 0.001), None)
    assert (cells[0], cells[1], cells[TO_ACT], cells[TO_LEAVE]) == (3, 1, 1, 1)
    assert cells[UP : UP + 25] == [float(edge in (11, 12)) for edge in range(25)]
    assert not any(cells[DOWN : DOWN + 25])
    assert cells[MONEY : MONEY + 3] == [1.0, 4.0, 1]
    seen = shadow_seen(Evidence(shadow=np.array(cells), dropped=2))
    assert seen is not None
    assert (seen.customers, seen.failed, seen.dropped, seen.to_act, seen.to_leave) == (3, 1, 2, 1, 1)
    assert (seen.distance, seen.champion_value, seen.challenger_value) == (0.5, 1.0, 4.0)
    assert seen.champion_seconds < seen.challenger_seconds
    assert shadow_seen(Evidence()) is None
