"""When the figures of a report stop being true: signs that the reader can recognise without the report's author."""

from __future__ import annotations

from vigie.report.html import Content
from vigie.report.language import say
from vigie.report.numerals import date, decimal, percent
from vigie.report.rich import rich
from vigie.training.report.subject import Subject

MARGIN = 0.2
"""Share by which a share of positives may move before it is worth a look."""


def signs(subject: Subject) -> list[Content]:
    """What to watch, the most telling first."""
    result, words = subject.result, subject.words
    found: list[Content] = []
    rate = subject.vigie.positives / max(subject.vigie.n, 1)
    if rate:
        low, high = (percent(rate * (1 + step), 0 if rate > 0.05 else 1) for step in (-MARGIN, MARGIN))
        found.append(
            say(
                "Far fewer or far more {words.many} {words.do} than the {rate} of the test: below {low} or above {high}, "
                "train again.",
                words=words,
                rate=percent(rate),
                low=low,
                high=high,
            )
        )
    found.extend(
        rich("The way `{feature}` is recorded changes: the score leans on it more than on anything else.", feature=name)
        for name, drop, _ in result.importance[:1]
        if drop == drop and drop > 0
    )
    found.append(
        rich(
            "Prices, costs or offers change: the [cost matrix](#question) decides who is {words.done}, and it has to follow.",
            words=words,
        )
    )
    reliability = subject.evidence.reliability
    if reliability is not None and not reliability.slope.low <= 1 <= reliability.slope.high:
        found.append(
            say(
                "A single probability is quoted to a customer or an auditor: they are off in their spread "
                "(calibration slope {slope}, 1 is right).",
                slope=decimal(reliability.slope.value, 2),
            )
        )
    last = result.split.test_until
    if subject.score.has_time and last is not None:
        found.append(
            say("Much time goes by: it has been tried on customers up to {last} and on nobody since.", last=date(last))
        )
    return found
