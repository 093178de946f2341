"""Rows as records: what goes in comes out, in any form, however they are dealt out and wherever they are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vigie.definition import Events, Kind
from vigie.errors import FeatureError
from vigie.features.dealt import Dealt, temporary_file
from vigie.features.history import IdList
from vigie.features.keys import _grouped, customers_of
from vigie.features.loading import histories_from, histories_of
from vigie.features.reading import Need
from vigie.features.record_ids import WordIds, ids_of
from vigie.features.records import Form, Records, form_of, strings_of, values_of
from vigie.features.words import (
    hashed,
    hex_words,
    is_short,
    short_words,
    strings_of_hex,
    strings_of_short,
    text_bytes,
    text_series,
)

SHORT = st.text("a0é\x00 日", max_size=4).filter(lambda text: len(text.encode()) <= 12) | st.text("ab", max_size=12)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
LONG = st.text("a0é日", min_size=5, max_size=40)
TEXTS = st.lists(st.none() | SHORT | LONG, max_size=12)


@given(st.lists(SHORT, max_size=20), st.integers(0, 5))
def test_short_strings_are_their_words(texts, skipped):
    whole = pl.Series(["skipped"] * skipped + texts, dtype=pl.String)
    for series in (pl.Series(texts, dtype=pl.String), whole.slice(skipped), whole.filter(whole != "skipped")):
        words = short_words(series)
        assert is_short(series) and words.shape == (len(series), 2)
        assert strings_of_short(words).to_list() == series.to_list()
        for a in range(len(words)):
            for b in range(len(words)):
                assert (words[a].tolist() == words[b].tolist()) == (series[a] == series[b])
        assert hashed(words).tolist() == hashed(words.copy()).tolist()


def test_thirteen_bytes_are_not_short():
    assert (
        is_short(pl.Series(["a" * 12]))
        and not is_short(pl.Series(["a", "a" * 13]))
        and not is_short(pl.Series(["日" * 5]))
    )


@given(st.lists(HEX, max_size=12), st.integers(0, 3))
def test_hexadecimal_strings_are_their_words(texts, skipped):
    series = pl.Series(["0" * 32] * skipped + texts, dtype=pl.String).slice(skipped)
    words = hex_words(series)
    assert words is not None and strings_of_hex(words).to_list() == texts
    assert len(set(hashed(words).tolist())) == len(set(texts))


@pytest.mark.parametrize(
    "odd", ["A" + "0" * 31, "g" + "0" * 31, "0" * 31, "0" * 33, "", "é" * 16, "F" * 32, "0" * 31 + "`"]
)
def test_other_strings_are_not_hexadecimal(odd):
    assert hex_words(pl.Series(["0" * 32, odd, "f" * 32])) is None
    assert hex_words(pl.Series(["0" * 31, "0" * 33])) is None  # 64 digits together


@given(TEXTS, st.integers(0, 3))
def test_texts_are_their_bytes_and_sizes(texts, skipped):
    series = pl.Series([None, "x", "yy"][:skipped] + texts, dtype=pl.String).slice(min(skipped, 3))
    data, sizes = text_bytes(series)
    assert text_series(data, sizes).to_list() == texts


@given(st.lists(SHORT, min_size=1, max_size=12))
@example(["1", "10", "9", "09", "x"])
def test_words_are_ordered_as_the_ids_they_stand_for(ids):
    words, strings = WordIds(short_words(pl.Series(ids, dtype=pl.String)), Form.SHORT), IdList(ids)
    places = np.arange(len(ids))
    assert words.ranks(places).tolist() == strings.ranks(places).tolist()
    assert len(set(words.hashes.tolist())) == len(set(ids))


@given(st.lists(st.lists(SHORT, max_size=8), min_size=1, max_size=3), st.booleans())
def test_customers_are_the_same_whatever_their_keys_lie_in(lists, one_long):
    series = [pl.Series(keys, dtype=pl.String) for keys in lists]
    expected = sorted({key for keys in lists for key in keys})
    given_keys = [short_words(s) if not (one_long and i == 0) else s for i, s in enumerate(series)]
    customers, codes = customers_of(given_keys)
    assert customers.tolist() == expected and customers.dtype == object
    assert [[customers[code] for code in found] for found in codes] == lists


def test_keys_of_one_hash_are_told_apart(monkeypatch):
    words = short_words(pl.Series(["b", "a", "b", "c", "a", "b"]))
    monkeypatch.setattr("vigie.features.keys.hashed", lambda words: np.zeros(len(words), dtype=np.uint64))
    place, begins = _grouped(words)
    groups = [sorted(group.tolist()) for group in np.split(place, begins[1:])]
    assert sorted(groups) == [[0, 2, 5], [1, 4], [3]]


# -- dealing ---------------------------------------------------------------------------------------------------------

EVENTS = Events("e", key="k", time="t")
KINDS = {
    "n": Kind.NUMBER,
    "b": Kind.BOOLEAN,
    "c": Kind.CATEGORY,
    "t": Kind.TIME,
    "x": Kind.TEXT,
}
NEED = Need(EVENTS, KINDS)
CATEGORIES = {"c2": pl.Categorical(pl.Categories.random()), "_batch": pl.Categorical(pl.Categories.random())}
ROW = st.tuples(
    st.integers(0, 3),
    st.integers(-(2**60), 2**60),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.sampled_from(["a", "é", ""]),
    st.none() | st.integers(-(2**60), 2**60),
    st.none() | SHORT | LONG,
)
BATCH = st.tuples(st.lists(ROW, max_size=6), st.sampled_from(["short", "hex", "text"]), st.booleans())


def frame_of(rows, form, number, *, long_keys):
    """Rows of one batch; ids and keys of a form."""
    n = len(rows)
    make = {"short": str, "hex": lambda i: f"{i:032x}", "text": lambda i: f"event number {i}"}[form]
    columns = {
        "_key": pl.Series(
            [f"c{row[0]}" + " of a long name" * (long_keys and row[0] > 1) for row in rows], dtype=pl.String
        ),
        "_time": pl.Series([row[1] for row in rows], dtype=pl.Int64),
        "_id": pl.Series([make(number * 100 + i % 4) for i in range(n)], dtype=pl.String),
        "_batch": pl.Series([f"{number:08d}"] * n, dtype=pl.String).cast(CATEGORIES["_batch"]),
        "_row": pl.Series(range(n), dtype=pl.Int64),
        "c0": pl.Series([row[2] for row in rows], dtype=pl.Float64),
        "c1": pl.Series([row[3] for row in rows], dtype=pl.Boolean),
        "c2": pl.Series([row[4] for row in rows], dtype=pl.String).cast(CATEGORIES["c2"]),
        "c3": pl.Series([row[5] for row in rows], dtype=pl.Int64),
        "c4": pl.Series([row[6] for row in rows], dtype=pl.String),
    }
    return pl.DataFrame(columns)


@given(st.lists(BATCH, min_size=1, max_size=4), st.integers(1, 3), st.booleans())
def test_rows_come_back_as_they_were_dealt_out(batches, count, in_file):
    frames = [frame_of(rows, form, i, long_keys=long) for i, (rows, form, long) in enumerate(batches)]
    whole = pl.concat(frames)
    file = temporary_file() if in_file else None
    dealt = Dealt(count, file)
    for frame in frames:
        dealt.add(Records.of(NEED, frame), (frame["_key"].hash(seed=1) % count).cast(pl.UInt16).to_numpy())
    for i in range(count):
        expected = whole.filter(pl.col("_key").hash(seed=1) % count == i)
        pieces = dealt.take(i)
        assert strings_of(pieces, "_key").to_list() == expected["_key"].to_list()
        assert strings_of(pieces, "_id").to_list() == expected["_id"].to_list()
        for c, kind in enumerate(KINDS.values()):
            values = values_of(pieces, f"c{c}", kind)
            column = expected[f"c{c}"].cast(pl.String) if kind is Kind.CATEGORY else expected[f"c{c}"]
            assert values.to_list() == column.to_list() and values.kind is kind
            occurring = column.drop_nulls().unique().to_list() if kind is Kind.CATEGORY else []
            assert values.categories == tuple(sorted(occurring))
        if expected.height:
            assert ids_of(pieces, "_id").ranks(np.arange(expected.height)).tolist() == (
                IdList(expected["_id"].to_list()).ranks(np.arange(expected.height)).tolist()
            )
        ours, theirs = histories_from({"e": NEED}, {"e": pieces}), histories_of({"e": NEED}, {"e": expected})
        assert ours.customers.tolist() == theirs.customers.tolist() == sorted(set(expected["_key"].to_list()))
        assert ours.blocks["e"].times.tolist() == theirs.blocks["e"].times.tolist()
        for name in KINDS:
            assert ours.blocks["e"].columns[name].to_list() == theirs.blocks["e"].columns[name].to_list()
    if file is not None:
        file.close()


def test_pieces_of_one_layout_become_one():
    frames = [frame_of([(0, i, 1.0, None, "a", None, "x")], "hex", i, long_keys=False) for i in range(3)]
    dealt = Dealt(1, None)
    for frame in frames:
        dealt.add(Records.of(NEED, frame), np.zeros(1, dtype=np.uint16))
    (piece,) = dealt.take(0)
    assert len(piece) == 3 and form_of([piece], "_id") is Form.HEX


def test_a_disk_that_is_full_is_told():
    records = Records.of(NEED, frame_of([(0, 1, 1.0, None, "a", None, "x")], "hex", 0, long_keys=False))
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(FeatureError, match="No space left") as caught,
    ):
        Dealt(1, full).add(records, np.zeros(1, dtype=np.uint16))
    assert "TMPDIR" in caught.value.remedy
