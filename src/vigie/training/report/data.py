"""Section: the data. How many rows, from when, how often the outcome is true, and what each feature looks like."""

from __future__ import annotations

from typing import Any

import numpy as np

from vigie.definition.kind import Kind
from vigie.report import svg
from vigie.report.blocks import Head, capital, details, facts, figure, figures, key, table
from vigie.report.charts.bars import missing_bars
from vigie.report.charts.distributions import category_mini, number_mini
from vigie.report.charts.heatmap import correlation_heatmap
from vigie.report.charts.timeline import Period, count_over_time, rate_over_time
from vigie.report.condense import BINS, wilson
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, date, decimal, percent, plural, time
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.report.theme import WIDE, WIDTH
from vigie.training.report.meaning import descriptions
from vigie.training.report.profile import Profile, profile
from vigie.training.report.subject import Subject

Array = np.ndarray[Any, np.dtype[Any]]

DRAWN = 60
"""Most features drawn; the others are listed."""
AT_ONCE = 12
"""Features drawn before one has to ask for more."""
TOGETHER = 14
"""Most features in the correlation chart."""
PHONE = 7
"""Of them, those drawn on a phone."""
SAMPLE = 50_000
"""Most rows that ranks are correlated on."""


def section(subject: Subject) -> Section:
    """Rows, the outcome over time, features and missing values."""
    found = profiles(subject)
    body = join(
        facts(_rows(subject)),
        _over_time(subject),
        tag("h3", say("Features by outcome")),
        _cards(subject, found),
        tag("h3", say("Missing values")),
        _missing(subject, found),
        _correlations(subject, found),
        details(say("{features} in a table", features=plural(len(found), "feature")), _feature_table(found)),
    )
    return Section("data", say("The data"), body)


def profiles(subject: Subject) -> list[Profile]:
    """Every feature, the most important first."""
    training_set = subject.result.training_set
    described = descriptions(subject)
    rank = {name: place for place, (name, _, _) in enumerate(subject.result.importance)}
    names = sorted(training_set.features, key=lambda name: (rank.get(name, len(rank)), name))
    return [
        profile(name, described.get(name, ""), training_set.features[name], training_set.labels, drawn=place < DRAWN)
        for place, name in enumerate(names)
    ]


def _rows(subject: Subject) -> list[tuple[Content, Content]]:
    data, words, split = subject.result.training_set, subject.words, subject.result.split
    customers = len(set(data.customers.tolist()))
    positives = int(np.sum(data.labels))
    when = moments_span(subject)
    pairs: list[tuple[Content, Content]] = [
        (
            say("Rows"),
            say(
                "{rows}, each a {words.one} at a moment; {customers} {words.many}",
                rows=count(len(data.labels)),
                words=words,
                customers=count(customers),
            ),
        ),
        (say("Moments"), when),
        (
            say("Outcome true"),
            say(
                "{positives} ({share}): {words.positive}",
                positives=count(positives),
                share=percent(positives / max(len(data.labels), 1)),
                words=words,
            ),
        ),
        (say("Left out"), left_out(subject)),
        (
            say("Learn and test"),
            say(
                "{train} rows learn, {test} test; {how}",
                train=count(split.train_rows),
                test=count(split.test_rows),
                how=split_words(subject),
            ),
        ),
        (say("Known as of"), time(data.as_of)),
    ]
    versions = [
        join(code(name), f" {say('version {number}', number=number)}, ")
        for name, number in sorted(data.versions.items())
    ]
    if versions:
        pairs.append((say("Sources"), tag("span", *versions[:-1], Html(versions[-1].markup.removesuffix(", ")))))
    return pairs


def moments_span(subject: Subject) -> str:
    """How many moments there are, from when to when."""
    moments = np.unique(subject.result.training_set.moments)
    if not len(moments):
        return say("none")
    if len(moments) == 1:
        return time(int(moments[0]))
    return say(
        "{number}, from {start} to {end}",
        number=count(len(moments)),
        start=date(int(moments[0])),
        end=date(int(moments[-1])),
    )


def left_out(subject: Subject) -> str:
    """Rows that neither learn nor test, and why."""
    data, dropped = subject.result.training_set, subject.result.split.dropped_rows
    parts = [
        (data.immature, say("whose outcome is not known yet")),
        (data.unknown, say("whose outcome is missing")),
        (dropped, say("whose outcome became known only during the test")),
    ]
    said = [f"{plural(number, 'row')} {why}" for number, why in parts if number]
    return "; ".join(said) if said else say("nothing")


