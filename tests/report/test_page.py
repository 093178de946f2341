"""The shell: one document, numbered sections, a table of contents, nothing that loads or runs."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup

from vigie.report.html import tag
from vigie.report.page import Section, page, stylesheet

PAGE = page(
    "Score <b>churn</b>",
    [
        Section("answer", "The short answer", tag("p", "yes & no")),
        Section("data", "The data", tag("p", "x"), short="Data"),
    ],
    subtitle="of <today>",
    footer="end",
)


def test_a_page_is_a_complete_document_that_fits_a_phone() -> None:
    soup = BeautifulSoup(PAGE, "html.parser")
    assert PAGE.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert soup.title.get_text() == soup.h1.get_text() == "Score <b>churn</b>"
    assert soup.find("meta", charset=True)["charset"] == "utf-8"
    assert "width=device-width" in soup.find("meta", attrs={"name": "viewport"})["content"]
    assert soup.header.p.get_text() == "of <today>" and soup.footer.get_text() == "end"


def test_sections_are_numbered_named_and_reachable() -> None:
    soup = BeautifulSoup(PAGE, "html.parser")
    sections = soup.find_all("section")
    assert [s["id"] for s in sections] == ["answer", "data"]
    assert [s.h2.get_text() for s in sections] == ["1 · The short answer", "2 · The data"]
    assert all(soup.find(id=s["aria-labelledby"]) is s.h2 for s in sections)
    entries = list(soup.nav.find_all("a"))
    assert {a["href"] for a in entries} == {"#answer", "#data"}
    assert "2 Data" in [a.get_text() for a in entries]


def test_a_page_loads_and_runs_nothing() -> None:
    assert not re.search(r"https?:|<script|<link|<iframe|<img|@import|url\((?!#)|\bon\w+=", PAGE)


def test_the_style_has_a_dark_side_and_a_printed_one() -> None:
    style = stylesheet()
    assert "prefers-color-scheme:dark" in style and "@media print" in style
    assert style.count("{") == style.count("}")
    defined = set(re.findall(r"--([\w-]+):", style))
    assert set(re.findall(r"var\(--([\w-]+)\)", style)) <= defined
