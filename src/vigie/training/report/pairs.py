"""The winner against every other candidate: what differs beyond chance, and which are the same."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, badge, figure, table
from vigie.report.charts.bars import Spread
from vigie.report.charts.intervals import interval_dots
from vigie.report.html import Content, Html, join, strong, tag
from vigie.report.language import say
from vigie.report.numerals import decimal, money
from vigie.report.rich import rich
from vigie.training.evidence import Comparison, Pair
from vigie.training.report.subject import Subject


def pairs(subject: Subject, comparison: Comparison) -> Html:
    """The comparison in a sentence, a drawing and a table."""
    known = {candidate.name: say(candidate.title) for candidate in subject.result.candidates}
    winner, currency = say(subject.result.best.title), subject.currency
    title = say("Is {winner} really better?", winner=winner)
    if not comparison.pairs:
        return join(tag("h3", title), tag("p", say(comparison.words)))
    shown = [
        Spread(known.get(p.other, p.other), p.value.value, p.value.low, p.value.high, chosen=not p.same)
        for p in comparison.pairs
    ]
    axis = say("{winner} brings more, per {unit}", winner=winner, unit=subject.unit)
    said = "; ".join(f"{s.label} {money(s.value, currency, sign=True)}" for s in shown)
    drawing = svg.inline(interval_dots(shown, axis, currency=currency), f"{axis}: {said}.")
    caption = rich(
        "**Right of the dashed line the winner earns more.** Lines are 95% intervals on the same cross-validated rows; blue: "
        "told apart beyond chance, grey: the same as far as the data can tell."
    )
    heads = [
        Head(say("Against"), number=False),
        Head(say("Brings more, per {unit}", unit=subject.unit)),
        Head(say("95% interval")),
        Head(say("Saves log loss")),
        Head(
            "p",
            meaning=say("Of the paired test that both bring the same, corrected for the number of candidates (Holm)"),
        ),
        Head(say("Verdict"), number=False),
    ]
    lines: list[list[Content]] = [
        [
            known.get(pair.other, pair.other),
            money(pair.value.value, currency, sign=True),
            say(
                "{low} to {high}",
                low=money(pair.value.low, currency, sign=True),
                high=money(pair.value.high, currency, sign=True),
            ),
            decimal(pair.log_loss.value, 4, sign=True),
            decimal(pair.adjusted, 3) if pair.adjusted >= 0.001 else f"<{decimal(0.001, 3)}",
            _verdict(pair),
        ]
        for pair in comparison.pairs
    ]
    listing = table(heads, lines, caption=say("The winner beside each other candidate, in cross-validation."))
    return join(tag("h3", title), tag("p", strong(say(comparison.words))), figure(drawing, caption), listing)


def _verdict(pair: Pair) -> Html:
    if pair.same:
        return badge(say("the same"), "note")
    return badge(say("better"), "good") if pair.value.value > 0 else badge(say("worse"), "warning")
