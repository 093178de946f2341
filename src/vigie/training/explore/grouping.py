"""The categories of a column before and after rare ones are grouped, as the encoder of every model does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.bundle.encoder import CategoryColumn
from vigie.bundle.encoder_fit import RARE, fit_encoder
from vigie.definition.kind import Kind
from vigie.features.values import Array, Values
from vigie.wording import said

__all__ = ["RARE", "Grouping", "grouping_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Grouping:
    """A category as it is and as models read it.

    Attributes:
        before: ``(category, rows)``, the most frequent first; nulls are not among them.
        after: ``(level, rows)`` in the same order, then *other* where there is one, then *missing* where there is one.
        after_labels: Words of the levels by code.
        codes: Level of each row, shape (n,).
        rare: Categories that went into *other*.
        rare_rows: Their rows.
        missing: Rows without a category.
    """

    before: tuple[tuple[str, int], ...]
    after: tuple[tuple[str, int], ...]
    after_labels: tuple[str, ...]
    codes: Array
    rare: int
    rare_rows: int
    missing: int

    @property
    def changes(self) -> bool:
        """Whether anything was grouped."""
        return self.rare > 0


def grouping_of(name: str, values: Values) -> Grouping:
    """The grouping that :func:`vigie.bundle.encoder_fit.fit_encoder` makes of *values*.

    Args:
        name: Of the column, for messages.
        values: A CATEGORY.
    """
    column = fit_encoder({name: values}, style="additive").columns[0]
    assert isinstance(column, CategoryColumn) and values.kind is Kind.CATEGORY, "only categories are grouped"
    out = np.empty((len(values), 1))
    column.write(values, out)
    codes = out[:, 0].astype(np.int64)
    counts = np.bincount(values.data[values.data >= 0], minlength=len(values.categories))
    order = [int(i) for i in np.lexsort((np.arange(len(counts)), -counts)) if counts[i]]
    before = tuple((values.categories[i], int(counts[i])) for i in order)
    kept = set(column.kept)
    rare = [n for text, n in before if text not in kept]
    missing = int(np.count_nonzero(values.data < 0))
    words: list[str] = list(column.level_names())
    # Said, not merely written: the page may be in another language. A category that is called so keeps its name.
    if rare:
        words[column.unseen] = said("other ({number:,})", number=len(rare))
    levels = np.bincount(codes, minlength=column.levels)
    of = dict(zip(column.kept, column.codes, strict=True))
    ordered = [of[text] for text, _ in before if text in kept]
    null = column.null if missing and column.null not in column.codes and column.null != column.unseen else -1
    ordered += [level for level in range(column.levels) if level not in ordered and level != null]
    if null >= 0:
        ordered.append(null)
        words[null] = said("missing")
    after = tuple((words[level], int(levels[level])) for level in ordered if levels[level])
    return Grouping(before, after, tuple(words), codes, len(rare), sum(rare), missing)
