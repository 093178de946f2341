"""What rows looked like, counted in the cells of a reference: small, and the same however the rows were divided.

A profile is integers alone. Profiles of two parts added are the profile of both together, to the last bit, in any order and
grouping: of workers, batches, days. It holds no values of customers, only how many fell into a cell.

Who repeats counts less as evidence. How often customers repeat is held by a sketch of fixed size (Alon, Matias & Szegedy
1996): each row adds +1 or −1, by the customer's hash, to one of :data:`SKETCH` places. The sum of squares is about Σ mᵢ² for
customers with mᵢ rows, and n² / Σ mᵢ² is how many independent rows n rows are worth if all rows of a customer are alike
(Kish 1965); if they are less alike they are worth more, so that evidence errs on the side of silence.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vigie.definition.kind import Kind
from vigie.errors import BundleError
from vigie.features.values import Array, Columns, Values

SKETCH = 2048
"""Places of the sketch; Σ mᵢ² is off by some 3 %."""
UNIT = 1 << 16
"""Parts that a standard deviation is counted in, so that sums are integers and their order does not matter."""
FARTHEST = 1024.0
"""Standard deviations from the reference's mean; what lies farther counts as if it lay there."""


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """The cells of one feature, fixed by the reference.

    Attributes:
        name: Of the feature.
        kind: Of its values. A TEXT has no cells; only whether it is there is counted.
        edges: Inner borders of bins, increasing, shape (b − 1,): bin *i* holds ``edges[i−1] ≤ value < edges[i]``. Empty for
            a category.
        categories: Those with a cell of their own, in the order of the cells; a last cell is for the rarer ones.
        rare: Those of the last cell; ``None`` where it is not known which they are.
        mean: Of the reference's values; 0 for a category.
        std: Likewise; 1 where it is 0 or not known.
        positions: The value that stands for each bin, shape (b,).
    """

    name: str
    kind: Kind
    edges: Array
    categories: tuple[str, ...] = ()
    rare: frozenset[str] | None = None
    mean: float = 0.0
    std: float = 1.0
    positions: Array = field(default_factory=lambda: np.empty(0))

    @property
    def number(self) -> int:
        """How many cells there are for values that are there and known."""
        if self.kind is Kind.TEXT:
            return 1
        return len(self.categories) + 1 if self.kind is Kind.CATEGORY else len(self.edges) + 1

    @property
    def ordered(self) -> bool:
        """Whether neighbouring cells hold neighbouring values."""
        return self.kind not in (Kind.CATEGORY, Kind.TEXT)


