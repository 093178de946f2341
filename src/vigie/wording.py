"""Sentences that can be said in more than one language.

A sentence is written where it is known, in English, as a template and its values. It is a ``str`` like any other for
whoever only shows it; a report in another language asks for the same sentence in that language, from a catalogue of
templates (:mod:`vigie.report.french`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Said(str):
    """An English sentence that remembers how it was made.

    Attributes:
        template: With ``{name}`` places, format specifications included.
        values: By name; a value may be a :class:`Said` itself.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any] | None = None) -> Said:
        """The sentence *template* with *values* put in."""
        given = dict(values or {})
        made = super().__new__(cls, template.format(**given) if given else template)
        made.template, made.values = template, given
        return made

    def __reduce__(self) -> tuple[type[Said], tuple[str, Mapping[str, Any]]]:
        return type(self), (self.template, self.values)


def said(template: str, **values: Any) -> Said:
    """The sentence *template* with *values* put in, e.g. ``said("{rows:,} rows", rows=7043)``.

    Without values the template is taken as it is, braces and all.
    """
    return Said(template, values)
