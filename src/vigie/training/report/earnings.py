"""Section: what it earns. Money over the share acted on, and every strategy with its figures."""

from __future__ import annotations

import numpy as np

from vigie.economics.strategies import VIGIE
from vigie.report import svg
from vigie.report.blocks import Head, details, figure, table
from vigie.report.charts.money import earnings_curve
from vigie.report.html import Content, Html, join, tag
from vigie.report.numerals import NOTHING, count, money, percent
from vigie.report.page import Section
from vigie.report.theme import WIDE, WIDTH
from vigie.training.report.interval import difference_interval
from vigie.training.report.subject import Subject


def section(subject: Subject) -> Section:
    """Profit curve, strategies, and what other capacities would bring."""
    body = join(_curve(subject), _strategies(subject), _shares(subject), _capacity(subject))
    return Section("earnings", "What it earns", body)


def _curve(subject: Subject) -> Content:
    curve, words, currency = subject.curve, subject.words, subject.currency
    points = list(zip(curve.share.tolist(), curve.value.tolist(), strict=True)) if curve is not None else []
    if curve is None or not all(np.isfinite(value) for _, value in points):
        return ""
    strategies = subject.strategies()
    wide, narrow = (
        svg.inline(
            earnings_curve(points, strategies, currency, act=words.act, unit=subject.unit, width=width),
            f"Money per {subject.unit} over the share {words.done}: highest {money(curve.best_value, currency)} at "
            f"{percent(curve.best_share)}; the decision {words.done} {percent(subject.vigie.acted)} and brings "
            f"{money(subject.vigie.value, currency)}.",
        )
        for width in (WIDE, WIDTH)
    )
    missed = curve.best_value - subject.vigie.value
    hindsight = (
        f" In hindsight the best cut would have been {percent(curve.best_share, 0)} for {money(curve.best_value, currency)}: "
        f"{money(missed, currency)} more."
        if missed > 0.005
        else " No other cut would have brought noticeably more."
    )
    caption = join(
        tag("b", f"The green point is Vigie’s decision: {percent(subject.vigie.acted)} {words.done}. "),
        f"From left to right one more {words.one} is {words.done}, the most promising first; the height is what that brings per "
        f"{subject.unit}, {words.done} or not. Where the curve falls, {words.doing} the next one costs more than it brings."
        f"{hindsight} Diamonds are other ways to decide; off the curve they pick other {words.many}.",
    )
    return figure(wide, caption, narrow=narrow)


def _strategies(subject: Subject) -> Html:
    result, words, currency = subject.result, subject.words, subject.currency
    heads = [
        Head("Strategy", number=False),
        Head(f"Per {subject.unit}"),
        Head("In all"),
        Head("Vigie brings more", meaning=f"Per {subject.unit}; 95% interval"),
        Head(words.done.capitalize()),
        Head("Precision", meaning="Share of positives among those acted on"),
        Head("Recall", meaning="Share of the positives acted on"),
        Head("F1"),
    ]
    ordered = sorted(result.strategies.items(), key=lambda item: item[0] == VIGIE)
    lines: list[list[Content]] = []
    for name, m in ordered:
        lines.append(
            [
                words.strategy(name),
                money(m.value, currency),
                money(m.value_total, currency),
                NOTHING if name == VIGIE else _lead(subject, name),
                percent(m.acted),
                percent(m.precision) if m.acted else NOTHING,
                percent(m.recall),
                percent(m.f1, 0) if m.acted else NOTHING,
            ]
        )
    caption = (
        f"{currency} on the {count(subject.vigie.n)} test rows, by outcomes that really happened and the cost matrix. "
        "In brackets: 95% intervals."
    )
    return join(tag("h3", "Every strategy"), table(heads, lines, caption=caption, chosen=frozenset({len(lines) - 1})))


def _lead(subject: Subject, name: str) -> str:
    result, currency, acts = subject.result, subject.currency, subject.acts
    lead = money(subject.vigie.value - result.strategies[name].value, currency, sign=True)
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
        Head(f"Best share {words.done}", number=False),
        Head("Number"),
        Head("Right"),
        Head("Positives found"),
        Head(f"Per {subject.unit}"),
        Head("In all"),
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
    caption = f"If only so many {words.many} can be {words.done}: the most promising first, on the test rows."
    return details("If you can only reach some of them", table(heads, lines, caption=caption))


def _capacity(subject: Subject) -> Content:
    capacity, words = subject.capacity, subject.words
    if capacity is None:
        return ""
    act = subject.acts.get(VIGIE)
    said = f"Capacity is {count(capacity)} {words.many} at one moment. "
    if act is None:
        return tag("p", said)
    moments = subject.result.test_moments
    distinct, place = np.unique(moments, return_inverse=True)
    used = np.bincount(place, weights=act, minlength=len(distinct))
    wanted = np.bincount(place, weights=subject.gain >= subject.result.best.min_gain, minlength=len(distinct))
    full = int(np.sum(wanted > capacity))
    worth = (
        f"At {count(full)} of the {count(len(distinct))} moments of the test more {words.many} were worth {words.doing} than that: "
        "a greater capacity would earn more."
        if full
        else "It was never reached in the test: more capacity would earn nothing."
    )
    return tag("p", said, f"The decision uses up to {count(float(used.max()))} of it. ", worth)
