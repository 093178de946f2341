"""From scored rows, in any number of parts, to decisions: the best within the capacity, over all parts together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from vigie.features.values import Array

if TYPE_CHECKING:
    from vigie.bundle import DecisionRule
    from vigie.lifecycle.parts import Parts
    from vigie.release import HoldOut


@dataclass(slots=True)
class Tally:
    """Figures of a run.

    Attributes:
        rows: Customers.
        acted: Those to act on.
        expected_value: Of all decisions together, currency.
        segments: Customers in each risk segment.
        undecided: Customers whose cost matrix is not known.
        example: Key of the customer with the highest expected gain, the first of several; empty where rows have no key.
    """

    rows: int = 0
    acted: int = 0
    expected_value: float = 0.0
    segments: dict[str, int] = field(default_factory=dict)
    undecided: int = 0
    example: str = ""
    _best: float = -np.inf

    def add(self, rows: pl.DataFrame, act: Array) -> None:
        """Count rows as :func:`decided` gives them."""
        self.rows += len(rows)
        self.acted += int(act.sum())
        self.expected_value += float(rows["expected_value"].sum())
        self.undecided += rows["gain"].null_count()
        for name, count in rows.group_by("segment").len().iter_rows():
            self.segments[name] = self.segments.get(name, 0) + count
        if "customer" in rows.columns and len(rows):
            gain = rows["gain"].fill_null(-np.inf)
            best = float(gain.max())  # type: ignore[arg-type]
            key = str(rows["customer"].filter(gain == best).min())
            if not self.example or (-best, key) < (-self._best, self.example):
                self.example, self._best = key, best


def chosen(rule: DecisionRule, parts: Parts, held: HoldOut | None = None) -> Array:
    """Who is acted on, in the order of ``parts.frames()``: the highest gains of each moment, within the capacity.

    Where gains tie at the capacity, the customers whose key and moment sort first are taken, however the rows are divided
    into parts. Holds 16 bytes a row, and some five times as much while it ranks them.

    Args:
        rule: Capacity and least gain.
        parts: Rows with ``gain`` and, where there are several, ``moment`` (int64 µs).
        held: Customers who are not acted on, and take nobody's place; needs rows with ``customer``.
    """
    columns = next(parts.frames()).columns if parts.in_order else pl.scan_parquet(parts.paths()[0]).collect_schema()
    asked = ("gain", "moment", "customer") if held is not None and held.share else ("gain", "moment")
    wanted = [name for name in asked if name in columns]
    frames = list(parts.frames(wanted))
    gain = np.concatenate([frame["gain"].to_numpy() for frame in frames])
    moments = np.concatenate([frame["moment"].to_numpy() for frame in frames]) if "moment" in wanted else None
    if held is not None and "customer" in wanted:
        mask = [held.holds(customer) for frame in frames for customer in frame["customer"].to_list()]
        gain = np.where(mask, np.nan, gain)
    act = rule.choose(gain, moments)
    if rule.capacity is None or parts.in_order or moments is None or "customer" not in columns:
        return act
    return _tied_by_key(act, gain, moments, parts, rule.min_gain)


def _tied_by_key(act: Array, gain: Array, moments: Array, parts: Parts, min_gain: float) -> Array:
    """The same number of customers in every moment, those at the border by their keys."""
    group = np.unique(moments, return_inverse=True)[1]
    border = np.full(int(group.max()) + 1 if len(group) else 0, np.inf)
    np.minimum.at(border, group[act], gain[act])
    passed_over = ~act & (gain >= min_gain) & (gain == border[group])
    disputed = np.zeros(len(border), dtype=bool)
    disputed[group[passed_over]] = True
    tied = np.flatnonzero(disputed[group] & (gain == border[group]))
    if not len(tied):
        return act
    keys, begin = [], 0
    for frame in parts.frames(["customer"]):
        inside = tied[(tied >= begin) & (tied < begin + len(frame))] - begin
        keys += frame["customer"].gather(inside).to_list()
        begin += len(frame)
    out = act.copy()
    left = np.bincount(group[tied], weights=act[tied], minlength=len(border)).astype(np.int64)
    out[tied] = False
    for place, _ in sorted(zip(tied.tolist(), keys, strict=True), key=lambda one: one[1]):
        if left[group[place]] > 0:
            out[place] = True
            left[group[place]] -= 1
    return out


def decided(parts: Parts, act: Array, rule: DecisionRule) -> Iterator[tuple[pl.DataFrame, Array]]:
    """The rows of ``parts.frames()`` with ``decision``, ``expected_value`` and a ``gain`` that is null where it is not known.

    Where a sum of the cost matrix is not known nothing can be decided: null, rather than the default action.
    """
    begin = 0
    for frame in parts.frames():
        taken = act[begin : begin + len(frame)]
        begin += len(frame)
        acted = pl.Series(taken)
        unknown = pl.col("gain").is_nan()
        yield (
            frame.with_columns(
                decision=pl.when(unknown).then(None).when(acted).then(pl.lit(rule.act)).otherwise(pl.lit(rule.leave)),
                expected_value=pl.when(unknown)
                .then(None)
                .when(acted)
                .then("value_if_acted")
                .otherwise("value_if_left"),
                gain=pl.col("gain").fill_nan(None),
            ),
            taken,
        )
