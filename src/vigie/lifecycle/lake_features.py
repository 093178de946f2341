"""Features of customers asked for by id, computed at the moment of the request from the histories of the lake."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import stopwatch
from vigie.definition import Schema, Score
from vigie.errors import VigieError
from vigie.features.history import Histories
from vigie.features.kernel import evaluate
from vigie.features.partitions import Partitions
from vigie.features.rowwise import leaves
from vigie.features.training_set import needs_of
from vigie.features.values import Columns
from vigie.features.windows import Rows

if TYPE_CHECKING:
    from vigie.data import Lake

FOREVER = int(np.iinfo(np.int64).max)
REFRESH_SECONDS = 10.0
"""How often, at most, a request makes the lake be looked at for new versions."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """Features of some customers at one moment; see :class:`vigie.serving.provider.CustomerFeatures`."""

    features: Columns
    extras: Columns
    known: np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, eq=False, slots=True)
class _Held:
    """What is in memory, replaced as a whole."""

    versions: Mapping[str, int]
    histories: Sequence[Histories]
    places: Mapping[str, tuple[int, int]]


class LakeFeatures:
    """Holds the histories of one score's sources in memory and computes features at the moment asked for.

    Nothing is stored that was computed before: "orders in the last 30 days" of a customer who is silent decays with
    every request. New versions of the lake are taken in by :meth:`refresh`, which requests start every ten seconds.

    Args:
        score: Bound; its features, rule and cost matrix say what is read.
        lake: Where the histories are.
        schema: Kinds of the columns.
    """

    def __init__(self, score: Score, lake: Lake, schema: Schema) -> None:
        self._score, self._lake, self._schema = score, lake, schema
        self._features = list(score.bound_features)
        wanted = [*score.decision.payoff().expressions(), *([score.rule] if score.rule is not None else [])]
        self._extras = list(leaves(wanted).values())
        self._lock = threading.Lock()
        self._held = _Held({}, (), {})
        self._looked = stopwatch()
        self.refresh()

    def refresh(self) -> bool:
        """Take in what the lake has got since; true where it had something new.

        Raises:
            DataError: The lake cannot be read; what was held stays.
        """
        with self._lock:
            versions = {name: self._lake.version(name) for name in self._score.sources}
            if versions == self._held.versions:
                return False
            histories = self._load(versions)
            places = {
                key: (part, code) for part, held in enumerate(histories) for code, key in enumerate(held.customers)
            }
            self._held = _Held(versions, histories, places)
            return True

    def _load(self, versions: Mapping[str, int]) -> list[Histories]:
        with Partitions(needs_of(self._score, self._schema), self._lake, versions, FOREVER, FOREVER) as partitions:
            return [partitions.load(part) for part in range(partitions.count)]

    def _refresh_now_and_then(self) -> None:
        if stopwatch() - self._looked < REFRESH_SECONDS:
            return
        self._looked = stopwatch()
        threading.Thread(target=self._refresh_quietly, name="lake-features", daemon=True).start()

    def _refresh_quietly(self) -> None:
        try:
            self.refresh()
        except VigieError as error:
            log.warning("features stay as of lake versions %s: %s", dict(self._held.versions), error)

    def features(self, customers: Sequence[str], as_of: int) -> Found:
        """Inputs of *customers* from what was known at *as_of*, one row for each in the order given."""
        self._refresh_now_and_then()
        held = self._held
        where = [held.places.get(key) for key in customers]
        known = np.array([place is not None for place in where], dtype=bool)
        anybody = next((place for place in where if place is not None), None)
        if anybody is None:
            return Found({}, {}, known)
        by_part: dict[int, list[int]] = {}
        for row, place in enumerate(where):
            # A customer who is not known takes the place of another: the row is marked and never read.
            by_part.setdefault((place or anybody)[0], []).append(row)
        order: list[int] = []
        pieces: list[list[Any]] = []
        for part, rows in by_part.items():
            codes = np.array([(where[row] or anybody)[1] for row in rows], dtype=np.int64)
            distinct, back = np.unique(codes, return_inverse=True)
            blocks = {name: block.take(distinct) for name, block in held.histories[part].blocks.items()}
            moments = np.full(len(distinct), as_of, dtype=np.int64)
            asked = Rows(np.arange(len(distinct), dtype=np.int64), moments)
            values = evaluate([*self._features, *self._extras], blocks, asked)
            pieces.append([value.take(back) for value in values])
            order.extend(rows)
        undo = np.argsort(np.array(order, dtype=np.int64), kind="stable")
        joined = [type(column[0]).concat(list(column)).take(undo) for column in zip(*pieces, strict=True)]
        names = [feature.name for feature in self._features]
        extras = [extra.name for extra in self._extras]
        return Found(
            dict(zip(names, joined[: len(names)], strict=True)),
            dict(zip(extras, joined[len(names) :], strict=True)),
            known,
        )
