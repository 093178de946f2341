"""Features that are the outcome in other words: alone (VGL007), or two of them together (VGL008)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from vigie.definition.kind import Kind
from vigie.features.values import Columns, Values
from vigie.findings import Finding, Severity
from vigie.training.checks.alone import Alone, alone
from vigie.training.checks.codes import finding
from vigie.wording import said

SAME = 0.90
"""F1 for the rarer class from which a rule is called the outcome in other words."""
FEWEST = 20
"""Rows of the rarer class that a rule must be tried on: fewer can be hit by chance."""
LEVELS = 50
"""Different numbers that are still taken one by one."""
PAIR_ROWS, PAIR_FEATURES = 5_000, 40
PAIR_AUC, CERTAIN_AUC, ALONE_AUC, PAIR_GAIN = 0.95, 0.98, 0.90, 0.05
CELLS = 6
"""Groups of each of two features that are looked at together."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The best simple rule that one feature gives for the outcome.

    Attributes:
        words: What it says.
        f1: For the rarer class, 0 … 1.
        agrees: Share of the rows on which it and the outcome say the same.
    """

    words: str
    f1: float
    agrees: float


def copies_of_outcome(features: Columns, labels: np.ndarray) -> list[Finding]:
    """Features of which a threshold, a sign or a set of values reproduces the outcome on nearly all rows.

    Args:
        features: Columns of the training rows.
        labels: 0 or 1 of the training rows.
    """
    found = []
    for name, values in features.items():
        rule = best_rule(values, labels)
        if rule is not None and rule.f1 >= SAME:
            found.append(
                finding(
                    "VGL007",
                    name,
                    said(
                        "“{rule}” agrees with the outcome on {agrees:.1%} of the rows (F1 of the rarer class {f1:.2f}): it is "
                        "the outcome in other words, or was written because of it",
                        rule=rule.words,
                        agrees=rule.agrees,
                        f1=rule.f1,
                    ),
                )
            )
    return found


def best_rule(values: Values, labels: np.ndarray) -> Rule | None:
    """The threshold or set of values that agrees best with the outcome; ``None`` with too few rows of a class."""
    rare = 1 if 2 * int(labels.sum()) <= len(labels) else 0
    target = labels == rare
    if int(target.sum()) < FEWEST:
        return None
    nulls = values.nulls()
    known = values.data[~nulls]
    rules = []
    if values.kind in (Kind.NUMBER, Kind.TIME) and len(known):
        rules.append(_threshold(values.data, nulls, target))
    levels = np.unique(known)
    if values.kind in (Kind.CATEGORY, Kind.BOOLEAN) or len(levels) <= LEVELS:
        rules.append(_values(values, levels, nulls, target))
    return max(rules, key=lambda rule: rule.f1) if rules else None


def _threshold(data: np.ndarray, nulls: np.ndarray, target: np.ndarray) -> Rule:
    order = np.flatnonzero(~nulls)[np.argsort(data[~nulls], kind="stable")]
    sorted_data, hits = data[order], np.cumsum(target[order])
    ends = np.append(np.flatnonzero(np.diff(sorted_data)), len(order) - 1)
    below, size = hits[ends], ends + 1
    total, gaps, missing = int(target.sum()), int(nulls.sum()), int(target[nulls].sum())
    # Rows without a value go to the side that most of them belong to.
    add_hits, add_size = (missing, gaps) if 2 * missing > gaps else (0, 0)
    best: tuple[float, int, bool] = (-1.0, 0, True)
    for is_below, right, said_so in ((True, below, size), (False, hits[-1] - below, len(order) - size)):
        f1 = 2 * (right + add_hits) / (said_so + add_size + total)
        place = int(np.argmax(f1))
        best = max(best, (float(f1[place]), place, is_below))
    f1_best, place, is_below = best
    cut = float(sorted_data[ends[place]])
    right = (below if is_below else hits[-1] - below)[place] + add_hits
    said_so = (size if is_below else len(order) - size)[place] + add_size
    agrees = 1 - (total + said_so - 2 * right) / len(target)
    words = said("at most {cut:g}", cut=cut) if is_below else said("above {cut:g}", cut=cut)
    return Rule(words, f1_best, float(agrees))


def _values(values: Values, levels: np.ndarray, nulls: np.ndarray, target: np.ndarray) -> Rule:
    codes = np.where(nulls, len(levels), np.searchsorted(levels, values.data)) if len(levels) else nulls.astype(int)
    count = np.bincount(codes, minlength=len(levels) + 1)
    hits = np.bincount(codes, weights=target, minlength=len(levels) + 1)
    # A level that is seen now and then agrees with its own row by nature: only frequent ones make a rule.
    chosen = (2 * hits > count) & (count >= 5)
    right, said_so, total = hits[chosen].sum(), count[chosen].sum(), target.sum()
    if not chosen.any():
        return Rule("", 0.0, 1 - float(target.mean()))
    named = [_name(values, levels[i]) if i < len(levels) else said("missing") for i in np.flatnonzero(chosen)[:3]]
    words = said("is {values}", values=" | ".join(named) + (" | …" if int(chosen.sum()) > 3 else ""))
    return Rule(words, float(2 * right / (said_so + total)), float(1 - (total + said_so - 2 * right) / len(target)))


def _name(values: Values, level: float) -> str:
    return values.categories[int(level)] if values.kind is Kind.CATEGORY else f"{level:g}"


# -- pairs -------------------------------------------------------------------------------------------------------------


def deciding_pairs(features: Columns, labels: np.ndarray, measures: Mapping[str, Alone], seed: int) -> list[Finding]:
    """Two features that decide the outcome together and not alone: as equals, as greater, or by a tree of depth two.

    The forty features that tell most alone are looked at, on at most 5,000 rows. Of several pairs with one feature in
    common the strongest is told.

    Args:
        features: Columns of the training rows.
        labels: 0 or 1 of the training rows.
        measures: How well each feature predicts alone; those that nearly do are left to VGL001 and VGL007.
        seed: Of the sample and the folds.
    """
    names = sorted((n for n, m in measures.items() if m.auc < ALONE_AUC), key=lambda n: -measures[n].auc)
    names = names[:PAIR_FEATURES]
    rows = np.arange(len(labels))
    if len(rows) > PAIR_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, PAIR_ROWS, replace=False))
    y = labels[rows]
    if min(int(y.sum()), len(y) - int(y.sum())) < FEWEST:
        return []
    sample = {name: features[name].take(rows) for name in names}
    cells = {name: _cells(values) for name, values in sample.items()}
    strongest: list[tuple[float, str, str, str]] = []
    for one, other in combinations(names, 2):
        score, how = _together(sample[one], sample[other], cells[one], cells[other], y, seed)
        if score >= PAIR_AUC and score - max(measures[one].auc, measures[other].auc) >= PAIR_GAIN:
            strongest.append((score, one, other, how))
    found, taken = [], set[str]()
    for score, one, other, how in sorted(strongest, key=lambda item: (-item[0], item[1], item[2])):
        if {one, other} & taken:
            continue
        taken |= {one, other}
        found.append(
            finding(
                "VGL008",
                f"{one}, {other}",
                said(
                    "{how} they rank customers with an AUC of {auc:.3f}, alone with {one:.3f} and {other:.3f}",
                    how=how,
                    auc=score,
                    one=measures[one].auc,
                    other=measures[other].auc,
                ),
                Severity.ERROR if score >= CERTAIN_AUC else None,
            )
        )
    return found


def _together(one: Values, other: Values, a: np.ndarray, b: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, str]:
    both = a * (CELLS + 1) + b
    count = np.bincount(both, minlength=(CELLS + 1) ** 2)
    hits = np.bincount(both, weights=y, minlength=(CELLS + 1) ** 2)
    best = _auc_of_groups(count, hits)
    how: str = said("in groups of both")
    if best >= PAIR_AUC:
        # Seen on the rows it was made from; asked again out of fold.
        best = alone(
            Values(Kind.CATEGORY, both.astype(np.int32), tuple(map(str, range((CELLS + 1) ** 2)))), y, seed
        ).auc
    for words, flag in _comparisons(one, other):
        score = _auc_of_groups(np.bincount(flag, minlength=3), np.bincount(flag, weights=y, minlength=3))
        if score >= best:
            best, how = score, words
    return best, how


def _comparisons(one: Values, other: Values) -> list[tuple[str, np.ndarray]]:
    nulls = one.nulls() | other.nulls()
    if one.kind is Kind.CATEGORY and other.kind is Kind.CATEGORY:
        if not set(one.categories) & set(other.categories):
            return []
        equal = one.recoded(other.categories) == other.data
        return [(said("by being equal or not"), np.where(nulls, 2, equal))]
    if one.kind is not other.kind or one.kind not in (Kind.NUMBER, Kind.TIME):
        return []
    return [
        (said("by being equal or not"), np.where(nulls, 2, one.data == other.data)),
        (said("by which is greater"), np.where(nulls, 2, one.data > other.data)),
    ]


def _cells(values: Values) -> np.ndarray:
    """Up to ``CELLS`` groups of about equal size, missing values in one of their own: shape (n,)."""
    nulls = values.nulls()
    if values.kind is Kind.CATEGORY:
        count = np.bincount(values.data[~nulls], minlength=len(values.categories))
        rank = np.empty(len(count), np.int64)
        rank[np.argsort(-count, kind="stable")] = np.arange(len(count))
        return np.where(nulls, CELLS, np.minimum(rank[values.data], CELLS - 1)) if len(count) else nulls * CELLS
    numbers = values.data.astype(float)
    known = numbers[~nulls]
    edges = np.unique(np.quantile(known, np.arange(1, CELLS) / CELLS)) if len(known) else np.zeros(0)
    return np.where(nulls, CELLS, np.searchsorted(edges, numbers, side="right"))


def _auc_of_groups(count: np.ndarray, hits: np.ndarray) -> float:
    """AUC of the rate of each row's group, on the rows the rates are made from."""
    rate = hits / np.maximum(count, 1)
    order = np.argsort(-rate, kind="stable")
    positive, negative = hits[order], (count - hits)[order]
    above = np.cumsum(positive) - positive / 2
    total = positive.sum() * negative.sum()
    return float((above * negative).sum() / total) if total else 0.5
