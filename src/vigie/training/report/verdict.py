"""Whether to use the model, in a word and with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from vigie.findings import Severity
from vigie.report.blocks import capital, closed
from vigie.report.html import Content
from vigie.report.language import say
from vigie.report.numerals import count, date, money, plural
from vigie.report.rich import rich
from vigie.training.report.subject import Subject

FEW = 100
"""Positives in the test below which its figures are called shaky."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to think of the model.

    Attributes:
        style: ``"good"``, ``"warning"`` or ``"error"``.
        words: The verdict.
        against: What forbids using it.
        doubts: What speaks for care.
        support: How it was tested, and how well it fits.
        interval: 95 % interval of what it brings more than its best rival, currency for one customer; ``None``
            where it cannot be told.
    """

    style: str
    words: str
    against: tuple[Content, ...]
    doubts: tuple[Content, ...]
    support: tuple[Content, ...]
    interval: tuple[float, float] | None

    @property
    def reasons(self) -> tuple[Content, ...]:
        """All of them, those against first."""
        clean = () if self.against or self.doubts else (say("No check objects."),)
        return (*self.against, *self.doubts, *clean, *self.support)


def judge(subject: Subject) -> Verdict:
    """The verdict on a training run: it errs on the side of distrust."""
    result, words = subject.result, subject.words
    interval = (subject.lead.low, subject.lead.high) if subject.lead is not None else None
    against: list[Content] = []
    doubts: list[Content] = []
    rival = words.strategy_phrase(subject.rival)
    if not subject.advantage > 0:
        against.append(say("On the test rows it earns no more than {rival}.", rival=rival))
    elif interval is not None and interval[0] <= 0:
        doubts.append(say("Its lead over {rival} may be chance: the 95% interval includes zero.", rival=rival))
    for severity, bag in ((Severity.ERROR, against), (Severity.WARNING, doubts)):
        found = [finding for finding in result.findings if finding.severity is severity]
        if found:
            titles = ", ".join(dict.fromkeys(say(finding.title) for finding in found))
            number = plural(len(found), severity.label)
            bag.append(rich("[{number}](#findings): {titles}.", number=number, titles=titles))
    if subject.vigie.positives < FEW:
        doubts.append(
            say(
                "The test holds only {positives}: its figures may be off by much.",
                positives=plural(subject.vigie.positives, "positive"),
            )
        )
    if subject.score.has_time and result.split.kind != "out_of_time":
        doubts.append(say("It was tested on customers drawn at random, not on a later time."))
    fit = (
        capital(closed(say(result.best.diagnosis)))
        if result.best.diagnosis
        else say("How well it fits was not judged.")
    )
    support: list[Content] = [_tested(subject), fit]
    style = "error" if against else "warning" if doubts else "good"
    verdicts = {
        "error": say("Do not use it yet"),
        "warning": say("Use it with care"),
        "good": say("Fit for use"),
    }
    return Verdict(style, verdicts[style], tuple(against), tuple(doubts), tuple(support), interval)


def interval_words(subject: Subject, interval: tuple[float, float] | None) -> str:
    """The interval as a clause; empty where there is none."""
    if interval is None:
        return ""
    low, high = (money(end, subject.currency, sign=True) for end in interval)
    return say("95% interval {low} to {high}", low=low, high=high)


def _tested(subject: Subject) -> str:
    split, words = subject.result.split, subject.words
    if split.kind == "out_of_time":
        return say(
            "Tested on the future: it learned from {train} up to {until} and was tried on {test} from {start} to {end}.",
            train=plural(split.train_rows, "row"),
            until=date(split.train_until),
            test=count(split.test_rows),
            start=date(split.test_from),
            end=date(split.test_until),
        )
    return say(
        "Tested on {test} drawn at random that it had not seen; it learned from {train}.",
        test=plural(split.test_rows, words.one, words.many),
        train=count(split.train_rows),
    )
