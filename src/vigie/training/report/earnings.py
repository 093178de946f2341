"""Section: what it earns. Money over the share acted on, and every strategy with its figures."""

from __future__ import annotations

import numpy as np

from vigie.economics.strategies import VIGIE
from vigie.report import svg
from vigie.report.blocks import Head, capital, details, figure, table
from vigie.report.charts.money import earnings_curve
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, money, percent
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.report.theme import WIDE, WIDTH
from vigie.training.report.interval import difference_interval
from vigie.training.report.subject import Subject
from vigie.training.report.worth import worth


def section(subject: Subject) -> Section:
    """Profit curve, strategies, and what other capacities would bring."""
    body = join(_curve(subject), _strategies(subject), worth(subject), _shares(subject), _capacity(subject))
    return Section("earnings", say("What it earns"), body)


def _curve(subject: Subject) -> Content:
    curve, words, currency = subject.curve, subject.words, subject.currency
    points = list(zip(curve.share.tolist(), curve.value.tolist(), strict=True)) if curve is not None else []
    if curve is None or not all(np.isfinite(value) for _, value in points):
        return ""
    strategies = subject.strategies()
    wide, narrow = (
        svg.inline(
            earnings_curve(points, strategies, currency, act=words.act, unit=subject.unit, width=width),
            say(
                "Money per {unit} over the share {words.dones}: highest {best} at {share}; the decision covers {acted} and "
                "brings {value}.",
                unit=subject.unit,
                words=words,
                best=money(curve.best_value, currency),
                share=percent(curve.best_share),
                acted=percent(subject.vigie.acted),
                value=money(subject.vigie.value, currency),
            ),
        )
        for width in (WIDE, WIDTH)
    )
    missed = curve.best_value - subject.vigie.value
    hindsight = (
        say(
            "In hindsight the best cut would have been {share} for {best}: {missed} more.",
            share=percent(curve.best_share, 0),
            best=money(curve.best_value, currency),
            missed=money(missed, currency),
        )
        if missed > 0.005
        else say("No other cut would have brought noticeably more.")
    )
    caption = join(
        rich(
            "**The green point is Vigie’s decision: {share} {words.dones}.** From left to right one more {words.one} is "
            "{words.done}, the most promising first; the height is what that brings per {unit}, {words.done} or not. Where the "
            "curve falls, {words.doing} the next one costs more than it brings.",
            share=percent(subject.vigie.acted),
            words=words,
            unit=subject.unit,
        ),
        f" {hindsight} ",
        say("Diamonds are other ways to decide; off the curve they pick other {words.many}.", words=words),
    )
    return figure(wide, caption, narrow=narrow)


def _strategies(subject: Subject) -> Html:
    result, words, currency = subject.result, subject.words, subject.currency
    heads = [
        Head(say("Strategy"), number=False),
        Head(say("Per {unit}", unit=subject.unit)),
        Head(say("In all")),
        Head(say("Vigie brings more"), meaning=say("Per {unit}; 95% interval", unit=subject.unit)),
        Head(capital(words.dones)),
        Head(say("Precision"), meaning=say("Share of positives among those acted on")),
        Head(say("Recall"), meaning=say("Share of the positives acted on")),
        Head("F1"),
    ]
    ordered = sorted(result.strategies.items(), key=lambda item: item[0] == VIGIE)
    lines: list[list[Content]] = []
    for name, m in ordered:
        lines.append(
            [
                words.strategy(name),
                _value(subject, name),
                money(m.value_total, currency),
                NOTHING if name == VIGIE else _lead(subject, name),
                percent(m.acted),
                percent(m.precision) if m.acted else NOTHING,
                percent(m.recall),
                percent(m.f1, 0) if m.acted else NOTHING,
            ]
        )
    caption = say(
        "{currency} on the {rows} test rows, by outcomes that really happened and the cost matrix. In brackets: 95% "
        "intervals.",
        currency=currency,
        rows=count(subject.vigie.n),
    )
    drawn = table(heads, lines, caption=caption, chosen=frozenset({len(lines) - 1}))
    return join(tag("h3", say("Every strategy")), drawn)


def _value(subject: Subject, name: str) -> str:
    """What a strategy brought, with its interval where there is one."""
    value = money(subject.result.strategies[name].value, subject.currency)
    known = subject.evidence.value.strategies.get(name) if subject.evidence.value is not None else None
    if known is None or known.low == known.high:
        return value
    low, high = (money(end, subject.currency) for end in (known.low, known.high))
    return f"{value} ({low} … {high})"


def _lead(subject: Subject, name: str) -> str:
    result, currency, acts = subject.result, subject.currency, subject.acts
    lead = money(subject.vigie.value - result.strategies[name].value, currency, sign=True)
    if name == subject.rival and subject.lead is not None:
        low, high = (money(end, currency, sign=True) for end in (subject.lead.low, subject.lead.high))
        return f"{lead} ({low} … {high})"
    if VIGIE not in acts or name not in acts:
        return lead
    customers = result.training_set.customers[result.test_index]
    interval = difference_interval(subject.payoff, result.test_labels, acts[VIGIE], acts[name], customers)
    if interval is None:
        return lead
    low, high = (money(end, currency, sign=True) for end in interval)
    return f"{lead} ({low} … {high})"


def _shares(subject: Subject) -> Content:
    curve, words, currency = subject.curve, subject.words, subject.currency
    if curve is None or not np.all(np.isfinite(curve.value)):
        return ""
    result = subject.result
    order = np.argsort(-subject.gain, kind="stable")
    hits = np.cumsum(result.test_labels[order])
    n, positives = len(order), max(int(hits[-1]), 1)
    heads = [
        Head(say("Best share {words.dones}", words=words), number=False),
        Head(say("Number")),
        Head(say("Right")),
        Head(say("Positives found")),
        Head(say("Per {unit}", unit=subject.unit)),
        Head(say("In all")),
    ]
    lines: list[list[Content]] = []
    for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0):
        k = round(share * n)
        if k < 1:
            continue
        value = float(np.interp(k / n, curve.share, curve.value))
        lines.append(
            [
                percent(share, 0),
                count(k),
                percent(float(hits[k - 1]) / k, 0),
                percent(float(hits[k - 1]) / positives, 0),
                money(value, currency),
                money(value * n, currency),
            ]
        )
    caption = say(
        "If only so many {words.many} can be {words.dones}: the most promising first, on the test rows.", words=words
    )
    return details(say("If you can only reach some of them"), table(heads, lines, caption=caption))


def _capacity(subject: Subject) -> Content:
    capacity, words = subject.capacity, subject.words
    if capacity is None:
        return ""
    act = subject.acts.get(VIGIE)
    said = say("Capacity is {capacity} {words.many} at one moment.", capacity=count(capacity), words=words)
    if act is None:
        return tag("p", said)
    moments = subject.result.test_moments
    distinct, place = np.unique(moments, return_inverse=True)
    used = np.bincount(place, weights=act, minlength=len(distinct))
    wanted = np.bincount(place, weights=subject.gain >= subject.result.best.min_gain, minlength=len(distinct))
    full = int(np.sum(wanted > capacity))
    judged = (
        say(
            "At {full} of the {moments} moments of the test more {words.many} were worth {words.doing} than that: a greater "
            "capacity would earn more.",
            full=count(full),
            moments=count(len(distinct)),
            words=words,
        )
        if full
        else say("It was never reached in the test: more capacity would earn nothing.")
    )
    most = say("The decision uses up to {number} of it.", number=count(float(used.max())))
    return tag("p", f"{said} {most} {judged}")
