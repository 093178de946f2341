"""Section: the outcome. How often it is true, how that moves, and what repeats."""

from __future__ import annotations

import numpy as np

from vigie.report import svg
from vigie.report.blocks import facts, figure, figures
from vigie.report.charts.timeline import Period, count_over_time, rate_over_time
from vigie.report.condense import wilson
from vigie.report.html import Content, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, percent
from vigie.report.page import Section
from vigie.training.explore.exploration import Exploration


def section(found: Exploration) -> Section:
    """Balance, time, customers and duplicates."""
    view, n, positives = found.view, len(found.view), int(found.view.labels.sum())
    low, high = wilson(positives, n)
    pairs: list[tuple[Content, Content]] = [
        (
            say("Outcome true"),
            say(
                "{positives:,} of {rows:,} rows: {share}, 95% interval {low} to {high}",
                positives=positives,
                rows=n,
                share=percent(found.rate),
                low=percent(low),
                high=percent(high),
            ),
        ),
        (
            say("Always saying “no”"),
            say("is right for {share} of the rows and finds nobody", share=percent(1 - found.rate)),
        ),
    ]
    repeats = found.repeats
    if view.customers is not None:
        said = say("{customers:,}, with at most {most:,} rows each", customers=repeats.customers, most=repeats.most)
        pairs.append((say("Customers"), said if repeats.most > 1 else say("{customers:,}, one row each", customers=n)))
    pairs.append((say("Rows that are there twice"), count(repeats.equal) if repeats.equal else say("none")))
    pairs.append(
        (
            say("Same values, other outcome"),
            say("{rows:,} rows", rows=repeats.contradicting) if repeats.contradicting else say("none"),
        )
    )
    return Section("outcome", say("The outcome"), join(facts(pairs), _over_time(found)))


def _over_time(found: Exploration) -> Content:
    if found.periods is None:
        return tag("p", say("All rows are of one time: whether the outcome becomes more frequent cannot be seen."))
    parts = _parts(found)
    rates = [part.rate for part in parts]
    said = say("from {low} to {high}", low=percent(min(rates)), high=percent(max(rates)))
    first = figure(
        svg.inline(rate_over_time(parts, None, None), say("Share of true outcomes over time, {range}.", range=said)),
        join(
            tag("b", say("How often. ")),
            say("Share of true outcomes over time, {range}; the band is its 95% interval.", range=said),
        ),
    )
    second = figure(
        svg.inline(count_over_time(parts, None, None), say("Rows over time.")),
        join(
            tag("b", say("How many. ")),
            say("Rows at each moment. A gap or a jump is a question to whoever delivers the data."),
        ),
    )
    moving = _moving(found)
    return join(figures(first, second), tag("p", moving) if moving else "")


def _parts(found: Exploration) -> list[Period]:
    assert found.periods is not None, "asked only where there is time"
    codes, moments = found.periods.codes, found.periods.moments
    counts = np.bincount(codes, minlength=len(moments))
    hits = np.bincount(codes, weights=found.view.labels, minlength=len(moments))
    return [
        Period(moment, float(h / n), *wilson(float(h), float(n)), int(n))
        for moment, h, n in zip(moments, hits, counts, strict=True)
        if n
    ]


def _moving(found: Exploration) -> str:
    """Whether early and late rows differ in how often the outcome is true, beyond chance."""
    assert found.periods is not None, "asked only where there is time"
    labels, late = found.view.labels, found.periods.late
    if not late.any() or late.all():
        return ""
    before, after = float(labels[~late].mean()), float(labels[late].mean())
    spread = (found.rate * (1 - found.rate) * (1 / int(late.sum()) + 1 / int((~late).sum()))) ** 0.5
    values = {"before": percent(before), "after": percent(after)}
    if spread and abs(after - before) > 2.576 * spread:
        return say(
            "The outcome is true for {before} of the earlier half of the rows and {after} of the later: more than chance. A model "
            "learns the past’s rate, and its probabilities may need calibrating anew.",
            **values,
        )
    return say(
        "In the earlier half of the rows the outcome is true for {before}, in the later for {after}: no more than chance.",
        **values,
    )
