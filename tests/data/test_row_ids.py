from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigie.data.row_ids import content_ids, declared_ids

ROWS = st.lists(st.tuples(st.text(max_size=200) | st.none(), st.floats(allow_nan=False) | st.none()), max_size=20)


def frame(rows) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"a": pl.String, "b": pl.Float64}, orient="row")


@given(ROWS)
def test_ids_are_equal_exactly_when_rows_are(rows) -> None:
    ids = content_ids(frame(rows)).to_list()
    told_apart = [(a, None if b is None else b + 0.0) for a, b in rows]
    assert len(set(ids)) == len(set(told_apart))
    assert all(len(name) == 32 for name in ids)


@given(ROWS)
def test_neither_order_nor_empty_columns_nor_neighbours_matter(rows) -> None:
    table = frame(rows)
    ids = content_ids(table).to_list()
    assert content_ids(table.select("b", "a")).to_list() == ids
    assert content_ids(table.with_columns(pl.lit(None, dtype=pl.String).alias("new"))).to_list() == ids
    assert [content_ids(table[i]).item() for i in range(len(rows))] == ids


def test_ids_stay_what_they_are_for_ever() -> None:
    table = pl.DataFrame(
        {"s": ["é", "x" * 500], "n": [1.5, -0.0], "b": [True, None], "t": [dt.datetime(2011, 1, 2, tzinfo=dt.UTC)] * 2}
    )
    assert content_ids(table).to_list() == ["114fbdfa67c3a3cf9e48d02404ddec6b", "ea50694d3a3aeaf84999ee5a20cfc410"]


def test_values_do_not_change_places_between_columns() -> None:
    one = pl.DataFrame({"a": ["x"], "b": ["y"]})
    assert content_ids(one).item() != content_ids(one.rename({"a": "b", "b": "a"})).item()


def test_declared_ids_of_several_columns_stay_apart() -> None:
    table = pl.DataFrame({"a": ["a|b", "a", "a\\"], "b": ["c", "b|c", "|c"]})
    assert declared_ids(table, ["a", "b"]).n_unique() == 3
    assert declared_ids(table, ["a"]).to_list() == ["a|b", "a", "a\\"]
