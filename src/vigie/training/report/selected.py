"""The winner again on the features that earn their place, beside the winner on all."""

from __future__ import annotations

from vigie.report.blocks import Head, table
from vigie.report.html import Content, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import decimal, money
from vigie.training.evidence import Estimate
from vigie.training.report.subject import Subject


def selected(subject: Subject) -> Content:
    """Nothing where no selection was tried."""
    known = subject.evidence.selection
    if known is None:
        return ""
    currency = subject.currency

    def interval(estimate: Estimate) -> str:
        low, high = (money(end, currency, sign=True) for end in (estimate.low, estimate.high))
        return say("{low} to {high}", low=low, high=high)

    heads = [Head(say("Selected minus all"), number=False), Head(say("Difference")), Head(say("95% interval"))]
    lines: list[list[Content]] = [
        [
            say("Money per {unit}, cross-validation", unit=subject.unit),
            money(known.value.value, currency, sign=True),
            interval(known.value),
        ],
        [
            say("Log loss saved, cross-validation"),
            decimal(known.log_loss.value, 4, sign=True),
            say(
                "{low} to {high}",
                low=decimal(known.log_loss.low, 4, sign=True),
                high=decimal(known.log_loss.high, 4, sign=True),
            ),
        ],
        [
            say("Money per {unit}, test", unit=subject.unit),
            money(known.test_value.value, currency, sign=True),
            interval(known.test_value),
        ],
    ]
    caption = say(
        "The same candidate on {kept} of {all} features.",
        kept=len(known.kept),
        all=len(known.kept) + len(known.dropped),
    )
    return join(
        tag("h3", say("With fewer features")),
        tag("p", say(known.words)),
        table(heads, lines, caption=caption),
        _listed(say("Kept"), known.kept),
        _listed(say("Left out"), known.dropped),
    )


def _listed(title: str, names: tuple[str, ...]) -> Content:
    if not names:
        return ""
    parts: list[Content] = []
    for name in names:
        parts += [code(name), ", "]
    return tag("p", f"{title} ({len(names)})", say(": "), *parts[:-1], ".", class_="small quiet")