@dataclass(frozen=True, eq=False, slots=True)
class Profile:
    """Counts of some rows.

    Attributes:
        layout: Key of the cells that rows were counted in; only profiles of the same are added.
        rows: Rows in it.
        cells: For each feature the rows in each of its cells, int64.
        missing: For each feature the rows without a value.
        unseen: For each category the rows with one that the reference does not have.
        sums: For each number the sum of (value − mean) / std of the reference, in 1/:data:`UNIT`.
        score: Rows in each bin of the score, int64.
        decided: Rows with a decision.
        acted: Of them, those acted on.
        known: Rows whose outcome is known.
        positives: Of them, those with the outcome.
        sketch: How customers repeat, int64, shape (:data:`SKETCH`,).
    """

    layout: str
    rows: int
    cells: Mapping[str, Array]
    missing: Mapping[str, int]
    unseen: Mapping[str, int]
    sums: Mapping[str, int]
    score: Array
    decided: int
    acted: int
    known: int
    positives: int
    sketch: Array

    @property
    def effective(self) -> float:
        """How many independent rows the rows are worth at least: n² / Σ mᵢ²; not more than there are."""
        if not self.rows:
            return 0.0
        squares = float((self.sketch.astype(np.float64) ** 2).sum())
        return float(self.rows) ** 2 / max(squares, float(self.rows))

    def of(self, name: str) -> int:
        """Rows in which feature *name* was looked at, missing ones among them."""
        if name not in self.cells:
            return 0
        return int(self.cells[name].sum()) + self.missing[name] + self.unseen[name]

    def mean_shift(self, name: str) -> float:
        """How far the mean lies from the reference's, in its standard deviations; NaN where nothing is known."""
        there = int(self.cells[name].sum()) if name in self.sums else 0
        return self.sums[name] / UNIT / there if there else math.nan

    def to_data(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "layout": self.layout,
            "rows": self.rows,
            "features": {
                name: [counts.tolist(), self.missing[name], self.unseen[name], self.sums.get(name)]
                for name, counts in self.cells.items()
            },
            "score": self.score.tolist(),
            "counts": [self.decided, self.acted, self.known, self.positives],
            "sketch": self.sketch.tolist(),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Profile:
        """The profile that :meth:`to_data` wrote."""
        features: Mapping[str, Sequence[Any]] = data["features"]
        decided, acted, known, positives = data["counts"]
        return cls(
            layout=data["layout"],
            rows=data["rows"],
            cells={name: np.array(one[0], dtype=np.int64) for name, one in features.items()},
            missing={name: one[1] for name, one in features.items()},
            unseen={name: one[2] for name, one in features.items()},
            sums={name: one[3] for name, one in features.items() if one[3] is not None},
            score=np.array(data["score"], dtype=np.int64),
            decided=decided,
            acted=acted,
            known=known,
            positives=positives,
            sketch=np.array(data["sketch"], dtype=np.int64),
        )


@dataclass(frozen=True, eq=False)
class Layout:
    """The cells of all features and of the score of one model.

    Attributes:
        features: Cells by name.
        score_edges: Inner borders of the bins of the probability, shape (b − 1,).
        key: Names the cells; equal for equal ones.
    """

    features: Mapping[str, Cells]
    score_edges: Array
    key: str

    @classmethod
    def of(cls, reference: Mapping[str, Any]) -> Layout:
        """The cells of a bundle's profile (:func:`vigie.bundle.profile_of`).

        Raises:
            BundleError: It has no features: the bundle was made without a profile.
        """
        if "features" not in reference or "score" not in reference:
            raise BundleError(
                "the model has no reference profile", remedy="train it anew: `vigie train` writes one into the bundle"
            )
        features = {name: _cells(name, one) for name, one in reference["features"].items()}
        edges = np.asarray(reference["score"]["edges"], dtype=np.float64)
        told = hashlib.sha256(edges.tobytes())
        for name, cells in features.items():
            rare = "?" if cells.rare is None else sorted(cells.rare)
            told.update(f"{name}\0{cells.kind}\0{cells.categories}\0{rare}\0{cells.mean!r}\0{cells.std!r}\0".encode())
            told.update(cells.edges.tobytes())
        return cls(features, edges, told.hexdigest()[:16])

    def empty(self) -> Profile:
        """The profile of no rows."""
        return Profile(
            self.key, 0, {}, {}, {}, {}, np.zeros(len(self.score_edges) + 1, dtype=np.int64), 0, 0, 0, 0,
            np.zeros(SKETCH, dtype=np.int64),
        )  # fmt: skip

    def count(
        self,
        columns: Columns,
        customers: Sequence[str | None] | Array,
        probability: Array | None = None,
        acted: Array | None = None,
        outcome: Array | None = None,
    ) -> Profile:
        """The profile of *n* rows; features that *columns* lacks are not counted, and none that the reference lacks.

        Args:
            columns: Values by name.
            customers: Who each row is about, shape (n,); a row of nobody counts as somebody of its own.
            probability: Shape (n,), 0 … 1; NaN is not counted.
            acted: Shape (n,): 1 where the decision is to act, 0 where not, NaN where there is none.
            outcome: Shape (n,): 1, 0, NaN where it is not known.

        Raises:
            ValueError: A column has another length or kind than it must.
        """
        hashes = customers if isinstance(customers, np.ndarray) and customers.dtype == np.uint64 else hashed(customers)
        rows = len(hashes)
        cells: dict[str, Array] = {}
        missing: dict[str, int] = {}
        unseen: dict[str, int] = {}
        sums: dict[str, int] = {}
        for name, one in self.features.items():
            values = columns.get(name)
            if values is None:
                continue
            if len(values) != rows or not _fits(values.kind, one.kind):
                raise ValueError(f"{name}: {len(values)} values of {values.kind}, not {rows} of {one.kind}")
            cells[name], missing[name], unseen[name], total = _counted(one, values)
            if total is not None:
                sums[name] = total
        score = np.zeros(len(self.score_edges) + 1, dtype=np.int64)
        if probability is not None:
            there = probability[~np.isnan(probability)]
            score += np.bincount(np.searchsorted(self.score_edges, there, side="right"), minlength=len(score))
        decided, taken = _yes(acted)
        known, positives = _yes(outcome)
        return Profile(
            self.key, rows, cells, missing, unseen, sums, score, decided, taken, known, positives, _sketch(hashes)
        )


@dataclass(frozen=True, eq=False, slots=True)
class Basis:
    """What live rows are compared with.

    Attributes:
        name: ``"training"``, ``"season"`` (a year ago) or ``"recent"`` (the same weekday of the last weeks).
        profile: Its counts.
        effective: How many independent rows they are worth.
    """

    name: str
    profile: Profile
    effective: float


def reference_of(layout: Layout, reference: Mapping[str, Any]) -> Basis:
    """The reference itself, counted in its own cells.

    A bundle that was made before these were written down has no customers, decisions and outcomes in its profile: then its
    rows count as independent, and decisions and outcomes have nothing to be compared with.

    Args:
        layout: Of *reference*.
        reference: A bundle's profile.
    """
    rows = int(reference["rows"])
    cells: dict[str, Array] = {}
    missing: dict[str, int] = {}
    for name, one in reference["features"].items():
        lost = round(rows * float(one["missing"]))
        kind = layout.features[name].kind
        if kind is Kind.TEXT:
            counts = np.array([rows - lost], dtype=np.int64)
        elif kind is Kind.CATEGORY:
            counts = np.array([*one["categories"].values(), one["other"]], dtype=np.int64)
        else:
            counts = np.array(one["counts"], dtype=np.int64)
        cells[name], missing[name] = counts, lost
    sums = {name: 0 for name, one in layout.features.items() if one.ordered}
    decided, outcome = reference.get("decisions", {}), reference.get("outcomes", {})
    profile = Profile(
        layout.key, rows, cells, missing, dict.fromkeys(cells, 0), sums,
        np.array(reference["score"]["counts"], dtype=np.int64),
        int(decided.get("rows", 0)), int(decided.get("acted", 0)),
        int(outcome.get("rows", 0)), int(outcome.get("positives", 0)), np.zeros(SKETCH, dtype=np.int64),
    )  # fmt: skip
    return Basis("training", profile, float(reference.get("effective", rows)))


def merged(profiles: Iterable[Profile]) -> Profile:
    """The profile of all rows together.

    Raises:
        ValueError: There is none, or they were counted in different cells.
    """
    parts = list(profiles)
    if len({one.layout for one in parts}) != 1:
        raise ValueError(f"{len(parts)} profiles of {len({one.layout for one in parts})} layouts cannot be added")
    names = dict.fromkeys(name for one in parts for name in one.cells)
    cells: dict[str, Array] = {}
    for name in names:
        counts = [one.cells[name] for one in parts if name in one.cells]
        cells[name] = counts[0] if len(counts) == 1 else np.sum(counts, axis=0)
    numbers = dict.fromkeys(name for one in parts for name in one.sums)
    return Profile(
        layout=parts[0].layout,
        rows=sum(one.rows for one in parts),
        cells=cells,
        missing={name: sum(one.missing.get(name, 0) for one in parts) for name in names},
        unseen={name: sum(one.unseen.get(name, 0) for one in parts) for name in names},
        sums={name: sum(one.sums.get(name, 0) for one in parts) for name in numbers},
        score=np.sum([one.score for one in parts], axis=0),
        decided=sum(one.decided for one in parts),
        acted=sum(one.acted for one in parts),
        known=sum(one.known for one in parts),
        positives=sum(one.positives for one in parts),
        sketch=np.sum([one.sketch for one in parts], axis=0),
    )


def hashed(keys: Sequence[str | None] | Array) -> Array:
    """64-bit hashes of texts, uint64, shape (n,): the same on every machine, for good.

    Not made to withstand somebody who looks for collisions. Nobody (``None``) gets a hash by place.

    Args:
        keys: Texts and ``None``.
    """
    nobody = np.fromiter((one is None for one in keys), dtype=bool, count=len(keys))
    texts = np.array(["" if one is None else one for one in keys] if nobody.any() else keys, dtype=np.str_)
    found = np.full(len(texts), np.uint64(0x9E3779B97F4A7C15))
    if texts.dtype.itemsize and len(texts):
        letters = np.ascontiguousarray(texts).view(np.uint32).reshape(len(texts), -1)
        for place in range(letters.shape[1]):
            letter = letters[:, place].astype(np.uint64)
            # A text is filled up with zeros to the longest one's length, which must not matter.
            found = np.where(letter == 0, found, (found ^ letter) * np.uint64(0x100000001B3))
            if place % 4 == 3:
                found = np.where(letter == 0, found, found ^ (found >> np.uint64(29)))
    found[nobody] ^= np.flatnonzero(nobody).astype(np.uint64) + np.uint64(1 << 40)
    return _mixed(found)


def _mixed(found: Array) -> Array:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every bit depends on every bit."""
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(found ^ (found >> np.uint64(31)))


def _sketch(hashes: Array) -> Array:
    places = (hashes % np.uint64(SKETCH)).astype(np.int64)
    plus = (hashes >> np.uint64(63)).astype(bool)
    return np.bincount(places[plus], minlength=SKETCH) - np.bincount(places[~plus], minlength=SKETCH)


def _yes(said: Array | None) -> tuple[int, int]:
    if said is None:
        return 0, 0
    there = ~np.isnan(said)
    return int(there.sum()), int((said[there] > 0).sum())


def _fits(kind: Kind, wanted: Kind) -> bool:
    """TEXT is looked at for being there alone, so that a category will do."""
    return kind is wanted or (wanted is Kind.TEXT and kind is Kind.CATEGORY)


def _cells(name: str, one: Mapping[str, Any]) -> Cells:
    kind = Kind(one["kind"])
    if kind in (Kind.CATEGORY, Kind.TEXT):
        told = one.get("rare")
        rare = frozenset(told) if told is not None else (None if one.get("other", 0) else frozenset())
        return Cells(name, kind, np.empty(0), tuple(one["categories"]), rare)
    edges = np.asarray(one["edges"], dtype=np.float64)
    std = float(one["std"] or 0.0)
    return Cells(
        name, kind, edges, mean=float(one["mean"] or 0.0), std=std if std > 0 else 1.0,
        positions=_positions(edges, one["quantiles"]),
    )  # fmt: skip


def _positions(edges: Array, quantiles: Sequence[float]) -> Array:
    """Middles of the bins; those at the ends reach to the reference's least and greatest value."""
    if not len(quantiles):
        return np.zeros(len(edges) + 1)
    low, high = float(quantiles[0]), float(quantiles[-1])
    borders = (
        np.concatenate([[min(low, *edges[:1])], edges, [max(high, *edges[-1:])]])
        if len(edges)
        else np.array([low, high])
    )
    return borders[:-1] / 2 + borders[1:] / 2


def _counted(one: Cells, values: Values) -> tuple[Array, int, int, int | None]:
    """Rows in each cell, without a value, of an unseen category; and the sum of a number."""
    if one.kind is Kind.TEXT:
        lost = int(values.nulls().sum())
        return np.array([len(values) - lost], dtype=np.int64), lost, 0, None
    if one.kind is Kind.CATEGORY:
        own = {text: place for place, text in enumerate(one.categories)}
        other, unseen, lost_cell = len(own), len(own) + 1, len(own) + 2
        cell_of = [
            own.get(text, other if one.rare is None or text in one.rare else unseen) for text in values.categories
        ]
        counts = np.bincount(np.array([*cell_of, lost_cell])[values.data], minlength=lost_cell + 1)
        return counts[: other + 1], int(counts[lost_cell]), int(counts[unseen]), None
    nulls = values.nulls()
    lost = int(nulls.sum())
    known = np.asarray(values.data if not lost else values.data[~nulls], dtype=np.float64)
    counts = np.bincount(np.searchsorted(one.edges, known, side="right"), minlength=len(one.edges) + 1)
    with np.errstate(over="ignore"):
        apart = np.clip((np.clip(known, -1e300, 1e300) - one.mean) / one.std, -FARTHEST, FARTHEST)
    return counts, lost, 0, int(np.rint(apart * UNIT).astype(np.int64).sum())
