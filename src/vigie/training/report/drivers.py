"""Section: what drives the score."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import Head, details, figure, table
from vigie.report.charts.bars import Spread, importance_bars
from vigie.report.html import Content, code, join, tag
from vigie.report.numerals import decimal
from vigie.report.page import Section
from vigie.report.theme import WIDE, WIDTH
from vigie.training.report.subject import Subject

DRAWN = 20
"""Most features drawn."""


def section(subject: Subject) -> Section:
    """Importance by shuffling, with its spread."""
    ranked = [(name, drop, spread) for name, drop, spread in subject.result.importance if drop == drop]
    title = "What drives it"
    if not ranked:
        words = f"The chosen candidate, {subject.result.best.title.lower()}, uses no feature."
        return Section("drivers", title, tag("p", words))
    shown = [Spread(name, drop, drop - spread, drop + spread) for name, drop, spread in ranked[:DRAWN]]
    label = "Drop in AUC when a feature is shuffled: " + "; ".join(f"{s.label} {decimal(s.value)}" for s in shown) + "."
    useless = sum(drop <= spread for _, drop, spread in ranked)
    idle = f" {useless} of {len(ranked)} features add nothing that can be told from noise." if useless else ""
    wide, narrow = (svg.inline(importance_bars(shown, width=width), label) for width in (WIDE, WIDTH))
    caption = join(
        tag("b", f"Most telling: {shown[0].label}. "),
        "How much worse the test rows are ranked when one feature is shuffled; the thin line is one standard deviation "
        f"each way.{idle} It says what the model leans on, not what causes the outcome, and features that say the same share "
        "their importance.",
    )
    described = {feature.name: feature.description for feature in subject.score.bound_features}
    heads = [
        Head("Feature", number=False),
        Head("Drop in AUC"),
        Head("± sd"),
        Head("Meaning", number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [code(name), decimal(drop, 4), decimal(spread, 4), described.get(name, "")] for name, drop, spread in ranked
    ]
    listing = details(f"All {len(ranked)} in a table", table(heads, lines, caption="Drop in test AUC when shuffled."))
    return Section("drivers", title, join(figure(wide, caption, narrow=narrow), listing))
