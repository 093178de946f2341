from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.data import ColumnRule, Contract, Level, Volume, from_toml, read_contract, schema_of, to_toml, write_contract
from vigie.data.contract import RESERVED
from vigie.data.contract_file import add_columns
from vigie.definition import Kind
from vigie.errors import ContractError

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rules(draw: st.DrawFn, name: str) -> ColumnRule:
    kind = draw(st.sampled_from(list(Kind)))
    low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
    number = kind is Kind.NUMBER
    return ColumnRule(
        name,
        kind,
        nullable=draw(st.booleans()),
        minimum=draw(st.sampled_from([None, low])) if number else None,
        maximum=draw(st.sampled_from([None, high])) if number else None,
        categories=tuple(draw(st.lists(TEXT, max_size=3))) if kind is Kind.CATEGORY else (),
        unique=draw(st.booleans()),
        format=draw(st.sampled_from(["iso", "epoch_ms", "%d/%m/%Y %H:%M", "ambiguous"])),
        decimal=draw(st.sampled_from([".", ","])),
        level=draw(st.sampled_from(list(Level))),
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    names = draw(st.lists(TEXT.filter(lambda name: name not in RESERVED), max_size=5, unique=True))
    return Contract(
        draw(TEXT),
        tuple(draw(rules(name)) for name in names),
        ignore=tuple(draw(st.lists(TEXT, max_size=2))),
        volume=Volume(draw(st.integers(0, 9)), draw(st.floats(0, 1)), draw(st.floats(1, 9))),
        max_age_days=draw(st.none() | st.floats(0, 1e6)),
        max_quarantined=draw(st.floats(0, 1)),
    )


@given(contracts(), TEXT)
def test_what_is_written_is_read(contract: Contract, note: str) -> None:
    text = to_toml(contract, {rule.name: note for rule in contract.columns})
    assert from_toml(text, where="here") == contract


def test_columns_are_added_without_touching_what_the_user_wrote(tmp_path: Path) -> None:
    path = write_contract(tmp_path, Contract("shop", (ColumnRule("a", Kind.NUMBER),)))
    path.write_text(path.read_text() + "\n# mine: do not lose\n")
    add_columns(tmp_path, "shop", [ColumnRule('odd "name"', Kind.TIME)], {})
    assert "# mine: do not lose" in path.read_text()
    assert read_contract(tmp_path, "shop") == Contract(
        "shop", (ColumnRule("a", Kind.NUMBER), ColumnRule('odd "name"', Kind.TIME))
    )


def test_the_file_says_why_ranges_only_warn() -> None:
    text = to_toml(Contract("shop", ()))
    assert "loose on purpose" in text and "quarantined rows are tried again" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source = ", "not TOML"),
        ('source = "shop"\nsurce = 1', "unknown key 'surce'"),
        ('[columns.a]\nkind = "nummer"\n[x]', "unknown key 'x'"),
        ('source = "s"\n[columns.a]\nkind = "numbr"', "did you mean 'number'"),
        ('source = "s"\n[columns.a]\nkind = "number"\nmin = "low"', "min must be a number"),
        ('source = "s"\n[columns.a]\nkind = "number"\nmin = 2\nmax = 1', "above max"),
        ('source = "s"\n[columns.a]\nkind = "text"\nmin = 2', "only a number"),
        ('source = "s"\n[columns.a]\nkind = "text"\nlevel = "stop"', "not a level"),
        ('source = "s"\n[columns._id]\nkind = "text"', "lake's own"),
        ('source = "s"\n[volume]\nleats = 1', "did you mean 'least'"),
        ('source = "s"\n[columns]\na = 1', "a column is a table"),
        ("columns = 1", "columns is a table"),
        ("[columns]", "source must be a str"),
    ],
)
def test_a_mistake_in_the_file_names_the_place(text: str, said: str) -> None:
    with pytest.raises(ContractError, match="shop.toml") as caught:
        from_toml(text, where="shop.toml")
    assert said in str(caught.value)


def test_a_contract_of_another_source_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(to_toml(Contract("other", ())))
    with pytest.raises(ContractError, match="contract of 'other'"):
        read_contract(tmp_path, "shop")
    assert read_contract(tmp_path, "nowhere") is None


def test_contracts_give_the_schema_of_the_definition() -> None:
    contract = Contract("shop", (ColumnRule("a", Kind.NUMBER),))
    assert schema_of([contract]) == {"shop": {"a": Kind.NUMBER}}


def test_a_fingerprint_changes_exactly_when_a_rule_does() -> None:
    one = Contract("shop", (ColumnRule("a", Kind.NUMBER),))
    assert one.fingerprint() == Contract("shop", (ColumnRule("a", Kind.NUMBER),), max_age_days=3).fingerprint()
    assert one.fingerprint() != Contract("shop", (ColumnRule("a", Kind.NUMBER, minimum=0.0),)).fingerprint()
