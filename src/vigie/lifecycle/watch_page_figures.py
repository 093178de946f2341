"""The figures of the page of what is watched: panels on one axis of time, and drift by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from vigie.clock import DAY
from vigie.lifecycle.watch_story import Drifted, Story
from vigie.report.blocks import Head, badge, bullets, figure, key, table
from vigie.report.charts import watching as charts
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import NOTHING, date, decimal, percent, short
from vigie.report.svg import inline
from vigie.report.theme import WIDE, WIDTH
from vigie.watch.drift_policy import DECISIONS, FEATURE, MISSING, OUTCOMES, OVERALL, SCORE, UNSEEN
from vigie.watch.realised import Figure
from vigie.watch.signal import Area, Signal

if TYPE_CHECKING:
    import altair

ROWS = 16
"""Columns that the strip of days shows at most."""


def english(text: str) -> Html:
    """What is written in English wherever it stands: signals, criteria and lines of the ledger."""
    return tag("span", text, lang="en")


def together(text: str) -> Html:
    """Text that is not broken between lines."""
    return tag("span", text, class_="together")


def limit_of(limit: float) -> str:
    """A limit; nothing for what never rings by itself."""
    return decimal(limit) if math.isfinite(limit) else NOTHING


# -- what happened when ----------------------------------------------------------------------------------------------------


def timeline(of: Story) -> Html:
    """Incidents, releases, predictions, scores, decisions, figures, losses and drift on one axis of time."""
    if not of.days and not of.came and not of.incidents:
        return tag("p", say("There is nothing to show yet: what is answered is on this page from the next day on."))
    label = say("Incidents, releases, predictions, scores, decisions, figures, losses and drift, day by day")
    drawn = [inline(charts.column(_panels(of, width)), label) for width in (WIDE, WIDTH)]
    colours = [
        ("blue", say("estimated, with its 95 % interval")),
        ("vermillion", say("as it came; or what rings")),
        ("amber", say("a warning")),
        ("green", say("another version answers")),
        ("grey", say("trained, and not released")),
    ]
    kind = say("runs over the base") if of.batches else say("requests")
    words = say(
        "Days are those of UTC; predictions are {kind}. The mean score is told from bins and right to half the width of one. What "
        "is lost is what the scores promised of these customers less what came; pale, what is estimated to come. Below, each "
        "column on each day: the darker the blue, the nearer its drift was to its limit.",
        kind=kind,
    )
    return figure(drawn[0], join(key(*colours), " ", words), narrow=drawn[1])


def _panels(of: Story, width: int) -> list[altair.LayerChart]:
    begin, end = _span(of)
    frame = charts.Frame(begin, end, tuple(one for one in switches_of(of) if begin <= one <= end), width)
    incidents = [
        charts.Span(max(one.since, begin), one.resolved if one.resolved is not None else of.now, one.severity)
        for one in of.incidents
        if (one.resolved or of.now) > begin
    ]
    names = say("Incidents"), say("Releases"), say("Retrainings")
    panels = [charts.lanes(frame, names, incidents, [one for one in retrainings_of(of) if one[0] >= begin])]
    if of.days:
        days = [(one.begin, one.begin + DAY, one) for one in of.days]
        panels += [
            charts.counts(frame, say("Predictions a day"), [charts.Point(a, b, one.rows) for a, b, one in days]),
            charts.shares(frame, say("Mean score"), [charts.Point(a, b, one.score) for a, b, one in days]),
            charts.shares(frame, say("Decision rate"), [charts.Point(a, b, one.acted) for a, b, one in days]),
        ]
    if of.came:
        for title, expected, realised, currency in (
            (say("AUC"), "expected_auc", "auc", ""),
            (say("Value per customer"), "expected_value", "value", of.currency),
        ):
            panels.append(
                charts.expected_and_realised(
                    frame, title, _points(of, expected), _points(of, realised), currency=currency
                )
            )
        title = say("Value lost a day")
        panels.append(charts.lost(frame, title, of.currency, _points(of, "lost"), _points(of, "expected_lost")))
    shown = strip_of(of)
    squares = [
        charts.Square(_shown(_name(one)), one.begin, one.ratio, one.rings) for one in of.drifted if _name(one) in shown
    ]
    panels.append(charts.strip(frame, [_shown(name) for name in shown], _worst(squares)))
    return panels


def _span(of: Story) -> tuple[int, int]:
    """First and last moment of the panels: the days looked back at, or fewer where there is nothing before."""
    known = [one.begin for one in of.days] + [one.begin for one in of.came] + [one.since for one in of.incidents]
    begin = max(of.begin, min(known, default=of.begin))
    return begin - begin % DAY, of.now


def switches_of(of: Story) -> list[int]:
    """When another version came to answer, µs: as the ledger says, and as the days show where it says nothing."""
    told = [one.at for one in of.releases if one.words.endswith(("was promoted", "was rolled back", "was put back"))]
    seen = [
        one.begin
        for before, one in pairwise(of.days)
        if one.version != before.version and all(abs(one.begin - at) > 2 * DAY for at in told)
    ]
    return sorted([*told, *seen])


def retrainings_of(of: Story) -> list[tuple[int, bool]]:
    """When each retraining began, µs, and whether its model came to answer."""
    return [(one.started, one.outcome == "promoted") for one in of.renewals.all]


def _points(of: Story, name: str) -> list[charts.Point]:
    found: list[charts.Point] = []
    for one in of.came:
        told: Figure = getattr(one, name)
        found.append(charts.Point(one.begin, one.end, told.value, told.low, told.high))
    return found


def strip_of(of: Story) -> list[str]:
    """What the strip shows: all features, score and decisions, then the features that rang, then by importance; :data:`ROWS` at most."""
    names = dict.fromkeys(_name(one) for one in of.drifted)
    rang = {_name(one) for one in of.drifted if one.rings}
    most = {name: max(one.ratio for one in of.drifted if _name(one) == name) for name in names}
    whole = [name for name in (OVERALL, SCORE, DECISIONS) if name in names]
    single = [name for name in names if name not in whole]
    single.sort(key=lambda name: (name not in rang, -of.importance.get(name, 0.0), -most[name], name))
    return [*whole, *single[: ROWS - len(whole)]]


def _name(one: Drifted) -> str:
    return one.subject or one.code


def _shown(name: str) -> str:
    whole = {SCORE: say("The score"), DECISIONS: say("Decision rate"), OVERALL: say("All features")}
    return whole.get(name, name)


def _worst(squares: Sequence[charts.Square]) -> list[charts.Square]:
    """One for each row and day: what rings, or else what is nearest to its limit."""
    found: dict[tuple[str, int], charts.Square] = {}
    for one in squares:
        before = found.get((one.row, one.begin))
        if before is None or (one.rings, one.ratio) > (before.rings, before.ratio):
            found[one.row, one.begin] = one
    return list(found.values())


# -- drift by column -------------------------------------------------------------------------------------------------------


def columns(of: Story) -> Html:
    """A table of everything that is looked at for drift, what rings first."""
    found = [one for one in of.signals if one.area is Area.DRIFT]
    if not found:
        return tag(
            "p",
            say("Drift is told once a model is in use and has answered enough customers on days that are over."),
        )
    kinds = {
        FEATURE: say("values"), MISSING: say("missing values"), UNSEEN: say("unseen categories"), SCORE: say("the score"),
        DECISIONS: say("decision rate"), OUTCOMES: say("outcome rate"), OVERALL: say("all features"),
    }  # fmt: skip
    heads = [
        Head(say("Column"), number=False), Head(say("Of"), number=False), Head(say("Effect")), Head(say("Limit")), Head("p"),
        Head(say("Live")), Head(say("Reference")), Head(say("Importance")), Head(say("Since"), number=False), Head(say("Verdict"), number=False),
    ]  # fmt: skip
    lines: list[list[Content]] = []
    rows = sorted(found, key=lambda one: (not one.rings, -_ratio(one), one.subject))
    for one in rows:
        share = one.code in (MISSING, UNSEEN, DECISIONS, OUTCOMES)
        live, then = (_number(one.details.get(side)) for side in ("live", "reference"))
        if math.isnan(then):  # of rows as a whole: how many they were
            live = math.nan
        lines.append(
            [
                one.subject or NOTHING, kinds.get(one.code, say("rows as a whole")), decimal(one.size), limit_of(one.limit), _chance(one.evidence),
                percent(live) if share else _plain(live), percent(then) if share else _plain(then),
                decimal(_number(one.details.get("importance"))), together(date(one.since)) if one.rings else NOTHING,
                badge(say("rings"), "warning") if one.rings else badge(say("fine"), "good"),
            ]
        )  # fmt: skip
    caption = say(
        "What is looked at for drift, what rings first. The effect is the distance from training less what chance adds to it, or "
        "Cohen’s h for shares; p is the chance of as much in a month of looks, corrected for all columns."
    )
    listed = table(heads, lines, caption=caption, chosen=frozenset(i for i, one in enumerate(rows) if one.rings))
    words = [english(one.words) for one in rows if one.rings]
    return join(bullets(words) if words else "", listed)


def _ratio(one: Signal) -> float:
    return one.size / one.limit if one.limit and math.isfinite(one.size) and math.isfinite(one.limit) else 0.0


def _chance(p: float) -> str:
    if math.isnan(p):
        return NOTHING
    return f"< {decimal(0.001)}" if p < 0.001 else decimal(p)


def _number(told: object) -> float:
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else math.nan


def _plain(value: float) -> str:
    return NOTHING if math.isnan(value) else short(value)