def split_words(subject: Subject) -> str:
    """How the rows of the test were chosen."""
    split = subject.result.split
    if split.kind == "out_of_time":
        return say("the test is later: {start} to {end}", start=date(split.test_from), end=date(split.test_until))
    return say("drawn at random with the same share of positives (seed {seed})", seed=subject.result.options.seed)


def periods(moments: Array, labels: Array) -> list[Period]:
    """Rows by moment or, where there are more than :data:`~vigie.report.condense.BINS`, by equal lengths of time."""
    distinct, place = np.unique(moments, return_inverse=True)
    if len(distinct) > BINS:
        edges = np.linspace(float(distinct[0]), float(distinct[-1]), BINS + 1)
        place = np.clip(np.searchsorted(edges, moments.astype(float), side="right") - 1, 0, BINS - 1)
        distinct = ((edges[:-1] + edges[1:]) / 2).astype(np.int64)
    counts = np.bincount(place, minlength=len(distinct))
    hits = np.bincount(place, weights=labels, minlength=len(distinct))
    return [
        Period(int(moment), float(h / n), *wilson(float(h), float(n)), int(n))
        for moment, h, n in zip(distinct, hits, counts, strict=True)
        if n
    ]


def _over_time(subject: Subject) -> Content:
    data, split, words = subject.result.training_set, subject.result.split, subject.words
    found = periods(data.moments, data.labels)
    if len(found) < 2:
        return ""
    test = (split.test_from, split.test_until) if split.kind == "out_of_time" else (None, None)
    shaded = f" {say('The test lies in the shaded time.')}" if test[0] is not None else ""
    rates = [p.rate for p in found]
    low, high = percent(min(rates)), percent(max(rates))
    first = figure(
        svg.inline(
            rate_over_time(found, *test), say("Share of positives over time, from {low} to {high}.", low=low, high=high)
        ),
        join(
            rich(
                "**How often {words.many} {words.do}.** Share over time, from {low} to {high}; the band is its 95% interval.",
                words=words,
                low=low,
                high=high,
            ),
            shaded,
        ),
    )
    second = figure(
        svg.inline(count_over_time(found, *test), say("{many} scored over time.", many=capital(words.many))),
        join(rich("**How many.** {many} scored at each moment.", many=capital(words.many)), shaded),
    )
    return figures(first, second)


def _cards(subject: Subject, found: list[Profile]) -> Html:
    words = subject.words
    drawn = [_card(p, subject) for p in found[:DRAWN]]
    legend = tag(
        "p",
        key(("vermillion", words.yes), ("blue", words.no)),
        say(
            "Numbers: both groups add up to 100%, so where red stands above blue the outcome is more frequent than on average; "
            "the outermost bars hold all that lies beyond. Categories: the bar is the share that {words.do}, the dashed "
            "line the average. Most important features first.",
            words=words,
        ),
        class_="small quiet",
    )
    first = tag("div", *drawn[:AT_ONCE], class_="cards")
    more = drawn[AT_ONCE:]
    if not more:
        return join(legend, first)
    rest = len(found) - DRAWN
    note = (
        tag("p", say("{features} in the table below.", features=plural(rest, "further feature")), class_="small quiet")
        if rest > 0
        else ""
    )
    return join(legend, first, details(say("{number} more", number=len(more)), tag("div", *more, class_="cards"), note))


def _card(p: Profile, subject: Subject) -> Html:
    missing = f" · {say('{share} missing', share=percent(p.missing))}" if p.missing else ""
    label = f"{p.name}: {p.reading}."
    drawing: Content = ""
    if p.bins:
        drawing = svg.inline(
            number_mini(p.bins, dates=p.kind is Kind.TIME), say("Distribution by outcome of {label}", label=label)
        )
    elif p.groups:
        said = "; ".join(f"{name} {percent(rate)}" for name, _, rate, _ in p.groups)
        drawing = svg.inline(
            category_mini(p.groups),
            say("Share that {words.do} by {name}: {said}.", words=subject.words, name=p.name, said=said),
        )
    return tag(
        "div",
        tag("h4", p.name),
        tag("p", p.description) if p.description else "",
        tag("p", f"{p.reading}{missing}"),
        drawing,
        class_="card",
    )


