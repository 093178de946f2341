"""What the model would say if everybody had the same value of one feature (Friedman 2001; bands: Goldstein et al. 2015)."""

from __future__ import annotations

import numpy as np

from vigie.bundle import Scorer
from vigie.clock import iso
from vigie.definition.kind import Kind
from vigie.features.values import Columns, Values
from vigie.training.evidence import Dependence
from vigie.wording import said

POINTS = 20
"""Points along an axis at most."""
MOST_CATEGORIES = 12
SHARE_MISSING = 0.01
"""From this share of missing values on, *missing* is a category to look at."""


def dependence(scorer: Scorer, feature: str, whole: Columns, columns: Columns, n: int) -> Dependence:
    """Mean and spread of the calibrated probability along one feature.

    Args:
        scorer: Of the bundle.
        feature: An input.
        whole: Inputs of all rows: they say which points are looked at, and how many rows lie near each.
        columns: Inputs of the rows whose curves are worked out.
        n: Number of these.
    """
    grid, points, share = _grid(whole[feature])
    curves = set_to(scorer, columns, n, {feature: grid})
    return Dependence(
        feature=feature,
        points=points,
        probability=curves.mean(axis=1),
        low=np.percentile(curves, 10, axis=1),
        high=np.percentile(curves, 90, axis=1),
        share=share,
    )


def set_to(scorer: Scorer, columns: Columns, n: int, grids: dict[str, Values]) -> np.ndarray:
    """Calibrated probability of each row once some features are set, shape (k, n).

    Args:
        scorer: Of the bundle.
        columns: Inputs by name.
        n: Number of rows.
        grids: By feature the k values that everybody is given, one after the other; of several features together.
    """
    k = len(next(iter(grids.values())))
    rows, point = np.tile(np.arange(n), k), np.repeat(np.arange(k), n)
    changed = {name: grids[name].take(point) if name in grids else columns[name].take(rows) for name in scorer.inputs}
    return scorer.probability(changed, n * k).reshape(k, n)


def _grid(values: Values) -> tuple[Values, tuple[float, ...] | tuple[str, ...], np.ndarray]:
    """Values to look at, what they are called, and the share of rows near each."""
    match values.kind:
        case Kind.CATEGORY:
            return _categories(values)
        case Kind.BOOLEAN:
            data = np.array([0.0, 1.0])
            share = np.array([(values.data == one).mean() for one in data])
            return Values(Kind.BOOLEAN, data), (said("no"), said("yes")), share
    known = values.data[~values.nulls()]
    if not len(known):
        return Values.missing(values.kind, 1), (said("missing"),), np.ones(1)
    points = spread(known)
    # A row belongs to the nearest point: the borders lie half way.
    near = np.searchsorted((points[1:] + points[:-1]) / 2, known)
    share = np.bincount(near, minlength=len(points)) / len(values)
    grid = Values(values.kind, points)
    if values.kind is Kind.TIME:
        return grid, tuple(iso(int(point))[:10] for point in points), share
    return grid, tuple(points.tolist()), share


def spread(known: np.ndarray, most: int = POINTS) -> np.ndarray:
    """At most so many different values, at even ranks from the second to the 98th percentile."""
    distinct = np.unique(known)
    if len(distinct) <= most:
        return distinct
    ordered = np.sort(known)
    ranks = np.linspace(0.02, 0.98, most) * (len(ordered) - 1)
    return np.unique(ordered[ranks.round().astype(np.intp)])


def _categories(values: Values) -> tuple[Values, tuple[str, ...], np.ndarray]:
    """The most frequent categories, and *missing* where it is frequent enough."""
    counts = np.bincount(values.data + 1, minlength=len(values.categories) + 1)
    missing, seen = counts[0], counts[1:]
    codes = np.argsort(-seen, kind="stable")[:MOST_CATEGORIES]
    codes = codes[seen[codes] > 0]
    names = [values.categories[code] for code in codes]
    if missing >= SHARE_MISSING * len(values) or not names:
        codes, names = np.append(codes, -1), [*names, said("missing")]
    share = counts[codes + 1] / max(len(values), 1)
    return Values(Kind.CATEGORY, codes.astype(np.int32), values.categories), tuple(names), share
