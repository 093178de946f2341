"""Section: the question. Who is scored when, for what, and what a decision costs and brings."""

from __future__ import annotations

from typing import Any

import numpy as np

from vigie.definition.moments import At, Every, Once
from vigie.definition.naming import sentence
from vigie.definition.window import Window
from vigie.features import rowwise
from vigie.report.blocks import Head, bullets, capital, facts, table
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, money, percent, plural, time
from vigie.report.page import Section
from vigie.training.report.meaning import length, meaning
from vigie.training.report.subject import Subject


def section(subject: Subject) -> Section:
    """The definition in words, and the cost matrix."""
    score, words = subject.score, subject.words
    opening = tag("p", score.description) if score.description else ""
    everybody = say("Everybody")
    act = capital(words.act)
    pairs: list[tuple[Content, Content]] = [
        (say("Who is scored"), sentence(meaning(score.population)) if score.population is not None else everybody),
        (say("When"), moments_words(subject)),
        (
            say("What is predicted"),
            say("{positive}: {outcome}", positive=capital(words.positive), outcome=meaning(score.outcome)),
        ),
        (say("Known after"), length(score.horizon) if score.horizon is not None else say("at once")),
        (say("What is done"), say("{act} or {leave}", act=act, leave=words.leave)),
        (say("Today’s rule"), sentence(meaning(score.rule)) if score.rule is not None else say("none declared")),
        (say("Capacity"), _capacity(subject)),
        (say("Decision"), decision_words(subject)),
    ]
    if score.owner:
        pairs.append((say("Owner"), score.owner))
    matrix = join(tag("h3", say("What a decision costs and brings")), _matrix(subject), _formulas(subject))
    return Section("question", say("The question"), join(opening, facts(pairs), matrix))


def moments_words(subject: Subject) -> str:
    """When customers are scored."""
    match subject.score.moments:
        case Every(period=Window() as every):
            return say("Every {length}", length=length(every))
        case Every(period=str(period)):
            return _beginning(period)
        case At(source=source):
            return say("Whenever a row of {source} comes to be", source=source.name)
        case Once(moment=moment):
            moment = moment if moment is not None else subject.result.training_set.as_of
            return say("Once, {moment}", moment=time(moment))
    raise AssertionError(subject.score.moments)  # pragma: no cover


def _beginning(period: str) -> str:
    words = {
        "hour": say("At the beginning of every hour (UTC)"),
        "day": say("At the beginning of every day (UTC)"),
        "week": say("At the beginning of every week (UTC)"),
        "month": say("At the beginning of every month (UTC)"),
        "quarter": say("At the beginning of every quarter (UTC)"),
        "year": say("At the beginning of every year (UTC)"),
    }
    return words[period]


def _capacity(subject: Subject) -> str:
    capacity = subject.score.decision.capacity
    if capacity is None:
        return say("No limit")
    return say("At most {capacity} {many} at one moment", capacity=count(capacity), many=subject.words.many)


def decision_words(subject: Subject) -> str:
    """Who is acted on: from which probability, or from which gain."""
    words, least = subject.words, subject.result.best.min_gain
    act, amount = capital(words.act), money(least, subject.currency)
    if subject.threshold is None:
        return say("{act} where that is expected to bring at least {amount} more than not to.", act=act, amount=amount)
    low, high = subject.threshold
    if high - low >= 5e-4:
        return say(
            "{act} where that is expected to bring at least {amount} more than not to: from a probability between {low} "
            "and {high}, as amounts differ by {one}.",
            act=act,
            amount=amount,
            low=percent(low),
            high=percent(high),
            one=words.one,
        )
    even = float(np.mean(subject.result.test_payoff.break_even()))
    if abs(even - low) < 5e-4:
        return say(
            "{act} from a probability of {low}, where {words.doing} breaks even.",
            act=act,
            low=percent(low),
            words=words,
        )
    return say(
        "{act} from a probability of {low}. By the cost matrix {words.doing} breaks even at {even}; the other line earned "
        "more in cross-validation.",
        act=act,
        low=percent(low),
        words=words,
        even=percent(even),
    )


def _matrix(subject: Subject) -> Html:
    words, pay, currency = subject.words, subject.result.test_payoff, subject.currency
    heads = [Head("", number=False), Head(capital(words.act)), Head(capital(words.leave))]
    lines: list[list[Content]] = [
        [capital(words.yes), _cell(pay.act_positive, currency), _cell(pay.pass_positive, currency)],
        [capital(words.no), _cell(pay.act_negative, currency), _cell(pay.pass_negative, currency)],
    ]
    sums = [np.broadcast_to(amounts, len(subject.gain)) for amounts in pay.sums()]
    by_customer = any(len(np.unique(amounts[~np.isnan(amounts)])) > 1 for amounts in sums)
    notes = [
        say(
            "{currency} for one {one} and one decision; gains positive, costs negative.",
            currency=currency,
            one=words.one,
        )
    ]
    if by_customer:
        notes.append(say("Amounts differ by {one}: mean, and lowest to highest in the test.", one=words.one))
    unknown = int(np.isnan(np.sum(sums, axis=0)).sum())
    if unknown:
        notes.append(
            say(
                "For {customers} an amount is missing: counted as 0, and never {words.done}.",
                customers=plural(unknown, words.one, words.many),
                words=words,
            )
        )
    return table(heads, lines, caption=" ".join(notes))


def _cell(amounts: np.ndarray[Any, Any], currency: str) -> str:
    known = np.atleast_1d(np.asarray(amounts, dtype=np.float64))
    known = known[np.isfinite(known)]
    if not len(known):
        return money(float("nan"), currency)
    low, high = float(known.min()), float(known.max())
    mean = money(float(known.mean()), currency, sign=True)
    if high - low < 0.005:
        return mean
    return f"{mean} ({money(low, currency)} … {money(high, currency)})"


def _formulas(subject: Subject) -> Content:
    """How amounts that differ by customer come about."""
    payoff, words = subject.score.decision.payoff(), subject.words
    names = [f"{verb}, {answer}" for verb in (words.act, words.leave) for answer in (say("yes"), say("no"))]
    said: list[Content] = [
        join(f"{name}: ", code(meaning(expression)))
        for name, expression in zip(names, payoff.expressions(), strict=True)
        if rowwise.leaves([expression])
    ]
    if not said:
        return ""
    return join(tag("p", say("Amounts that differ are computed as"), class_="small quiet"), bullets(said))