def _missing(subject: Subject, found: list[Profile]) -> Html:
    holes = sorted((p for p in found if p.missing > 0), key=lambda p: -p.missing)
    if not holes:
        return tag("p", say("No feature has a missing value."))
    words, shown = subject.words, holes[:20]
    drawing = svg.inline(
        missing_bars(
            [(p.name, p.missing_positive, p.missing_negative) for p in shown], positive=words.yes, negative=words.no
        ),
        say(
            "Share of missing values by outcome: {said}.",
            said="; ".join(f"{p.name} {percent(p.missing)}" for p in shown),
        ),
    )
    more = say("The {number} with most are drawn.", number=len(shown)) if len(holes) > len(shown) else ""
    caption = join(
        key(("vermillion", words.yes), ("blue", words.no)),
        rich("**{features} of {all} with missing values.**", features=plural(len(holes), "feature"), all=len(found)),
        f" {more} " if more else " ",
        say(
            "Where the two points lie far apart, the very absence of a value says something about the outcome: make sure "
            "that it is absent for a reason that exists before the moment of scoring."
        ),
    )
    return figure(drawing, caption)


def _correlations(subject: Subject, found: list[Profile]) -> Content:
    numeric = [p for p in found if p.kind is Kind.NUMBER and p.bins][:TOGETHER]
    if len(numeric) < 3:
        return ""
    names = [p.name for p in numeric]
    matrix = rank_correlations([subject.result.training_set.features[name].data for name in names])
    strongest = max(
        ((abs(matrix[i][j]), i, j) for i in range(len(names)) for j in range(i) if matrix[i][j] == matrix[i][j]),
        default=None,
    )
    if strongest is None:
        return ""
    _, i, j = strongest
    observation = say(
        "Strongest pair: {one} and {other} ({correlation}).",
        one=names[j],
        other=names[i],
        correlation=decimal(matrix[i][j], 2),
    )
    alike = sum(abs(matrix[i][j]) > 0.9 for i in range(len(names)) for j in range(i))
    if alike:
        warning = say(
            "{pairs} above 0.9: the model needs only one of each, and shuffling one of them alone understates its "
            "importance.",
            pairs=plural(alike, "pair"),
        )
        observation = f"{observation} {warning}"
    wide = correlation_heatmap(names, matrix, width=min(WIDE - 200, 260 + 44 * len(names)))
    label = say("Rank correlations of {number} numeric features.", number=len(names))
    drawing = svg.inline(wide, f"{label} {observation}", halo=False)
    few = names[:PHONE]
    narrow = svg.inline(
        correlation_heatmap(few, [line[:PHONE] for line in matrix[:PHONE]], width=WIDTH),
        say("Rank correlations of the {number} most important numeric features.", number=len(few)),
        halo=False,
    )
    caption = join(
        rich(
            "**What moves together.** Rank correlation of the {number} most important numeric features.",
            number=len(names),
        ),
        f" {observation}",
    )
    return join(tag("h3", say("Features that move together")), figure(drawing, caption, narrow=narrow))


def rank_correlations(columns: list[Array]) -> list[list[float]]:
    """Spearman correlations of columns, nulls left out pair by pair, on at most :data:`SAMPLE` evenly spaced rows."""
    step = max(1, len(columns[0]) // SAMPLE)
    ranks = [_ranks(column[::step].astype(float)) for column in columns]
    matrix = [[float("nan")] * len(ranks) for _ in ranks]
    for i, a in enumerate(ranks):
        for j, b in enumerate(ranks[: i + 1]):
            both = np.isfinite(a) & np.isfinite(b)
            if both.sum() > 2 and np.ptp(a[both]) > 0 and np.ptp(b[both]) > 0:
                matrix[i][j] = matrix[j][i] = float(np.corrcoef(a[both], b[both])[0, 1])
    return matrix


def _ranks(values: Array) -> Array:
    ranks = np.full(len(values), np.nan)
    known = np.isfinite(values)
    _, place, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    ranks[known] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def _feature_table(found: list[Profile]) -> Html:
    heads = [
        Head(say("Feature"), number=False),
        Head(say("Meaning"), number=False, words=True),
        Head(say("Kind"), number=False),
        Head(say("Missing")),
        Head(say("Values"), number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [code(p.name), p.description, kind_words(p.kind), percent(p.missing), p.reading] for p in found
    ]
    return table(heads, lines, caption=say("Every feature, the most important first."))


def kind_words(kind: Kind) -> str:
    """What the values of a feature are."""
    words = {
        Kind.NUMBER: say("number"),
        Kind.CATEGORY: say("category"),
        Kind.BOOLEAN: say("boolean"),
        Kind.TIME: say("time"),
        Kind.TEXT: say("text"),
    }
    return words[kind]
