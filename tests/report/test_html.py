"""Markup cannot be injected, and numbers read as people write them."""

from __future__ import annotations

import doctest

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from vigie.findings import Finding, Severity
from vigie.report import condense, html, numerals
from vigie.report.blocks import Head, finding_list, table
from vigie.report.html import Html, join, tag

# What a browser shows as it was given: no control characters, no carriage returns (HTML turns them into newlines).
shown = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\r\x00"), max_size=60)


@given(shown, shown)
def test_text_and_attributes_come_back_as_they_went_in(text: str, attribute: str) -> None:
    element = BeautifulSoup(tag("div", text, data_x=attribute).markup, "html.parser").div
    assert element is not None
    assert element.get_text() == text
    assert element["data-x"] == attribute


def test_markup_is_inserted_as_it_is_and_text_is_not() -> None:
    assert tag("p", Html("<b>x</b>"), "<b>").markup == "<p><b>x</b>&lt;b&gt;</p>"
    assert join("a & b", Html("<br>")).markup == "a &amp; b<br>"


def test_attributes_that_are_not_set_are_left_out() -> None:
    assert tag("details", open=True, class_=None, hidden=False).markup == "<details open></details>"


def test_a_finding_shows_code_place_explanation_and_remedy_and_the_worst_comes_first() -> None:
    findings = [
        Finding("VGD004", Severity.NOTE, "Many missing values", "age", "34% are missing", "look at the source"),
        Finding("VGL001", Severity.ERROR, "Leakage", "<script>alert(1)</script>", "AUC 0.99 alone", "leave it out"),
    ]
    soup = BeautifulSoup(finding_list(findings).markup, "html.parser")
    first, second = soup.find_all("li")
    assert first.find(class_="badge").get_text() == "error"
    assert "VGL001" in first.get_text() and "What to do: leave it out." in first.get_text()
    assert first.find("code").get_text() == "<script>alert(1)</script>" and not soup.find("script")
    assert second.find(class_="badge").get_text() == "note"


def test_a_table_names_its_rows_and_columns_and_says_what_it_shows() -> None:
    heads = [Head("Strategy", number=False), Head("Per customer")]
    soup = BeautifulSoup(
        table(heads, [["a", "1"], ["b", "2"]], caption="Money", chosen=frozenset({1})).markup, "html.parser"
    )
    assert [th["scope"] for th in soup.find_all("th")] == ["col", "col", "row", "row"]
    assert soup.find(id=soup.table["aria-labelledby"]).get_text() == "Money"
    assert soup.find(class_="scroll")["tabindex"] == "0"
    assert [row.get("class") for row in soup.tbody.find_all("tr")] == [None, ["chosen"]]
    assert all("number" in cell["class"] for cell in soup.find_all("td"))


@pytest.mark.parametrize("module", [html, numerals, condense])
def test_examples_in_docstrings_are_true(module: object) -> None:
    tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert tried.attempted and not tried.failed


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["EUR", "USD", "CHF"]))
def test_money_always_carries_its_currency_or_is_a_dash(amount: float, currency: str) -> None:
    text = numerals.money(amount, currency)
    assert text == numerals.NOTHING or numerals.currency_prefix(currency) in text
    assert "nan" not in text and "inf" not in text and "-" not in text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0.0, "€0.00"), (-0.001, "€0.00"), (999.994, "€999.99"), (1000, "€1,000"), (-2_500_000, "−€2.50 million")],
)
def test_money_has_cents_only_where_they_matter(amount: float, text: str) -> None:
    assert numerals.money(amount, "EUR") == text


def test_money_shows_its_sign_on_demand() -> None:
    assert numerals.money(3, "EUR", sign=True) == "+€3.00"
    assert numerals.money(0, "EUR", sign=True) == "€0.00"


@given(st.floats(0, 1))
def test_a_share_that_is_not_none_never_reads_as_none(share: float) -> None:
    text = numerals.percent(share)
    assert text.endswith("%")
    assert (text in ("0%", "0.0%")) == (share == 0)
    assert (text in ("100%", "100.0%")) == (share == 1)
