"""Figures by group on the test rows, the gaps between groups, and what the policy has to say.

Demographic parity: the share acted on is the same in every group. Equal opportunity: the same among those whose outcome
is true (Hardt, Price & Srebro 2016). Calibration within groups: mean probability and share of positives differ by the
same in every group. The three cannot all hold where groups differ in their share of positives (Kleinberg et al. 2016),
so a policy names the ones that matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from vigie.definition.fairness import Fairness
from vigie.features.values import Values
from vigie.findings import Finding, Severity
from vigie.training.checks.codes import finding
from vigie.training.clustered import Mean, codes_of, mean_of
from vigie.training.evidence import Estimate, Gap, GroupFairness, GroupFigures
from vigie.training.fairness.groups import groups_of
from vigie.training.fairness.shares import NAN, mean_gap, share_gap, simultaneous, wilson
from vigie.wording import said

PARITY, OPPORTUNITY, CALIBRATION = "parity", "opportunity", "calibration"
MEASURE_WORDS = {
    PARITY: said("the share acted on"),
    OPPORTUNITY: said("the share acted on among those whose outcome is true"),
    CALIBRATION: said("mean probability minus share of positives"),
}


def compare_groups(
    policy: Fairness,
    values: Mapping[str, Values],
    model_features: Sequence[str],
    *,
    y: np.ndarray,
    p: np.ndarray,
    act: np.ndarray,
    money: np.ndarray,
    customers: np.ndarray,
) -> tuple[GroupFairness, ...]:
    """One record for each value of *policy*.

    Args:
        policy: What the project declares.
        values: Of each of its groups by feature name, test rows only, n each.
        model_features: Names of the features that the model reads.
        y: Outcomes, 0 or 1, shape (n,).
        p: Calibrated probabilities, shape (n,).
        act: Who is acted on, booleans, shape (n,).
        money: Realised for each row under *act*, shape (n,).
        customers: Keys, shape (n,): rows of one customer are not independent.
    """
    codes = codes_of(customers)
    return tuple(
        _one(policy, feature.name, values[feature.name], feature.name in model_features, y, p, act, money, codes)
        for feature in policy.groups
    )


def _one(
    policy: Fairness,
    name: str,
    values: Values,
    is_feature: bool,
    y: np.ndarray,
    p: np.ndarray,
    act: np.ndarray,
    money: np.ndarray,
    customers: np.ndarray,
) -> GroupFairness:
    group, names = groups_of(values)
    acts = act.astype(np.float64)
    figures: list[GroupFigures] = []
    parity: list[Mean] = []
    opportunity: list[Mean] = []
    calibration: list[Mean] = []
    for code, title in enumerate(names):
        rows = np.flatnonzero(group == code)
        positive, negative = rows[y[rows] == 1], rows[y[rows] == 0]
        acted, reached = mean_of(acts[rows], customers[rows]), mean_of(acts[positive], customers[positive])
        false = mean_of(acts[negative], customers[negative])
        figures.append(
            GroupFigures(
                name=title,
                rows=len(rows),
                positives=len(positive),
                acted=wilson(acted),
                opportunity=wilson(reached),
                false_alarms=wilson(false),
                probability=float(p[rows].mean()),
                observed=wilson(mean_of(y[rows].astype(np.float64), customers[rows])),
                value=float(money[rows].mean()),
                judged=len(rows) >= policy.least_rows,
            )
        )
        parity.append(acted)
        opportunity.append(reached)
        calibration.append(mean_of(p[rows] - y[rows], customers[rows]))
    judged = [code for code, one in enumerate(figures) if one.judged]
    # Few positives say little about a group's opportunity, however many rows it has.
    reachable = [code for code in judged if figures[code].positives >= max(10, policy.least_rows // 10)]
    gaps = (
        _gap(PARITY, parity, judged, names, policy.parity, share_gap),
        _gap(OPPORTUNITY, opportunity, reachable, names, policy.opportunity, share_gap),
        _gap(CALIBRATION, calibration, judged, names, policy.calibration, mean_gap),
    )
    order = sorted(range(len(names)), key=lambda code: (-figures[code].rows, code))
    return GroupFairness(name, is_feature, tuple(figures[code] for code in order), gaps)


def _gap(
    measure: str,
    means: Sequence[Mean],
    judged: Sequence[int],
    names: Sequence[str],
    limit: float | None,
    distance: Callable[[Mean, Mean, float], Estimate],
) -> Gap:
    if len(judged) < 2:
        return Gap(measure, Estimate(NAN, NAN, NAN), "", "", limit, False)
    highest = max(judged, key=lambda code: means[code].value)
    lowest = min(judged, key=lambda code: means[code].value)
    # The two are picked for being furthest apart: the interval has to hold for every pair at once.
    gap = distance(means[highest], means[lowest], simultaneous(len(judged)))
    return Gap(measure, gap, names[highest], names[lowest], limit, limit is not None and gap.low > limit)


def fairness_findings(policy: Fairness, found: Sequence[GroupFairness]) -> list[Finding]:
    """What the policy has to say: broken limits, groups too small to judge, groups that the model reads."""
    findings = []
    for one in found:
        findings += [_broken(one, gap, policy) for gap in one.gaps if gap.broken]
        small = [group.name for group in one.groups if not group.judged]
        if small:
            findings.append(
                finding(
                    "VGF002",
                    one.feature,
                    said(
                        "fewer than {least:,} test rows each: {groups}",
                        least=policy.least_rows,
                        groups=", ".join(f"“{name}”" for name in small),
                    ),
                )
            )
        if one.is_feature:
            findings.append(finding("VGF003", one.feature, said("the model reads “{feature}”", feature=one.feature)))
    return findings


def _broken(one: GroupFairness, gap: Gap, policy: Fairness) -> Finding:
    explanation = said(
        "{measure} differs by {gap:.1%} (interval {low:.1%} to {high:.1%}) between “{highest}” and “{lowest}”; the policy "
        "allows {limit:.1%}",
        measure=MEASURE_WORDS[gap.measure],
        gap=gap.gap.value,
        low=gap.gap.low,
        high=gap.gap.high,
        highest=gap.highest,
        lowest=gap.lowest,
        limit=gap.limit,
    )
    return finding("VGF001", one.feature, explanation, Severity.ERROR if policy.block else Severity.WARNING)
