"""How features move the model's answers: mean contribution, dependence of the probability, and what acts together."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, details, figure, table
from vigie.report.charts.bars import Spread, importance_bars
from vigie.report.charts.dependence import category_dependence, number_dependence
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, count, decimal, percent, short
from vigie.report.rich import rich
from vigie.report.theme import WIDE, WIDTH
from vigie.training.evidence import Dependence, Explanation
from vigie.training.report.subject import Subject

DRAWN = 15
"""Most features in the chart of contributions."""
CURVES = 9
"""Most features whose dependence is drawn."""
STRONG = 10
"""Most pairs listed."""


def contributions(subject: Subject) -> Content:
    """Nothing where the winner was not explained."""
    known = subject.evidence.explanation
    if known is None:
        return ""
    return join(_importance(subject, known), _dependences(known, subject), _interactions(known))


def _importance(subject: Subject, known: Explanation) -> Content:
    shown = [found for found in known.importance if found.mean > 0][:DRAWN]
    if not shown:
        return ""
    scale = say("log-odds") if known.scale == "log_odds" else say("probability")
    title = say("Mean contribution, {scale}", scale=scale)
    spreads = [Spread(f.feature, f.mean, f.mean, f.mean) for f in shown]
    said = "; ".join(f"{f.feature} {decimal(f.mean)}" for f in shown)
    wide, narrow = (
        svg.inline(importance_bars(spreads, width=width, title=title), f"{title}: {said}.") for width in (WIDE, WIDTH)
    )
    caption = rich(
        "**How much each feature moves an answer (SHAP).** Mean absolute contribution over {rows} test rows, in {scale}. "
        "Shuffling, above, asks how much worse the ranking would be; this asks how far an answer moves. Features that say the "
        "same rank differently in the two.",
        rows=count(known.rows),
        scale=scale,
    )
    dropped = {name: drop for name, drop, _ in subject.result.importance}
    heads = [
        Head(say("Feature"), number=False),
        Head(title),
        Head(say("Direction"), number=False, words=True),
        Head(say("Drop in AUC")),
    ]
    lines: list[list[Content]] = [
        [
            code(found.feature),
            decimal(found.mean, 4),
            _direction(found.direction, subject),
            decimal(dropped[found.feature], 4) if found.feature in dropped else NOTHING,
        ]
        for found in known.importance
    ]
    listing = details(
        say("All {number} in a table", number=len(lines)),
        table(heads, lines, caption=say("Two measures of importance beside each other.")),
    )
    return join(tag("h3", say("How far each feature moves an answer")), figure(wide, caption, narrow=narrow), listing)


def _direction(direction: float, subject: Subject) -> str:
    words = subject.words
    if direction != direction:
        return say("by category")
    if abs(direction) < 0.3:
        return say("not one way")
    if direction > 0:
        return say("higher value, more {words.event}", words=words)
    return say("higher value, less {words.event}", words=words)


def _dependences(known: Explanation, subject: Subject) -> Content:
    shown = [found for found in known.dependences if len(found.points)][:CURVES]
    if not shown:
        return ""
    top = min(1.0, 1.08 * max(float(max(d.high.max(), d.probability.max())) for d in shown))
    note = tag(
        "p",
        rich(
            "**What one feature does, all else as it is.** Mean probability if every test row had this value; the band holds "
            "eight of ten rows, the grey feet say where rows lie: where there are none, the curve is a guess. An effect on the "
            "score, not on the {words.one}.",
            words=subject.words,
        ),
        class_="small quiet",
    )
    cards = [_card(dependence, top) for dependence in shown]
    return join(tag("h3", say("Partial dependence")), note, tag("div", *cards, class_="cards"))


def _card(found: Dependence, top: float) -> Html:
    axis: list[float | str] = [*found.points]
    shapes = (found.probability.tolist(), found.low.tolist(), found.high.tolist(), found.share.tolist())
    points = list(zip(axis, *shapes, strict=True))
    lowest, highest = float(found.probability.min()), float(found.probability.max())
    reading = say("from {low} to {high}", low=percent(lowest), high=percent(highest))
    numbers = not isinstance(found.points[0], str)
    said = "; ".join(
        f"{x if isinstance(x, str) else short(x)} {percent(p)}" for x, p, *_ in points[:: max(1, len(points) // 8)]
    )
    draw = number_dependence if numbers else category_dependence
    drawing = svg.inline(draw(points, top), f"{found.feature}: {said}.")
    return tag("div", tag("h4", found.feature), tag("p", reading), drawing, class_="card")


def _interactions(known: Explanation) -> Content:
    shown = [pair for pair in known.interactions if pair.strength == pair.strength][:STRONG]
    if not shown:
        return ""
    heads = [Head(say("Feature"), number=False), Head(say("acts together with"), number=False), Head(say("Strength"))]
    lines: list[list[Content]] = [[code(p.one), code(p.other), percent(p.strength, 0)] for p in shown]
    caption = say(
        "Share of the joint effect of two features that the sum of both does not explain (Friedman & Popescu 2008, H²): 0% "
        "each acts for itself."
    )
    return join(tag("h3", say("What acts together")), table(heads, lines, caption=caption))
