"""From the rows of one partition to histories."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from vigie.features.decoding import arrival_of, int64, values_of
from vigie.features.history import ALWAYS, Block, Histories
from vigie.features.keys import customers_of
from vigie.features.lake_ids import LakeIds
from vigie.features.reading import Need
from vigie.features.values import Array


def histories_of(needs: Mapping[str, Need], frames: Mapping[str, pl.DataFrame]) -> Histories:
    """The histories of the customers whose rows these are.

    Args:
        needs: What is read of each source, by name.
        frames: For each of them, rows as :func:`~vigie.features.reading.reading_of` chooses them, in any order if they
            say when they arrived. Further frames may bring customers: of those only ``_key`` is looked at.
    """
    customers, codes = customers_of([frame["_key"] for frame in frames.values()])
    code_of = dict(zip(frames, codes, strict=True))
    blocks = {name: _block(need, frames[name], len(customers), code_of[name]) for name, need in needs.items()}
    return Histories(customers, blocks)


def _block(need: Need, frame: pl.DataFrame, customers: int, codes: Array) -> Block:
    columns = {name: values_of(frame[f"c{i}"], kind) for i, (name, kind) in enumerate(need.columns.items())}
    times = int64(frame["_time"]) if "_time" in frame.columns else np.full(frame.height, ALWAYS, dtype=np.int64)
    return Block.build(
        customers,
        codes,
        times,
        columns,
        known_at=int64(frame["_known"]) if "_known" in frame.columns else None,
        ids=LakeIds(frame["_id"]) if "_id" in frame.columns else None,
        arrival=arrival_of(frame) if "_row" in frame.columns else None,
    )
