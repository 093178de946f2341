"""Embeddings in the language: names, meaning, portable form, and how they go with everything else."""

from __future__ import annotations

import json

import pytest

from vigie import Events, Table, days
from vigie.definition.portable import from_data, to_data
from vigie.definition.text import EventEmbedding, TableEmbedding, texts_of
from vigie.errors import DefinitionError

tickets = Events("tickets", key="c", time="at", id="t")
leads = Table("leads", key="c", known_at="since")


def test_names_and_words() -> None:
    group = tickets["message"].embedding(3).mean(days(30, 90))
    assert [f.name for f in group] == [
        f"tickets_message_embedding_{i}_mean_{w}" for w in ("30d", "90d") for i in (1, 2, 3)
    ]
    assert group[0].description == "Mean of component 1 of the embedding of message over tickets in the last 30 days"
    first, second = leads["a comment"].embedding(2)
    assert (first.name, second.words()) == (
        "leads_a_comment_embedding_1",
        "component 2 of the embedding of a comment of leads",
    )


@pytest.mark.parametrize("function", ["mean", "last", "first", "min", "max", "std"])
def test_each_aggregation_is_that_of_every_component(function: str) -> None:
    group = tickets["message"].embedding(2)
    made = getattr(group, function)(days(7))
    assert len(group) == 2 and [f.fingerprint for f in made] == [
        getattr(v, function)(days(7)).fingerprint for v in group
    ]


def test_components_are_nested_and_mean_something_of_their_own() -> None:
    many, few = tickets["message"].embedding(8), tickets["message"].embedding(2)
    assert [v.fingerprint for v in many][:2] == [v.fingerprint for v in few]
    others = [tickets["other"].embedding(1)[0], tickets["embedding 1 of message"], leads["message"].embedding(1)[0]]
    assert len({v.fingerprint for v in (*many, *others)}) == 11


def test_they_stand_where_numbers_stand_and_come_back_from_data() -> None:
    loud = tickets["message"].embedding(2)[1] > 0.5
    made = [
        *tickets["message"].embedding(2).at_moment(),
        tickets.where(loud).count(days(30)),
        (tickets["message"].embedding(1)[0] * tickets["weight"]).sum(),
        abs(leads["comment"].embedding(1)[0]),
        leads["comment"].embedding(2)[1].named("tone").described("how it sounds"),
    ]
    for feature in made:
        again = from_data(json.loads(json.dumps(to_data(feature))))
        assert (again.fingerprint, again.name, again.description) == (
            feature.fingerprint,
            feature.name,
            feature.description,
        )
    assert texts_of(made) == {("tickets", "message"): 2, ("leads", "comment"): 2}
    assert {type(node) for node in made[0].walk()} >= {EventEmbedding}
    assert isinstance(from_data(to_data(leads["x"].embedding(1)[0])), TableEmbedding)


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(DefinitionError, match="not a number of components"):
        tickets["message"].embedding(0)
    with pytest.raises(DefinitionError, match="not a stored expression"):
        from_data({"node": "embedding", "source": {"table": "t", "key": "k", "known_at": None}, "text": "x"})
