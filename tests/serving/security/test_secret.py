from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from vigie.serving.security.secret import ID, LENGTH, PATTERN, digest, is_whole, new_id, new_key, without_keys


def test_a_key_is_recognised_and_carries_its_id() -> None:
    identifier = new_id()
    key = new_key(identifier)
    assert len(key) == LENGTH and re.fullmatch(PATTERN, key) and re.fullmatch(r"\w+", key)
    assert key[ID] == identifier and is_whole(key.encode())


def test_no_two_keys_are_alike() -> None:
    keys = {new_key(new_id()) for _ in range(2_000)}
    assert len(keys) == len({key[4:16] for key in keys}) == len({digest(key.encode()) for key in keys}) == 2_000
    # Every place takes every digit: none of the 256 bits is stuck.
    assert all(len({key[place] for key in keys}) == 62 for place in range(17, 60) if place != 17)


@given(place=st.integers(0, LENGTH - 1), other=st.sampled_from("0Aa9Zz"))
def test_one_mistyped_digit_is_seen(place: int, other: str) -> None:
    key = new_key("3fK9aQx2LmPz")
    changed = key[:place] + other + key[place + 1 :]
    assert is_whole(changed.encode()) == (changed == key)


@given(st.binary(max_size=90))
def test_anything_can_be_asked(text: bytes) -> None:
    assert not is_whole(text)
    assert len(digest(text)) == 32


def test_a_text_is_told_without_the_keys_in_it() -> None:
    key = new_key("3fK9aQx2LmPz")
    told = without_keys(f"curl -H 'authorization: Bearer {key}' x")
    assert told == "curl -H 'authorization: Bearer vgk_3fK9aQx2LmPz_***' x"
