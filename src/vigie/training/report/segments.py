"""Section: segments. Which have a model of their own, and what it brings them."""

from __future__ import annotations

from vigie.report.blocks import Head, badge, details, table
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, money, percent
from vigie.report.page import Section
from vigie.training.candidates import CANDIDATES
from vigie.training.evidence import SegmentOutcome
from vigie.training.report.subject import Subject

SHOWN = 40
"""Segments in the table at once."""


def section(subject: Subject) -> Section | None:
    """``None`` where there is one model for all."""
    found = subject.evidence.segments
    if not found:
        return None
    own = [one for one in found if one.model == "own"]
    failed = [one for one in found if one.model == "failed"]
    summary = say(
        "{own} of {all} segments have a model of their own, because it beats the common one in cross-validation beyond "
        "chance; the others use the common one.",
        own=count(len(own)),
        all=count(len(found)),
    )
    trouble = (
        tag(
            "p",
            say("In {number} segments a model could not be made: they use the common one.", number=count(len(failed))),
        )
        if failed
        else ""
    )
    ordered = sorted(found, key=lambda one: (one.model == "common", -one.rows, one.segment))
    first = _table(subject, ordered[:SHOWN])
    rest = ordered[SHOWN:]
    more = details(say("{number} more", number=count(len(rest))), _table(subject, rest)) if rest else ""
    return Section("segments", say("Segments"), join(tag("p", summary), trouble, first, more))


def _table(subject: Subject, found: list[SegmentOutcome]) -> Html:
    currency = subject.currency
    titles = {candidate.name: say(candidate.title) for candidate in CANDIDATES}
    heads = [
        Head(say("Segment"), number=False),
        Head(say("Model"), number=False),
        Head(say("Rows")),
        Head(say("Positive")),
        Head(say("Own brings more, CV"), meaning=say("Per {unit}; 95% interval", unit=subject.unit)),
        Head(say("{currency} per {unit}, test", currency=currency, unit=subject.unit)),
        Head(say("Why"), number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [
            one.segment,
            _model(one, titles),
            count(one.rows),
            percent(one.positives / one.rows) if one.rows else NOTHING,
            _gain(one, currency),
            money(one.test_value, currency),
            say(one.words),
        ]
        for one in found
    ]
    return table(heads, lines, caption=say("Segments with a model of their own first."))


def _model(one: SegmentOutcome, titles: dict[str, str]) -> Content:
    if one.model == "own":
        return join(badge(say("own"), "good"), f" {titles.get(one.candidate, one.candidate)}")
    return badge(say("failed"), "warning") if one.model == "failed" else badge(say("common"), "note")


def _gain(one: SegmentOutcome, currency: str) -> str:
    if one.value is None:
        return NOTHING
    value, low, high = (money(v, currency, sign=True) for v in (one.value.value, one.value.low, one.value.high))
    return f"{value} ({low} … {high})"
