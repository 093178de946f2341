"""The language of a page: every sentence has its French, with the same values in it, and numbers read as French."""

from __future__ import annotations

import ast
import doctest
import re
import string
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.errors import SettingsError
from vigie.report import language, numerals
from vigie.report.language import catalogue, catalogues, say, speaking, spoken, translator
from vigie.training.checks.codes import CODES
from vigie.wording import Said, said

SOURCE = Path(__file__).resolve().parents[2] / "src" / "vigie"
FRENCH = catalogue("fr")
REASONS = "reason_words.py"
"""Looks its templates up in tables."""


Assigned = dict[str, list[ast.expr]]


def calls() -> Iterator[tuple[str, ast.Call, Assigned]]:
    """Every call of the source: its place, itself, and what each name of its module is set to."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name in ("wording.py", "language.py", "rich.py"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assigned: Assigned = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).append(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield f"{path.relative_to(SOURCE)}:{node.lineno}", node, assigned


def literals(node: ast.expr, assigned: Assigned) -> list[str] | None:
    """Strings that an argument may be: itself, either side of a condition, what a name is set to; ``None``: unknown."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Name) and node.id in assigned:
        found = [literals(value, {}) for value in assigned[node.id]]
        return None if None in found else [text for texts in found for text in texts or []]
    if isinstance(node, ast.IfExp):
        sides = [literals(node.body, assigned), literals(node.orelse, assigned)]
        return None if None in sides else [text for side in sides for text in side or []]
    return None


def templates() -> Iterator[tuple[str, str]]:
    """Every sentence that the source says: ``(place, template)``."""
    for place, node, assigned in calls():
        name = node.func.id  # type: ignore[attr-defined]
        if name in ("said", "say", "rich") and node.args:
            for text in literals(node.args[0], assigned) or ():
                yield place, text
        elif name == "plural":
            one = literals(node.args[1], {}) or []
            many = literals(node.args[2], {}) if len(node.args) > 2 else [f"{text}s" for text in one]
            yield from ((place, text) for text in (*one, *(many or ())))


def places(template: str) -> set[str]:
    return {name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_sentence_of_the_source_is_said_in_french() -> None:
    found = list(templates())
    assert len(found) > 10
    assert {text: place for place, text in found if text and text not in FRENCH} == {}


def test_said_is_given_a_template_and_not_something_made() -> None:
    made = [
        place
        for place, node, assigned in calls()
        if node.func.id == "said" and literals(node.args[0], assigned) is None  # type: ignore[attr-defined]
    ]
    assert {place.split(":")[0] for place in made} <= {f"bundle/{REASONS}"}


def test_templates_that_stand_in_tables_are_said_in_french() -> None:
    tree = ast.parse((SOURCE / "bundle" / REASONS).read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    tabled = {text for text in texts if text and re.fullmatch(r"[^\n`]*\{(what|events|event|number)\}[^\n`]*", text)}
    assert len(tabled) > 20
    assert {text for text in tabled if text not in FRENCH} == set()


def test_titles_and_remedies_of_findings_are_said_in_french() -> None:
    asked = {text for code in CODES.values() for text in (code.title, code.remedy)}
    assert {text for text in asked if text not in FRENCH} == set()


def test_the_french_of_a_sentence_has_the_same_values() -> None:
    differ = {english: french for english, french in FRENCH.items() if places(english) != places(french)}
    assert differ == {}


def test_a_sentence_has_one_french_only() -> None:
    seen: dict[str, str] = {}
    for name in catalogues():
        for english, french in import_module(f"vigie.report.{name}").CATALOGUE.items():
            french = language.typeset(french)
            assert seen.setdefault(english, french) == french, f"{name}: {english!r} has two translations"
    assert len(seen) == len(FRENCH)


def test_french_is_typeset_as_french() -> None:
    for english, french in FRENCH.items():
        words = string.Formatter().parse(french) if places(french) else [(french, None, None, None)]
        plain = "".join(text for text, *_ in words)
        assert "'" not in plain.replace("['", "").replace("']", ""), f"{english!r}: a straight apostrophe"
        assert '"' not in plain, f"{english!r}: straight quotation marks"


def test_values_are_written_as_french_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "{share:.1%} of {rows:,} rows ({value:.2f}; {inner})": "{share:.1%} de {rows:,} lignes ({value:.2f} ; {inner})",
        "Findings": "Constats",
    }
    say_it = language.Translator("fr")
    monkeypatch.setattr(say_it, "_catalogue", known)
    sentence = said(
        "{share:.1%} of {rows:,} rows ({value:.2f}; {inner})",
        share=0.1234,
        rows=7043,
        value=-1.5,
        inner=said("Findings"),
    )
    assert say_it(sentence) == "12,3\u202f% de 7\u202f043 lignes (−1,50 ; Constats)"
    assert translator("en")(sentence) == "12.3% of 7,043 rows (-1.50; Findings)" == sentence
    assert not say_it.missing


def test_what_the_catalogue_does_not_have_stays_english_and_is_listed() -> None:
    with speaking("fr") as french:
        assert say(said("{n} unheard-of things", n=3)) == "3 unheard-of things"
        assert say("Findings") == "Constats"
    assert french.missing == {"{n} unheard-of things"}


def test_a_language_is_spoken_inside_only() -> None:
    assert spoken() == "en"
    with speaking("fr"):
        assert spoken() == "fr" and numerals.money(1234.4, "EUR") == "1\u202f234\u202f€"
        with speaking("en"):
            assert numerals.percent(0.5) == "50.0%"
        assert numerals.percent(0.5) == "50,0\u202f%"
    assert spoken() == "en" and say("Findings") == "Findings"


def test_an_unknown_language_is_told() -> None:
    with pytest.raises(SettingsError, match="'de' is not known"):
        translator("de")


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["EUR", "USD", "CHF"]))
def test_french_money_is_the_english_in_other_signs(amount: float, currency: str) -> None:
    english = numerals.money(amount, currency)
    with speaking("fr"):
        french = numerals.money(amount, currency)
    digits = "".join(c for c in french if c.isdigit())
    assert digits == "".join(c for c in english if c.isdigit())
    if english != numerals.NOTHING:
        assert french.endswith(("€", "$", "CHF")) and "." not in french
        assert french.startswith("−") == english.startswith("−")


def test_dates_are_french() -> None:
    with speaking("fr"):
        assert numerals.date(86_400_000_000) == "02/01/1970"
        assert numerals.time(86_400_000_000) == "02/01/1970 00:00 UTC"
        assert numerals.plural(0, "row") == "0 ligne" and numerals.plural(2, "row") == "2 lignes"


def test_a_sentence_survives_translation_of_its_own_parts() -> None:
    inner = Said("Findings")
    assert translator("fr")(inner) == "Constats"


def test_examples_are_true() -> None:
    tried = doctest.testmod(language)
    assert tried.attempted and not tried.failed
