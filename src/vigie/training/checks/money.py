"""Checks of the cost matrix with the customers' own values: unknown, the same for all, upside down, out of scale."""

from __future__ import annotations

import numpy as np

from vigie.definition import At
from vigie.definition.score import Score
from vigie.economics import PayoffValues
from vigie.findings import Finding, Severity
from vigie.training.checks.codes import finding
from vigie.wording import said

SOME, MOST, ALL = 0.01, 0.5, 0.99
"""Shares of the customers for whom one action is right whatever the outcome: a note, a warning, an error."""
SMALL = 0.001
"""A break-even probability below this, or as close to 1, is no line that a score can be held against."""


def capacity_without_effect(score: Score) -> list[Finding]:
    """Capacity is given where every customer has a moment of their own."""
    if not isinstance(score.moments, At) or score.decision.capacity is None:
        return []
    return [
        finding(
            "VGE001",
            "decision",
            said("capacity={capacity:,} with moments at events", capacity=score.decision.capacity),
        )
    ]


def cost_matrix(payoff: PayoffValues, rows: int, *, act: str, leave: str, currency: str) -> list[Finding]:
    """What is wrong with the sums of money.

    Args:
        payoff: Of all rows.
        rows: Their number.
        act: What a high score leads to.
        leave: The other action.
        currency: Of the sums.
    """
    if not rows:
        return []
    if_true = np.broadcast_to(payoff.act_positive - payoff.pass_positive, rows).astype(float)
    if_false = np.broadcast_to(payoff.act_negative - payoff.pass_negative, rows).astype(float)
    known = ~(np.isnan(if_true) | np.isnan(if_false))
    found = []
    if not known.all():
        found.append(
            finding(
                "VGE003",
                "decision",
                said(
                    "for {unknown:,} of {rows:,} rows a sum of money is missing; nobody of them is acted on and they count as 0",
                    unknown=int((~known).sum()),
                    rows=rows,
                ),
            )
        )
    if not known.any():
        return found
    if_true, if_false = if_true[known], if_false[known]
    sums: dict[str, float | str] = {
        "if_true": float(np.median(if_true)),
        "if_false": float(np.median(if_false)),
        "currency": currency,
    }
    reversed_share = float(((if_true < 0) & (if_false > 0)).mean())
    if reversed_share >= MOST:
        found.append(
            finding(
                "VGE005",
                "decision",
                said(
                    "for {share:.1%} of the customers '{act}' loses money when the outcome is true and earns when it is false "
                    "(median {if_true:+,.4g} and {if_false:+,.4g} {currency})",
                    share=reversed_share,
                    act=act,
                    **sums,
                ),
            )
        )
        return found
    always, never = _dominated(if_true, if_false)
    share = max(always, never)
    if share >= SOME:
        found.append(
            finding(
                "VGE004",
                "decision",
                said(
                    "for {share:.1%} of the customers '{action}' is right whatever the outcome: acting instead of not acting "
                    "brings {if_true:+,.4g} {currency} when it is true and {if_false:+,.4g} when it is false (medians)",
                    share=share,
                    action=act if always >= never else leave,
                    **sums,
                ),
                Severity.ERROR if share >= ALL else Severity.WARNING if share >= MOST else None,
            )
        )
    found += _out_of_scale(if_true, if_false, share, act, sums)
    return found


def _dominated(if_true: np.ndarray, if_false: np.ndarray) -> tuple[float, float]:
    """Shares of customers for whom acting is never worse, and for whom passing is; indifferent ones in neither."""
    differs = (if_true != 0) | (if_false != 0)
    always = float(((if_true >= 0) & (if_false >= 0) & differs).mean())
    never = float(((if_true <= 0) & (if_false <= 0) & differs).mean())
    return always, never


def _out_of_scale(
    if_true: np.ndarray, if_false: np.ndarray, dominated: float, act: str, sums: dict[str, float | str]
) -> list[Finding]:
    sound = (if_true > 0) & (if_false < 0)
    if dominated >= MOST or not sound.any():
        return []
    line = float(np.median(-if_false[sound] / (if_true[sound] - if_false[sound])))
    if SMALL <= line <= 1 - SMALL:
        return []
    return [
        finding(
            "VGE006",
            "decision",
            said(
                "'{act}' breaks even at a probability of {line:.3g} (median customer: {if_true:+,.4g} {currency} when the outcome "
                "is true, {if_false:+,.4g} when it is false): hardly a score lies on the other side",
                act=act,
                line=line,
                **sums,
            ),
        )
    ]
