"""Identifiers: unique, sorted by time, and valid version 7 UUIDs."""

from __future__ import annotations

import os
import uuid

from hypothesis import given
from hypothesis import strategies as st

from vigie.journal import identifiers, new_identifier

moments = st.integers(0, 4_102_444_800_000_000)


@given(moments, moments)
def test_order_of_text_is_order_of_time(a: int, b: int) -> None:
    if a != b:
        assert (new_identifier(a) < new_identifier(b)) == (a < b)


@given(moments, st.integers(1, 50))
def test_many_are_distinct_increasing_version_7(moment: int, count: int) -> None:
    made = identifiers(moment, count)
    assert made == sorted(set(made)) and len(made) == count
    for text in made:
        parsed = uuid.UUID(text)
        assert parsed.version == 7 and parsed.variant == uuid.RFC_4122 and str(parsed) == text
        assert parsed.int >> 80 == moment // 1_000


def test_none_collide() -> None:
    assert len({new_identifier(0) for _ in range(20_000)}) == 20_000


def test_a_forked_process_makes_others() -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, new_identifier(0).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100).decode() != new_identifier(0)
    os.close(reader)
    os.close(writer)


@given(moments)
def test_one_alone_is_as_those_of_many(moment: int) -> None:
    assert new_identifier(moment)[:18] == identifiers(moment, 3)[2][:18]
    assert uuid.UUID(new_identifier(moment)).version == 7
