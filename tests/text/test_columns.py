"""Components are added to histories; what one is does not depend on what else is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigie import Events, Table, days
from vigie.definition.kind import Kind
from vigie.features import reference
from vigie.features.history import ALWAYS, Block, Histories
from vigie.features.kernel import evaluate
from vigie.features.text.cache import Embedder
from vigie.features.text.columns import TextColumns
from vigie.features.text.reduction import fit_reduction
from vigie.features.values import Values
from vigie.features.windows import Rows

tickets = Events("tickets", key="c", time="at")
leads = Table("leads", key="c")
WORDS = ["late", "refund please", "lovely", "broken", "thanks a lot", "where is it", "never again"]
FEATURES = [
    *tickets["message"].embedding(3).mean(days(2)),
    *tickets["message"].embedding(2).last(),
    *tickets.where(tickets["message"].embedding(1)[0] > 0).named("loud")["message"].embedding(1).std(),
    *leads["comment"].embedding(2),
]


def columns(letters: Any) -> TextColumns:
    vectors = letters.embed(WORDS)
    learned = [
        fit_reduction(source, column, 3, vectors, model="letters", weights=letters.weights)
        for source, column in (("tickets", "message"), ("leads", "comment"))
    ]
    return TextColumns(learned, Embedder(letters))


texts = st.none() | st.sampled_from([*WORDS, "", "  \n", "été"])
events = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20), texts), max_size=20)


def histories(found: list[tuple[int, int, str | None]], comments: list[str | None]) -> Histories:
    found = sorted(found, key=lambda event: event[:2])
    code, at = (np.array([event[i] for event in found], dtype=np.int64) for i in (0, 1))
    messages = Values.of(Kind.TEXT, [event[2] for event in found])
    blocks = {
        "tickets": Block.build(5, code, at * 86_400_000_000 // 4, {"message": messages}),
        "leads": Block.build(
            5, np.arange(5), np.full(5, ALWAYS), {"comment": Values.of(Kind.TEXT, comments)}, arrival=np.arange(5)
        ),
    }
    return Histories(np.array(list("abcde"), dtype=object), blocks)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events, st.lists(texts, min_size=5, max_size=5), st.sets(st.integers(0, 4), min_size=1))
def test_any_customers_at_once_give_the_same_bits(
    letters: Any, found: list[Any], comments: list[Any], chosen: set[int]
) -> None:
    added, whole = columns(letters), histories(found, comments)
    rows = Rows(np.arange(5), np.full(5, 6 * 86_400_000_000))
    all_at_once = evaluate(FEATURES, added.of(whole).blocks, rows)
    some = np.array(sorted(chosen))
    taken = {name: block.take(some) for name, block in whole.blocks.items()}
    alone = evaluate(FEATURES, added.blocks(taken), Rows(np.arange(len(some)), rows.moments[: len(some)]))
    for one, other in zip(all_at_once, alone, strict=True):
        assert np.array_equal(one.data[some], other.data, equal_nan=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events, st.lists(texts, min_size=5, max_size=5))
def test_the_kernel_says_what_the_reference_says_of_the_components(
    letters: Any, found: list[Any], comments: list[Any]
) -> None:
    added = columns(letters).of(histories(found, comments))
    moment = 5 * 86_400_000_000
    fast = evaluate(FEATURES, added.blocks, Rows(np.arange(5), np.full(5, moment)))
    for code in range(5):
        history: dict[str, list[reference.Record]] = {}
        for name, block in added.blocks.items():
            kept = {column: values.to_list() for column, values in block.columns.items()}
            history[name] = [
                reference.Record(
                    int(block.times[i]),
                    {column: values[i] for column, values in kept.items()},
                    id=f"{i:03d}",
                    known_at=None,
                )
                for i in range(block.offsets[code], block.offsets[code + 1])
            ]
        for feature, values in zip(FEATURES, fast, strict=True):
            assert values.to_list()[code] == reference.value(feature, history, moment), feature.name


def test_blank_and_missing_texts_have_no_components(letters: Any) -> None:
    found = columns(letters).columns("tickets", {"message": Values.of(Kind.TEXT, [None, "", " \t", "late", "late"])})
    assert sorted(found) == [f"embedding {i} of message" for i in (1, 2, 3)] + ["message"]
    data = found["embedding 1 of message"].data
    assert np.isnan(data[:3]).all() and data[3] == data[4]
    assert letters.asked.count("late") == 2  # once when learned, once for both rows
    assert columns(letters).columns("other", {"message": found["message"]}).keys() == {"message"}


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_to_embed_asks_nothing(letters: Any, n: int) -> None:
    added = columns(letters)
    letters.asked.clear()
    added.columns("tickets", {"message": Values.missing(Kind.TEXT, n)})
    assert letters.asked == []
