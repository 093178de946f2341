"""What the decision is worth beside what could be: intervals, savings, perfect knowledge, expected maximum profit."""

from __future__ import annotations

from vigie.economics.strategies import EVERYBODY, NOBODY
from vigie.report.blocks import Head, table
from vigie.report.html import Content, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, money, percent
from vigie.training.evidence import Estimate
from vigie.training.report.subject import Subject

_SHARE = ".share"


def worth(subject: Subject) -> Content:
    """Nothing where it was not worked out."""
    parts = [part for part in (_value(subject), _maximum(subject)) if part]
    return join(tag("h3", say("What it is worth, and how sure that is")), *parts) if parts else ""


def _value(subject: Subject) -> Content:
    known = subject.evidence.value
    if known is None:
        return ""
    currency, unit, words = subject.currency, subject.unit, subject.words
    heads = [
        Head(say("Figure"), number=False),
        Head(say("Per {unit}", unit=unit)),
        Head(say("95% interval")),
        Head(say("What it means"), number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [
            say("More than {rival}", rival=words.strategy_phrase(known.rival)),
            money(known.over_rival.value, currency, sign=True),
            _money(known.over_rival, currency),
            say("The rival was chosen on the training rows, not on the test."),
        ],
        [
            say("More than a line at 0.5"),
            money(known.over_half.value, currency, sign=True),
            _money(known.over_half, currency),
            say("What a threshold from the costs adds to the same probabilities."),
        ],
        [
            say("Perfect knowledge"),
            money(known.perfect, currency),
            NOTHING,
            say("What nobody can beat: every outcome known beforehand."),
        ],
    ]
    if known.savings.value == known.savings.value and _costs(subject):
        lines.append(
            [
                say("Savings"),
                percent(known.savings.value),
                say("{low} to {high}", low=percent(known.savings.low), high=percent(known.savings.high)),
                say("Share of the cost of the best of nobody and everybody that the decision saves."),
            ]
        )
    caption = say(
        "On test rows that chose nothing. Intervals resample the {customers} {words.many} of the test, not its rows; the "
        "winner was chosen among {number} before the test was looked at.",
        customers=count(known.customers),
        words=words,
        number=known.pairs_compared,
    )
    return table(heads, lines, caption=caption)


def _costs(subject: Subject) -> bool:
    """Whether acting on nobody and on everybody both cost money: else there is no cost that a share could be saved of."""
    brought = [
        subject.result.strategies[name].value for name in (NOBODY, EVERYBODY) if name in subject.result.strategies
    ]
    return bool(brought) and max(brought) < 0


def _money(estimate: Estimate, currency: str) -> str:
    low, high = (money(end, currency, sign=True) for end in (estimate.low, estimate.high))
    return say("{low} to {high}", low=low, high=high)


def _maximum(subject: Subject) -> Content:
    """Expected maximum profit and its share, for the kinds of decision that the literature has one for."""
    scores = subject.evidence.scores
    names = {
        "max_profit": say("Maximum profit"),
        "emp_churn": say("Expected maximum profit, churn (Verbraken et al. 2013)"),
        "emp_acquisition": say("Expected maximum profit, acquisition"),
        "emp_credit": say("Expected maximum profit, credit (Verbraken et al. 2014)"),
    }
    lines: list[list[Content]] = []
    for name, figure in scores.items():
        if name.endswith(_SHARE) or figure != figure:
            continue
        share = scores.get(f"{name}{_SHARE}")
        lines.append(
            [
                names.get(name, name),
                money(figure, subject.currency),
                percent(share) if share is not None else NOTHING,
            ]
        )
    if not lines:
        return ""
    heads = [
        Head(say("Measure"), number=False),
        Head(say("Per {unit}", unit=subject.unit)),
        Head(say("Share {words.dones} at the maximum", words=subject.words)),
    ]
    caption = say(
        "More than acting on nobody, with the cut that turned out best on the test rows; expected: when the least certain number of "
        "the cost matrix is only roughly known. To compare rankings and with the literature; not a promise."
    )
    return table(heads, lines, caption=caption)
