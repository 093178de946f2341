"""Whether to use the model, in a word and with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from vigie.definition.naming import sentence
from vigie.economics.strategies import VIGIE
from vigie.findings import Severity
from vigie.report.html import Content, Html, join, tag
from vigie.report.numerals import count, date, money, plural
from vigie.training.report.interval import difference_interval
from vigie.training.report.subject import Subject

FEW = 100
"""Positives in the test below which its figures are called shaky."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to think of the model.

    Attributes:
        style: ``"good"``, ``"warning"`` or ``"error"``.
        words: The verdict.
        reasons: For and against.
        interval: 95 % interval of what it brings more than its best rival, currency for one customer; ``None``
            where it cannot be told.
    """

    style: str
    words: str
    reasons: tuple[Content, ...]
    interval: tuple[float, float] | None


def judge(subject: Subject) -> Verdict:
    """The verdict on a training run: it errs on the side of distrust."""
    result, words = subject.result, subject.words
    interval = advantage_interval(subject)
    against: list[Content] = []
    doubts: list[Content] = []
    rival = words.strategy_phrase(subject.rival)
    if not subject.advantage > 0:
        against.append(f"On the test rows it earns no more than {rival}.")
    elif interval is not None and interval[0] <= 0:
        doubts.append(f"Its lead over {rival} may be chance: the 95% interval includes zero.")
    for severity, bag in ((Severity.ERROR, against), (Severity.WARNING, doubts)):
        found = [finding for finding in result.findings if finding.severity is severity]
        if found:
            titles = ", ".join(dict.fromkeys(finding.title for finding in found))
            bag.append(join(_link(plural(len(found), severity.label)), f": {titles}."))
    if subject.vigie.positives < FEW:
        doubts.append(
            f"The test holds only {plural(subject.vigie.positives, 'positive')}: its figures may be off by much."
        )
    if subject.score.has_time and result.split.kind != "out_of_time":
        doubts.append("It was tested on customers drawn at random, not on a later time.")
    support: list[Content] = [_tested(subject), f"{sentence(result.best.diagnosis or 'fit not judged').rstrip('.')}."]
    if against:
        return Verdict("error", "Do not use it yet", (*against, *doubts, *support), interval)
    if doubts:
        return Verdict("warning", "Use it with care", (*doubts, *support), interval)
    return Verdict("good", "Fit for use", ("No check objects.", *support), interval)


def advantage_interval(subject: Subject) -> tuple[float, float] | None:
    """95 % interval of the decision's lead over its best rival; ``None`` where it cannot be told."""
    result, acts = subject.result, subject.acts
    if VIGIE not in acts or subject.rival not in acts:
        return None
    customers = result.training_set.customers[result.test_index]
    return difference_interval(subject.payoff, result.test_labels, acts[VIGIE], acts[subject.rival], customers)


def interval_words(subject: Subject, interval: tuple[float, float] | None) -> Html | None:
    """The interval as a clause that is not broken; ``None`` where there is none."""
    if interval is None:
        return None
    low, high = (tag("span", money(end, subject.currency, sign=True), class_="together") for end in interval)
    return join("95% interval ", low, " to ", high)


def _tested(subject: Subject) -> str:
    split, words = subject.result.split, subject.words
    if split.kind == "out_of_time":
        return (
            f"Tested on the future: it learned from {plural(split.train_rows, 'row')} up to {date(split.train_until)} and was "
            f"tried on {count(split.test_rows)} from {date(split.test_from)} to {date(split.test_until)}."
        )
    return (
        f"Tested on {plural(split.test_rows, words.one)} drawn at random that it had not seen; "
        f"it learned from {count(split.train_rows)}."
    )


def _link(text: str) -> Html:
    return tag("a", text, href="#findings")
