"""The language that a page is written in: sentences from a catalogue, numbers as that language writes them.

A sentence is written in English where it is known (:mod:`vigie.wording`). Whoever builds a page says in which language,
once, and every sentence, number and date that is written inside is of that language::

    with speaking("fr"):
        html = page(...)

The catalogue of French is the union of :mod:`vigie.report.french` and its neighbours ``french_*``. What no catalogue
has stays English, and :attr:`Translator.missing` lists it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import numpy as np

from vigie.errors import SettingsError, did_you_mean
from vigie.wording import Said

LANGUAGES = ("en", "fr")
"""Known languages, as BCP 47 tags."""

_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)")
_SWAPPED = str.maketrans({",": "\u202f", ".": ",", "-": "−"})


class Translator:
    """Says sentences in one language.

    Args:
        language: One of :data:`LANGUAGES`.

    Attributes:
        language: As given.
        missing: Templates that were asked for and that the catalogue does not have; always empty for English.

    Raises:
        SettingsError: The language is not known.

    >>> Translator("fr")("Findings")
    'Constats'
    """

    def __init__(self, language: str) -> None:
        if language not in LANGUAGES:
            raise SettingsError(
                f"language {language!r} is not known", where="report.language", remedy=did_you_mean(language, LANGUAGES)
            )
        self.language = language
        self.missing: set[str] = set()
        self._catalogue: Mapping[str, str] = catalogue(language)
        self._format = _French(self)

    def __call__(self, text: str) -> str:
        """*text* in the language: a :class:`~vigie.wording.Said` by its template, another string as a whole."""
        if self.language == "en":
            return str.__str__(text)
        template = text.template if isinstance(text, Said) else text
        known = self._catalogue.get(template)
        if known is None:
            if template:
                self.missing.add(template)
            return str.__str__(text)
        if not isinstance(text, Said) or not text.values:
            return known
        return self._format.vformat(known, (), text.values)


class _French(string.Formatter):
    """``str.format`` with decimal commas, narrow spaces and translated values."""

    def __init__(self, translator: Translator) -> None:
        self._say = translator

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Said):
            return format(self._say(value), format_spec)
        if isinstance(value, str):
            return format(_named(value), format_spec)
        if isinstance(value, int | float | np.number) and not isinstance(value, bool):
            return french_number(format(value, format_spec))
        return format(value, format_spec)


def _named(value: str) -> str:
    """Names of candidates, alone or listed, as French calls them; any other text as it is."""
    from vigie.report.french_models import NAMES

    parts = value.split(", ")
    return ", ".join(NAMES[part] for part in parts) if all(part in NAMES for part in parts) else value


def french_number(written: str) -> str:
    r"""A number written in English as it is written in French.

    >>> french_number("1,234.5"), french_number("12.3%"), french_number("-3")
    ('1\u202f234,5', '12,3\u202f%', '−3')
    """
    if "e" in written:
        return written
    return written.translate(_SWAPPED).replace("%", "\u202f%")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """English template → template of *language*, of all catalogues together; empty for English."""
    if language != "fr":
        return {}
    found: dict[str, str] = {}
    for name in catalogues():
        found |= import_module(f"vigie.report.{name}").CATALOGUE
    return {english: typeset(french) for english, french in found.items()}


def typeset(french: str) -> str:
    r"""French with curved apostrophes and the spaces that must not break: before ``: ; ? ! %`` and inside quotation marks.

    >>> typeset("12 % ?")
    '12\u202f%\u202f?'
    """
    fixed = _APOSTROPHE.sub("’", french)
    for sign in ";?!%»":
        fixed = fixed.replace(f" {sign}", f"\u202f{sign}")
    return fixed.replace("« ", "«\u202f").replace(" :", "\u00a0:")


def catalogues() -> Sequence[str]:
    """Names of the modules that hold a catalogue of French, in order."""
    names = (entry.name for entry in files("vigie.report").iterdir())
    return sorted(name.removesuffix(".py") for name in names if name.startswith("french") and name.endswith(".py"))


@cache
def translator(language: str) -> Translator:
    """What says sentences in *language*.

    Raises:
        SettingsError: The language is not known.
    """
    return Translator(language)


_SPOKEN: ContextVar[Translator | None] = ContextVar("vigie_report_language", default=None)


@contextmanager
def speaking(language: str) -> Iterator[Translator]:
    """Everything that this thread or task writes inside is in *language*.

    Raises:
        SettingsError: The language is not known.
    """
    chosen = Translator(language)
    token = _SPOKEN.set(chosen)
    try:
        yield chosen
    finally:
        _SPOKEN.reset(token)


def spoken() -> str:
    """The language being written; English unless :func:`speaking` says otherwise."""
    chosen = _SPOKEN.get()
    return "en" if chosen is None else chosen.language


def say(text: str, **values: Any) -> str:
    """*text* in the language being written.

    Args:
        text: A :class:`~vigie.wording.Said`, a whole sentence or, with *values*, a template.
        values: Put into the template; attributes may be named: ``{words.many}``.
    """
    sentence = Said(text, values) if values else text
    chosen = _SPOKEN.get()
    return str.__str__(sentence) if chosen is None else chosen(sentence)
