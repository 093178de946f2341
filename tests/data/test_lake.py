from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from vigie.data import Lake, distinct_events, latest_rows
from vigie.errors import DataError


def rows(*values: int) -> pl.DataFrame:
    return pl.DataFrame({"a": list(values)})


def test_versions_and_moments(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    assert lake.names() == [] and not lake.has("t")
    assert lake.append("t", rows(1), moment=100, metadata={"why": "é"}) == 0
    assert lake.append("t", rows(2, 3), moment=300) == 1
    assert lake.append("t", rows(4).clear(), moment=400) == 2
    assert [(v.version, v.moment, v.rows) for v in lake.versions("t")] == [(0, 100, 1), (1, 300, 2), (2, 400, 0)]
    assert lake.versions("t")[0].metadata == {"why": "é"}
    assert [lake.version_at("t", moment) for moment in (99, 100, 299, 300, 999)] == [None, 0, 0, 1, 2]
    assert lake.scan("t", version=0).collect()["a"].to_list() == [1]
    assert lake.scan("t", as_of=299).collect()["a"].to_list() == [1]
    assert sorted(lake.scan("t").collect()["a"]) == [1, 2, 3]
    before = lake.scan("t", as_of=1, columns=["a"]).collect()
    assert before.is_empty() and before.columns == ["a"]
    assert lake.names() == ["t"] and lake.version("t") == 2


@pytest.mark.parametrize("folder", ["a b é", "50% off", "plain"])
def test_the_folder_may_be_called_anything(tmp_path: Path, folder: str) -> None:
    lake = Lake(tmp_path / folder / "lake")
    lake.append("t", pl.DataFrame({"a": [1, 2]}), moment=100)
    lake.append("t", pl.DataFrame({"a": [3], "b": ["x"]}), moment=200)

    assert lake.scan("t").collect().sort("a").to_dicts() == [
        {"a": 1, "b": None}, {"a": 2, "b": None}, {"a": 3, "b": "x"}
    ]  # fmt: skip
    assert lake.scan("t", version=0).filter(pl.col("a") > 1).collect().to_dicts() == [{"a": 2}]


def test_a_clock_that_goes_back_does_not_make_the_past_see_the_future(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for moment in (100, 300, 200):
        lake.append("t", rows(moment), moment=moment)
    assert lake.version_at("t", 250) == 0


def test_maintenance_makes_no_moment_and_keeps_versions(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("t", rows(1), moment=100)
    lake.append("t", rows(2), moment=200)
    DeltaTable(str(lake.path("t"))).optimize.compact()
    lake.append("t", rows(3), moment=300)
    assert [(v.moment, v.rows) for v in lake.versions("t")] == [(100, 1), (200, 1), (200, 0), (300, 1)]
    assert lake.scan("t", version=0).collect()["a"].to_list() == [1]


def test_columns_may_be_added_but_not_retyped(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("t", rows(1), moment=1)
    lake.append("t", pl.DataFrame({"a": [2], "b (new), too": ["x"]}), moment=2)
    assert lake.scan("t").sort("a").collect()["b (new), too"].to_list() == [None, "x"]
    with pytest.raises(DataError, match="do not fit"):
        lake.append("t", pl.DataFrame({"a": ["x"]}), moment=3)
    assert lake.version("t") == 1


def test_a_transaction_number_counts_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    assert lake.transaction("t", "me") == 0
    lake.append("t", rows(1), transaction=("me", 1), moment=1)
    with pytest.raises(DataError, match="another ingest") as caught:
        lake.append("t", rows(1), transaction=("me", 1), moment=2)
    assert caught.value.retryable
    assert lake.transaction("t", "me") == 1 and len(lake.scan("t").collect()) == 1


def test_replacing_keeps_the_earlier_versions(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.append("t", rows(1, 2), moment=1)
    lake.replace("t", rows(3), moment=2)
    assert lake.scan("t").collect()["a"].to_list() == [3]
    assert len(lake.scan("t", as_of=1).collect()) == 2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda lake: lake.scan("ttt"), "Known: t"),
        (lambda lake: lake.versions("x"), "no table 'x'"),
        (lambda lake: lake.scan("t", version=9), "version 9"),
        (lambda lake: lake.scan("t", version=0, as_of=1), "exclude"),
        (lambda lake: lake.scan("t", columns=["b"]), "no column 'b'"),
    ],
)
def test_errors_name_what_there_is(tmp_path: Path, call, said: str) -> None:
    lake = Lake(tmp_path)
    lake.append("t", rows(1), moment=1)
    with pytest.raises(DataError, match=said):
        call(lake)


def test_readers_take_what_arrived_last_or_first() -> None:
    table = pl.LazyFrame(
        {
            "key": ["a", "a", "b"],
            "_id": ["1", "1", "2"],
            "_batch": ["02", "10", "02"],
            "_row": [9, 1, 3],
            "v": [1, 2, 3],
        }
    )
    assert latest_rows(table, "key").collect()["v"].to_list() == [3, 2]
    assert distinct_events(table).collect()["v"].to_list() == [3, 1]
