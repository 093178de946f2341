from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.definition.kind import Kind
from vigie.features.history import Block, IdList, id_order
from vigie.features.lake_ids import LakeIds
from vigie.features.values import Values
from vigie.features.windows import Rows, Windows

IDS = st.text("019-aé", max_size=3) | st.integers(-20, 20).map(str) | st.sampled_from(["1" * 18, "1" * 19, "007"])


@given(st.lists(IDS, min_size=1, max_size=12))
def test_ids_of_the_lake_are_ordered_like_python_strings(ids):
    python, lake = IdList(ids), LakeIds(pl.Series(ids, dtype=pl.String))
    places = np.arange(len(ids))
    assert python.ranks(places).tolist() == lake.ranks(places).tolist()
    by_rank = [ids[i] for i in np.argsort(lake.ranks(places), kind="stable")]
    assert by_rank == sorted(ids, key=id_order)
    for i in range(len(ids)):
        for j in range(len(ids)):
            assert (ids[i] == ids[j]) == (lake.hashes[i] == lake.hashes[j])


TIMES = st.sampled_from([0, 1, -1, 10**6, 3 * 10**6, 2**52, -(2**52)])
EVENT = st.tuples(st.integers(0, 3), TIMES, st.integers(0, 3).map(str))


@given(st.lists(EVENT, max_size=12), st.permutations(range(12)))
def test_a_block_is_the_same_whatever_the_order(events, permutation):
    def build(found):
        n = np.array([float(e[2]) for e in found])
        return Block.build(
            4,
            np.array([e[0] for e in found], dtype=np.int64),
            np.array([e[1] for e in found], dtype=np.int64),
            {"n": Values(Kind.NUMBER, n)},
            known_at=np.array([e[1] + 5 for e in found], dtype=np.int64),
            ids=IdList([e[2] for e in found]),
        )

    one = build(events)
    other = build([events[i] for i in permutation if i < len(events)])
    assert one.offsets.tolist() == other.offsets.tolist()
    assert one.times.tolist() == other.times.tolist()
    assert one.columns["n"].to_list() == other.columns["n"].to_list()
    assert len(one) == len({(code, key) for code, _, key in events})
    for code in range(4):
        part = one.times[one.offsets[code] : one.offsets[code + 1]]
        assert part.tolist() == sorted(part.tolist())


def test_the_one_known_first_stays_then_the_one_that_arrived_first():
    def kept(known, arrival):
        block = Block.build(
            1,
            np.zeros(2, dtype=np.int64),
            np.array([5, 9]),
            {},
            known_at=np.array(known),
            ids=IdList(["x", "x"]),
            arrival=np.array(arrival),
        )
        return block.times.tolist()

    assert kept([7, 6], [0, 1]) == [9]
    assert kept([6, 6], [1, 0]) == [9]
    assert kept([6, 6], [0, 0]) == [5]


@pytest.mark.parametrize("span", [10, 2**40, 2**57])
def test_windows_over_any_range_of_time(span):
    generator = np.random.default_rng(0)
    codes = np.sort(generator.integers(0, 50, 400))
    times = generator.integers(-span, span, 400)
    block = Block.build(50, codes, times, {})
    row_codes = np.repeat(np.arange(50), 3)
    moments = np.sort(generator.integers(-2 * span, 2 * span, 150).reshape(50, 3), axis=1).ravel()
    windows = Windows(block, Rows(row_codes, moments))
    for shift in (-span, -1, 0, 1, span):
        expected = [
            block.offsets[c] + np.sum(block.times[block.offsets[c] : block.offsets[c + 1]] < t + shift)
            for c, t in zip(row_codes, moments, strict=True)
        ]
        assert windows.before(shift).tolist() == expected
