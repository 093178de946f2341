"""Errors: does the challenger fail more often than it may?

A failure counts where the challenger raised what the champion did not, or nobody could answer. Given that a request
failed, it is the challenger's with odds that depend on the ratio of both rates alone, also where the rates move with the
hour (Lindon & Malek 2022, *Anytime-valid inference for multinomial count data*, NeurIPS). A ratio of two rare things means
little, so up to an absolute rate nothing is held against the challenger: it is rolled back when both claims are refuted,
that its rate is at most ``factor`` times the champion's and that it is at most ``floor``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vigie.release.betting import FRACTIONS, Array, log_wealth, mixed
from vigie.release.cells import ERRORS, UNITS, Concurrent, Evidence
from vigie.release.two_arms import wealth

ZERO: Array = np.zeros(1)
SHADOW_STAKE = 0.1
"""Of the wealth on the shadow, where everybody is scored by the challenger and evidence comes fast."""


def harm(evidence: Evidence, factor: float, floor: float) -> float:
    """Logarithm of the evidence that the challenger fails more often than it may.

    In the shadow there is no rate of the champion: only customers whom it answered are scored again. There the floor counts.
    Shadow and canary are two tries, and a weighted average of both wealths is what counts.

    Args:
        evidence: All that was counted.
        factor: It may fail so many times as often as the champion.
        floor: It may fail in this share of requests whatever the champion does.
    """
    canary = [part.challenger for part in evidence.concurrent]
    together = min(_ratio(evidence, factor, opposite=False), _floor(canary, floor, opposite=False))
    shadow = _floor([evidence.shadow], floor, opposite=False)
    return float(np.logaddexp(together + math.log(1 - SHADOW_STAKE), shadow + math.log(SHADOW_STAKE)))


def safe(evidence: Evidence, factor: float, floor: float) -> float:
    """Logarithm of the evidence that it does not: one of the two claims of :func:`harm` is shown to hold.

    Both are looked for at once, and the average of both wealths is what counts.
    """
    challenger = [evidence.shadow, *(part.challenger for part in evidence.concurrent)]
    both = [_ratio(evidence, factor, opposite=True), _floor(challenger, floor, opposite=True)]
    return float(mixed(np.array(both)))


def _answers(part: Concurrent) -> tuple[Array, Array, Array, Array]:
    found = [(arm[[UNITS]] - arm[[ERRORS]], arm[[ERRORS]]) for arm in (part.champion, part.challenger)]
    return (*found[0], *found[1])


def _ratio(evidence: Evidence, factor: float, *, opposite: bool) -> float:
    return float(mixed(wealth(evidence.concurrent, _answers, 1, centres=ZERO, factor=factor, opposite=opposite)))


def _floor(challenger: Sequence[Array], floor: float, *, opposite: bool) -> float:
    values = np.array([-floor, 1 - floor])
    total = np.zeros(len(FRACTIONS))
    for cells in challenger:
        counts = np.array([cells[UNITS] - cells[ERRORS], cells[ERRORS]])
        total += log_wealth(-values if opposite else values, counts)
    return float(mixed(total))
