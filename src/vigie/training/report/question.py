"""Section: the question. Who is scored when, for what, and what a decision costs and brings."""

from __future__ import annotations

from typing import Any

import numpy as np

from vigie.definition.aggregate import spell
from vigie.definition.moments import At, Every, Once
from vigie.definition.naming import sentence
from vigie.definition.window import Window
from vigie.features import rowwise
from vigie.report.blocks import Head, bullets, facts, table
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.numerals import count, money, percent, plural, time
from vigie.report.page import Section
from vigie.training.report.subject import Subject


def section(subject: Subject) -> Section:
    """The definition in words, and the cost matrix."""
    score, words = subject.score, subject.words
    opening = tag("p", score.description) if score.description else ""
    pairs: list[tuple[Content, Content]] = [
        ("Who is scored", sentence(score.population.words()) if score.population is not None else "Everybody"),
        ("When", _moments(subject)),
        ("What is predicted", join(f"{words.positive.capitalize()}: ", score.outcome.words())),
        ("Known after", spell(score.horizon) if score.horizon is not None else "at once"),
        ("What is done", f"{words.act.capitalize()} or {words.leave}"),
        ("Today’s rule", sentence(score.rule.words()) if score.rule is not None else "none declared"),
        ("Capacity", _capacity(subject)),
        ("Decision", _decision(subject)),
    ]
    if score.owner:
        pairs.append(("Owner", score.owner))
    body = join(
        opening, facts(pairs), tag("h3", "What a decision costs and brings"), _matrix(subject), _formulas(subject)
    )
    return Section("question", "The question", body)


def _moments(subject: Subject) -> str:
    match subject.score.moments:
        case Every(period=Window() as length):
            return f"Every {spell(length)}"
        case Every(period=period):
            return f"At the beginning of every {period} (UTC)"
        case At(source=source):
            return f"Whenever a row of {source.name} comes to be"
        case Once(moment=moment):
            return f"Once, {time(moment if moment is not None else subject.result.training_set.as_of)}"
    raise AssertionError(subject.score.moments)  # pragma: no cover


def _capacity(subject: Subject) -> str:
    capacity = subject.score.decision.capacity
    if capacity is None:
        return "No limit"
    return f"At most {count(capacity)} {subject.words.many} at one moment"


def _decision(subject: Subject) -> str:
    words, least = subject.words, subject.result.best.min_gain
    act, amount = words.act.capitalize(), money(least, subject.currency)
    if subject.threshold is None:
        return f"{act} where that is expected to bring at least {amount} more than not to."
    low, high = subject.threshold
    if high - low >= 5e-4:
        between = f"between {percent(low)} and {percent(high)}, as amounts differ by {words.one}"
        return (
            f"{act} where that is expected to bring at least {amount} more than not to: from a probability {between}."
        )
    even = float(np.mean(subject.result.test_payoff.break_even()))
    if abs(even - low) < 5e-4:
        return f"{act} from a probability of {percent(low)}, where {words.doing} breaks even."
    return (
        f"{act} from a probability of {percent(low)}. By the cost matrix {words.doing} breaks even at {percent(even)}; "
        "the other line earned more in cross-validation."
    )


def _matrix(subject: Subject) -> Html:
    words, pay, currency = subject.words, subject.result.test_payoff, subject.currency
    heads = [Head("", number=False), Head(f"{words.act.capitalize()}"), Head(f"{words.leave.capitalize()}")]
    lines: list[list[Content]] = [
        [words.yes.capitalize(), _cell(pay.act_positive, currency), _cell(pay.pass_positive, currency)],
        [words.no.capitalize(), _cell(pay.act_negative, currency), _cell(pay.pass_negative, currency)],
    ]
    sums = [np.broadcast_to(amounts, len(subject.gain)) for amounts in pay.sums()]
    by_customer = any(len(np.unique(amounts[~np.isnan(amounts)])) > 1 for amounts in sums)
    note = f" Amounts differ by {words.one}: mean, and lowest to highest in the test." if by_customer else ""
    unknown = int(np.isnan(np.sum(sums, axis=0)).sum())
    if unknown:
        note += f" For {plural(unknown, words.one)} an amount is missing: counted as 0, and never {words.done}."
    return table(
        heads, lines, caption=f"{currency} for one {words.one} and one decision; gains positive, costs negative.{note}"
    )


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
    names = (f"{words.act}, yes", f"{words.act}, no", f"{words.leave}, yes", f"{words.leave}, no")
    said: list[Content] = [
        join(name, ": ", code(expression.words()))
        for name, expression in zip(names, payoff.expressions(), strict=True)
        if rowwise.leaves([expression])
    ]
    if not said:
        return ""
    return join(tag("p", "Amounts that differ are computed as", class_="small quiet"), bullets(said))
