"""Section: what drives the score. Importance, which way each feature pushes, and what acts together."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, details, figure, table
from vigie.report.charts.bars import Spread, importance_bars
from vigie.report.html import Content, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import decimal
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.report.theme import WIDE, WIDTH
from vigie.training.report.contributions import contributions
from vigie.training.report.meaning import descriptions
from vigie.training.report.selected import selected
from vigie.training.report.subject import Subject

DRAWN = 20
"""Most features drawn."""


def section(subject: Subject) -> Section:
    """Importance by shuffling, with its spread; contributions, dependence and interactions where they are known."""
    title = say("What drives it")
    more = join(contributions(subject), selected(subject))
    ranked = [(name, drop, spread) for name, drop, spread in subject.result.importance if drop == drop]
    if not ranked:
        words = say("The chosen candidate, {title}, uses no feature.", title=say(subject.result.best.title).lower())
        return Section("drivers", title, join(tag("p", words), more))
    shown = [Spread(name, drop, drop - spread, drop + spread) for name, drop, spread in ranked[:DRAWN]]
    said = "; ".join(f"{s.label} {decimal(s.value)}" for s in shown)
    label = say("Drop in AUC when a feature is shuffled: {said}.", said=said)
    useless = sum(drop <= spread for _, drop, spread in ranked)
    wide, narrow = (svg.inline(importance_bars(shown, width=width), label) for width in (WIDE, WIDTH))
    idle = say("{useless} of {all} features add nothing that can be told from noise.", useless=useless, all=len(ranked))
    caption = join(
        rich(
            "**Most telling: {feature}.** How much worse the test rows are ranked when one feature is shuffled; the thin line "
            "is one standard deviation each way.",
            feature=shown[0].label,
        ),
        f" {idle} " if useless else " ",
        say(
            "It says what the model leans on, not what causes the outcome, and features that say the same share their "
            "importance."
        ),
    )
    described = descriptions(subject)
    heads = [
        Head(say("Feature"), number=False),
        Head(say("Drop in AUC")),
        Head(say("± sd")),
        Head(say("Meaning"), number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [code(name), decimal(drop, 4), decimal(spread, 4), described.get(name, "")] for name, drop, spread in ranked
    ]
    listing = details(
        say("All {number} in a table", number=len(ranked)),
        table(heads, lines, caption=say("Drop in test AUC when shuffled.")),
    )
    return Section("drivers", title, join(figure(wide, caption, narrow=narrow), listing, more))
