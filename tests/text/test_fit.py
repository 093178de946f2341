"""What directions are learned from: the texts that training rows could see, whatever comes later and in any order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigie import Campaign, Events, Score, Table, days, every
from vigie.data import Lake
from vigie.definition.kind import Kind
from vigie.features.text import fit
from vigie.features.text.cache import Embedder, text_hash
from vigie.features.text.fit import SeenRows, fit_texts

DAY = 86_400_000_000
notes = Events("notes", key="c", time="at", id="n", known_at="known")
people = Table("people", key="c", known_at="since")
plain = Table("plain", key="c")
SCORE = Score(
    "churn",
    moments=every("month"),
    outcome=notes.count(next=days(1)) == 0,
    features=[
        *notes["message"].embedding(2).mean(),
        *people["about"].embedding(1),
        *plain["bio"].embedding(3),
        notes["other"].embedding(1)[0].last(),
    ],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=10),
)  # fmt: skip

customer = st.sampled_from("abc")
day = st.integers(0, 8)
text = st.sampled_from(["late", "fine", "broken", "blue", "x", "", " "]) | st.none()
note = st.tuples(customer, day, st.integers(0, 3), text)
row = st.tuples(customer, day, text)


def lake_of(root: Path, found: list[Any], rows: list[Any], bios: list[Any]) -> Lake:
    lake = Lake(root)
    arrival = {
        "_batch": pl.lit("00000001-0000"),
        "_row": pl.int_range(pl.len()),
        "_ingested_at": pl.lit(0).cast(pl.Datetime("us", "UTC")),
    }

    def write(name: str, columns: dict[str, list[Any]], times: tuple[str, ...] = ()) -> None:
        kinds = {column: pl.Int64 if column in times else pl.String for column in columns}
        frame = pl.DataFrame(columns, schema=kinds).with_columns(
            pl.col(times).cast(pl.Datetime("us", "UTC")) if times else []
        )
        lake.append(name, frame.with_columns(**arrival), moment=0)

    write(
        "notes",
        {
            "c": [n[0] for n in found], "n": [str(i) for i in range(len(found))], "_id": [str(i) for i in range(len(found))],
            "at": [n[1] * DAY for n in found], "known": [(n[1] + n[2]) * DAY for n in found],
            "message": [n[3] for n in found], "other": ["same"] * len(found),
        },
        ("at", "known"),
    )  # fmt: skip
    write(
        "people",
        {"c": [r[0] for r in rows], "since": [r[1] * DAY for r in rows], "about": [r[2] for r in rows]},
        ("since",),
    )
    write("plain", {"c": [r[0] for r in bios], "bio": [r[2] for r in bios]})
    return lake


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(note, min_size=1, max_size=15),
    st.lists(row, max_size=10),
    st.lists(row, max_size=6),
    st.dictionaries(customer, day),
)
def test_exactly_what_a_training_row_could_see(
    letters: Any,
    tmp_path_factory: pytest.TempPathFactory,
    found: list[Any],
    rows: list[Any],
    bios: list[Any],
    last: dict[str, int],
) -> None:
    def shown(texts: set[str | None]) -> set[str]:
        return {said for said in texts if said and said.strip()}

    expected = {
        "message": shown({n[3] for n in found if n[0] in last and n[1] < last[n[0]] and n[1] + n[2] <= last[n[0]]}),
        "about": shown({r[2] for r in rows if r[0] in last and r[1] <= last[r[0]]}),
        "bio": shown({r[2] for i, r in enumerate(bios) if r[0] in last and r[0] not in {x[0] for x in bios[i + 1 :]}}),
    }
    asked: dict[str, set[str]] = {}
    real = fit.fit_reduction

    def spy(source: str, column: str, components: int, vectors: np.ndarray, **more: Any) -> Any:
        asked[column] = set(letters.asked)
        letters.asked.clear()
        return real(source, column, components, np.ones((1, 26), np.float32) if not len(vectors) else vectors, **more)

    seen = SeenRows.of(np.array(list(last), dtype=object), np.array([last[c] * DAY for c in last], dtype=np.int64))
    lake = lake_of(tmp_path_factory.mktemp("lake"), found, rows, bios)
    letters.asked.clear()
    fit.fit_reduction = spy  # type: ignore[assignment]
    try:
        learned = fit_texts(
            SCORE,
            lake,
            seen,
            Embedder(letters),
            versions=dict.fromkeys(SCORE.sources, 0),
            as_of=100 * DAY,
            memory=1 << 30,
        )
    finally:
        fit.fit_reduction = real
    assert {column: asked[column] for column in expected} == expected
    assert [(r.source, r.column, len(r.components)) for r in learned] == [
        ("notes", "message", 2), ("people", "about", 1), ("plain", "bio", 3), ("notes", "other", 1),
    ]  # fmt: skip


def test_of_many_texts_a_choice_that_no_other_text_influences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "MOST_TEXTS", 10)
    texts = [f"text {i}" for i in range(100)]
    chosen = sorted(sorted(texts, key=text_hash)[:10])
    for order in (texts, texts[::-1], texts[50:] + texts[:50]):
        sample = fit._Sample()
        for begin in range(0, 100, 7):
            sample.add(order[begin : begin + 7])
        assert sorted(sample.texts()) == chosen
        assert sample.texts() == sorted(sample.texts(), key=text_hash)


def test_the_last_row_of_each_customer() -> None:
    keys = np.array(["b", "a", "b", "a"], dtype=object)
    seen = SeenRows.of(keys, np.array([3, 9, 5, 2], dtype=np.int64))
    assert seen.last(np.array(["a", "b", "z"], dtype=object)).tolist() == [9, 5, np.iinfo(np.int64).min]


def test_kinds_of_what_is_embedded() -> None:
    schema = {
        "notes": {"message": Kind.TEXT, "other": Kind.TEXT},
        "people": {"about": Kind.TEXT},
        "plain": {"bio": Kind.TEXT},
    }
    assert all(feature.kind(schema) is Kind.NUMBER for feature in SCORE.bound_features)
