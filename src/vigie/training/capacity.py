"""Capacity on a part of the customers: what a sample of a moment may use of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vigie.economics import top_k


@dataclass(frozen=True, eq=False)
class Capacity:
    """How many customers of each moment can be acted on.

    Capacity is for the whole population of a moment. Where only a part of it is looked at (a fold, a random test), that
    part gets its share: of 1,000 customers with a capacity of 100, a test of 250 may act on 25.

    Attributes:
        limit: Customers a moment; ``None``: no limit.
        moments: Moment of each row, µs, shape (n,).
        population: Rows of the same moment in the whole training set, for each row, shape (n,).
    """

    limit: int | None
    moments: np.ndarray
    population: np.ndarray

    @classmethod
    def of(cls, limit: int | None, moments: np.ndarray) -> Capacity:
        """Of the rows of the whole training set."""
        _, place, counts = np.unique(moments, return_inverse=True, return_counts=True)
        return cls(limit, moments, counts[place])

    def take(self, index: np.ndarray) -> Capacity:
        """Of the rows at *index*; the population stays what it was."""
        return Capacity(self.limit, self.moments[index], self.population[index])

    def allowed(self, index: np.ndarray) -> np.ndarray:
        """How many of the rows at *index* that share each one's moment may be acted on, shape (len(index),)."""
        assert self.limit is not None
        _, place, counts = np.unique(self.moments[index], return_inverse=True, return_counts=True)
        part = counts[place] / self.population[index]
        return np.asarray(np.maximum(1, np.round(self.limit * part)), np.int64)

    def act(self, gain: np.ndarray, min_gain: float, index: np.ndarray) -> np.ndarray:
        """Who of the rows at *index* is acted on, given their expected gains: booleans, shape (len(index),)."""
        if self.limit is None:
            return top_k(gain, min_gain)
        allowed, moments = self.allowed(index), self.moments[index]
        act = np.zeros(len(index), bool)
        # Moments that allow equally many are decided together: mostly there is one such group.
        for count in np.unique(allowed):
            group = np.flatnonzero(allowed == count)
            act[group] = top_k(gain[group], min_gain, int(count), moments[group])
        return act
