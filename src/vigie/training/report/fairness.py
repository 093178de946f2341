"""Section: fairness. How groups of people fare under the decision, with intervals, and what the policy allows."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, badge, capital, figure, table
from vigie.report.charts.bars import Spread
from vigie.report.charts.intervals import interval_dots
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, money, percent, points
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.training.evidence import Estimate, Gap, GroupFairness
from vigie.training.report.subject import Subject


def section(subject: Subject) -> Section | None:
    """``None`` where no groups were declared."""
    found = subject.evidence.fairness
    if not found:
        return None
    parts = [part for one in found for part in (tag("h3", one.feature), _one(subject, one))]
    return Section("fairness", say("Fairness"), join(tag("p", _opening(subject)), *parts))


def broken(subject: Subject) -> list[tuple[GroupFairness, Gap]]:
    """Every gap that breaks the policy."""
    return [(one, gap) for one in subject.evidence.fairness for gap in one.gaps if gap.broken]


def _opening(subject: Subject) -> str:
    wrong = broken(subject)
    if len(wrong) == 1:
        return say("One of the policy’s limits is broken beyond chance: see the findings.")
    if wrong:
        return say(
            "{number} of the policy’s limits are broken beyond chance: see the findings.", number=count(len(wrong))
        )
    if any(gap.limit is not None for one in subject.evidence.fairness for gap in one.gaps):
        return say("No limit of the policy is broken beyond what chance explains.")
    return say("Groups are compared; the project declares no limits.")


def _one(subject: Subject, one: GroupFairness) -> Html:
    reads = (
        say("The model reads this value.")
        if one.is_feature
        else say("The model does not read this value; others may stand for it.")
    )
    return join(tag("p", reads, class_="small quiet"), _chart(subject, one), _groups(subject, one), _gaps(one))


def _chart(subject: Subject, one: GroupFairness) -> Content:
    words = subject.words
    shown = [
        Spread(say(g.name), g.acted.value, g.acted.low, g.acted.high, chosen=g.judged)
        for g in one.groups
        if g.acted.value == g.acted.value
    ]
    if len(shown) < 2:
        return ""
    title = say("Share {words.dones}", words=words)
    said = "; ".join(f"{s.label} {percent(s.value)}" for s in shown)
    drawing = svg.inline(
        interval_dots(shown, title, zero=False, limit=subject.vigie.acted), f"{title}, {one.feature}: {said}."
    )
    caption = rich(
        "**How often each group is {words.done}.** Lines are 95% intervals, the dashed line is everybody; grey groups are too "
        "small to be judged.",
        words=words,
    )
    return figure(drawing, caption)


def _groups(subject: Subject, one: GroupFairness) -> Html:
    words = subject.words
    heads = [
        Head(say("Group"), number=False),
        Head(say("Rows")),
        Head(capital(words.dones)),
        Head(
            say("of those who {words.do}", words=words),
            meaning=say("Equal opportunity: share acted on among positives"),
        ),
        Head(say("of the others"), meaning=say("Share acted on among negatives")),
        Head(say("Predicted")),
        Head(say("Happened")),
        Head(say("{currency} each", currency=subject.currency)),
    ]
    lines: list[list[Content]] = [
        [
            say(group.name) if group.judged else join(say(group.name), " ", badge(say("few rows"), "note")),
            count(group.rows),
            _share(group.acted),
            _share(group.opportunity),
            _share(group.false_alarms),
            percent(group.probability),
            _share(group.observed),
            money(group.value, subject.currency),
        ]
        for group in one.groups
    ]
    caption = say("Under the decision, on the test rows; in brackets 95% intervals.")
    return table(heads, lines, caption=caption)


def _share(estimate: Estimate) -> str:
    if estimate.value != estimate.value:
        return NOTHING
    return f"{percent(estimate.value)} ({percent(estimate.low, 0)} … {percent(estimate.high, 0)})"


def _gaps(one: GroupFairness) -> Content:
    if not one.gaps:
        return ""
    heads = [
        Head(say("Measure"), number=False, words=True),
        Head(say("Gap")),
        Head(say("95% interval")),
        Head(say("Highest"), number=False),
        Head(say("Lowest"), number=False),
        Head(say("Limit")),
        Head(say("Verdict"), number=False),
    ]
    lines: list[list[Content]] = [
        [
            _measure(gap.measure),
            points(gap.gap.value),
            say("{low} to {high}", low=points(gap.gap.low), high=points(gap.gap.high)),
            say(gap.highest),
            say(gap.lowest),
            points(gap.limit) if gap.limit is not None else say("none"),
            _verdict(gap),
        ]
        for gap in one.gaps
    ]
    caption = say("Between the group with the highest figure and the one with the lowest, of those with rows enough.")
    return table(heads, lines, caption=caption)


def _measure(name: str) -> Content:
    words = {
        "parity": say("Demographic parity: share acted on"),
        "opportunity": say("Equal opportunity: share acted on among positives"),
        "calibration": say("Calibration: predicted minus happened"),
    }
    return words[name] if name in words else code(name)


def _verdict(gap: Gap) -> Html:
    if gap.broken:
        return badge(say("broken"), "error")
    if gap.limit is None:
        return badge(say("reported"), "note")
    if gap.gap.value > gap.limit:
        return badge(say("may be chance"), "warning")
    return badge(say("within"), "good")
