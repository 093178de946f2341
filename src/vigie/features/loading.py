"""From the rows of one partition to histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from vigie.features.history import ALWAYS, Block, Histories
from vigie.features.keys import KeyColumn, customers_of
from vigie.features.reading import Need
from vigie.features.record_ids import ids_of
from vigie.features.records import Form, Records, codes_of, form_of, joined, strings_of, values_of
from vigie.features.values import Array


def histories_of(needs: Mapping[str, Need], frames: Mapping[str, pl.DataFrame]) -> Histories:
    """The histories of the customers whose rows these are.

    Args:
        needs: What is read of each source, by name.
        frames: For each of them, rows as :func:`~vigie.features.reading.reading_of` chooses them, in any order if they
            say when they arrived. Further frames may bring customers: of those only ``_key`` is looked at.
    """
    nothing = {name: Need(needs[next(iter(needs))].source, {}) for name in frames if name not in needs}
    records = {
        name: [Records.of({**needs, **nothing}[name], frame.select("_key") if name in nothing else frame)]
        for name, frame in frames.items()
    }
    return histories_from(needs, records)


def histories_from(needs: Mapping[str, Need], records: Mapping[str, Sequence[Records]]) -> Histories:
    """The histories of the customers whose records these are.

    Args:
        needs: What is read of each source, by name.
        records: For each of them, at least one piece, in order of arrival or saying when they arrived. What else is
            there may bring customers.
    """
    customers, codes = customers_of([_keys(pieces) for pieces in records.values()])
    code_of = dict(zip(records, codes, strict=True))
    blocks = {name: _block(need, records[name], len(customers), code_of[name]) for name, need in needs.items()}
    return Histories(customers, blocks)


def _keys(pieces: Sequence[Records]) -> KeyColumn:
    form = form_of(pieces, "_key")
    if form is Form.WHOLE or form is Form.SHORT:
        return joined(pieces, "_key")
    return strings_of(pieces, "_key")


def _block(need: Need, pieces: Sequence[Records], customers: int, codes: Array) -> Block:
    there = pieces[0].layout.forms
    columns = {name: values_of(pieces, f"c{i}", kind) for i, (name, kind) in enumerate(need.columns.items())}
    return Block.build(
        customers,
        codes,
        joined(pieces, "_time") if "_time" in there else np.full(len(codes), ALWAYS, dtype=np.int64),
        columns,
        known_at=joined(pieces, "_known") if "_known" in there else None,
        ids=ids_of(pieces, "_id") if "_id" in there else None,
        arrival=(codes_of(pieces, "_batch")[0] << 40) | joined(pieces, "_row") if "_row" in there else None,
    )
