"""The report of a rehearsal: one page, in English or French."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vigie.clock import DAY, iso, parse_moment
from vigie.lifecycle.rehearse import Outcome, Rehearsal
from vigie.lifecycle.rehearse_policy import NEVER
from vigie.lifecycle.rehearse_records import Alarm, Chance
from vigie.report.blocks import Head, badge, bullets, details, figure, key, table, tiles
from vigie.report.charts.rehearsal import ROLES, Lane, Path, estimated_and_realised, lanes, money_paths
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say, speaking
from vigie.report.numerals import NOTHING, count, date, decimal, money, percent
from vigie.report.page import Section, page
from vigie.report.svg import inline
from vigie.report.theme import WIDE, WIDTH

FIGURES = ("auc", "precision", "recall", "f1", "outcome_rate", "log_loss", "brier", "value")


def rehearsal_page(found: Rehearsal, *, language: str = "en") -> str:
    """The whole page.

    Args:
        found: The rehearsal.
        language: ``"en"`` or ``"fr"``.

    Raises:
        SettingsError: The language is not known.
    """
    with speaking(language):
        sections = [
            Section("answer", say("Which policy would have paid"), _answer(found), short=say("Answer")),
            Section("value", say("Value over time"), _value(found)),
            Section("calendar", say("What would have happened"), _calendar(found), short=say("Calendar")),
            Section("alarms", say("Alarms"), _alarms(found)),
            Section("estimates", say("Estimates beside the truth"), _estimates(found), short=say("Estimates")),
            Section("method", say("How this was done, and what it does not say"), _method(found), short=say("Method")),
        ]
        subtitle = say(
            "{score} · {begin} to {end} · {decisions:,} decisions whose outcome is known",
            score=found.score, begin=date(found.begin), end=date(found.end), decisions=found.decisions,
        )  # fmt: skip
        return page(
            say("Rehearsal of “{name}”", name=found.score), sections, subtitle=subtitle,
            footer=say("Written by Vigie. This file loads nothing from elsewhere and can be passed on as it is."),
        )  # fmt: skip


def _name(name: str) -> str:
    """A policy in words."""
    return {
        "never": say("never"),
        "daily": say("daily"),
        "weekly": say("weekly"),
        "monthly": say("monthly"),
        "quarterly": say("quarterly"),
        "yearly": say("yearly"),
        "on-drift": say("on drift"),
        "on-loss": say("on loss"),
        "project": say("the project’s"),
    }.get(name, name)


# -- the answer --------------------------------------------------------------------------------------------------------


def _answer(found: Rehearsal) -> Html:
    best, first = found.best, found.outcomes[0]
    currency = found.currency
    facts: list[tuple[Content, Content]] = [
        (_name(best.name), say("the policy that brought most")),
        (money(best.more.value, currency, sign=True), say("more than never training again")),
        (count(best.trainings), say("trainings after the first")),
        (money(first.value, currency), say("brought by the first model alone")),
    ]
    return join(tiles(facts, main=0), tag("p", _verdict(found)), _policies(found))


def _verdict(found: Rehearsal) -> str:
    best, currency = found.best, found.currency
    if best.name == NEVER:
        return say("Training again did not pay: no policy brought more than keeping the first model.")
    values = {
        "policy": _name(best.name),
        "more": money(best.more.value, currency, sign=True),
        "low": money(best.more.low, currency, sign=True),
        "high": money(best.more.high, currency, sign=True),
    }
    if found.paid:
        return say(
            "Training again paid: “{policy}” brought {more} beside never, with 95 % confidence {low} to {high}. It was picked "
            "as the best of several on these very data, which flatters it a little.",
            **values,
        )
    return say(
        "It is not shown that training again pays: “{policy}” brought {more} beside never, but chance alone may do as much "
        "({low} to {high}).",
        **values,
    )


def _policies(found: Rehearsal) -> Html:
    currency, changes = found.currency, bool(found.changes)
    heads = [
        Head(say("Policy"), number=False),
        Head(say("Value")),
        Head(say("More than never")),
        Head(say("95% interval")),
        Head(say("Trained")),
        Head(say("Released")),
        Head(say("Alarms")),
        Head(say("Confirmed")),
    ]
    if changes:
        heads += [Head(say("True")), Head(say("False")), Head(say("Found after")), Head(say("As soon by chance"))]
    lines = []
    for one in found.outcomes:
        none = one.name == NEVER
        line: list[Content] = [
            _name(one.name),
            money(one.value, currency),
            NOTHING if none else money(one.more.value, currency, sign=True),
            NOTHING
            if none
            else say(
                "{low} to {high}",
                low=money(one.more.low, currency, sign=True),
                high=money(one.more.high, currency, sign=True),
            ),
            count(one.trainings),
            count(one.released),
            count(len(one.alarms)),
            count(sum(alarm.confirmed is True for alarm in one.alarms)),
        ]
        if changes:
            line += [
                count(one.count("true")),
                count(one.count("false")),
                ", ".join(_delay(delay) for delay in one.delays),
                ", ".join(_chance(chance) for chance in one.chances),
            ]
        lines.append(line)
    best = next(i for i, one in enumerate(found.outcomes) if one.name == found.best.name)
    caption = say(
        "What the decisions of each policy would have brought under the cost matrix, by the outcomes that came. Intervals "
        "resample the {customers:,} customers; the same decisions are compared. “Released” are the models that passed the "
        "gate; an alarm is confirmed where later outcomes show that the model was worse than its test said.",
        customers=found.customers,
    )
    parts: list[Content] = [table(heads, lines, caption=caption, chosen=frozenset([best]))]
    if changes:
        parts.append(
            tag(
                "p",
                say(
                    "An alarm is true where it began after the change and one thing in it was taken, by more than half, from "
                    "behind the change, of which the model had not learned; it is false where that is not so, where it rang not "
                    "already and did not end too early to say, and where outcomes do not confirm it. What joins an alarm that "
                    "rang already is found, too, but nobody is told anew. Beside it stands the share of days without a change "
                    "that would have been found as soon."
                ),
            )
        )
    return join(*parts)


def _day(moment: int) -> Html:
    return tag("span", date(moment), class_="together")


def _delay(days: float) -> str:
    return say("not found") if math.isnan(days) else say("{days:g} d", days=days)


def _chance(found: Chance) -> str:
    if not found.days:
        return NOTHING
    return say("{share} of {days:,} days", share=percent(found.share), days=found.days)


# -- over time ---------------------------------------------------------------------------------------------------------


def _value(found: Rehearsal) -> Html:
    others = [(i, one) for i, one in enumerate(found.outcomes) if one.name != NEVER]
    best = found.best.name if found.best.name != NEVER else None
    parts: list[Content] = []
    if others and others[0][1].points:
        paths = [
            Path(
                _name(one.name), [p.moment for p in one.points], [p.more.value for p in one.points],
                [p.more.low for p in one.points] if one.name == best else (),
                [p.more.high for p in one.points] if one.name == best else (),
                i - 1,
            )
            for i, one in others
        ]  # fmt: skip
        title = say("More than never, all decisions until then")
        label = say("Money that each policy brought beside never training again, over time")
        drawn = [inline(money_paths(paths, title, found.currency, width=width), label) for width in (WIDE, WIDTH)]
        names = key(*((ROLES[min(i - 1, len(ROLES) - 1)], _name(one.name)) for i, one in others))
        words = say(
            "Above zero a policy has brought more than the first model alone. The band is the 95 % interval of the best one."
        )
        parts.append(figure(drawn[0], join(names, " ", words), narrow=drawn[1]))
    heads = [
        Head(say("Month"), number=False),
        Head(say("Decisions")),
        *(Head(_name(one.name)) for one in found.outcomes),
    ]
    months = _months(found.outcomes)
    lines = [
        [month, count(rows), *(money(values[one.name], found.currency) for one in found.outcomes)]
        for month, (rows, values) in months.items()
    ]
    caption = say("Value of the decisions of each month.")
    parts.append(details(say("By month"), table(heads, lines, caption=caption)))
    return join(*parts)


def _months(outcomes: Sequence[Outcome]) -> dict[str, tuple[int, dict[str, float]]]:
    found: dict[str, tuple[int, dict[str, float]]] = {}
    for one in outcomes:
        for point in one.points:
            rows, values = found.setdefault(iso(point.moment)[:7], (0, {}))
            if one is outcomes[0]:
                rows += point.rows
            values[one.name] = values.get(one.name, 0.0) + point.value
            found[iso(point.moment)[:7]] = rows, values
    return found


# -- the calendar ------------------------------------------------------------------------------------------------------


def _calendar(found: Rehearsal) -> Html:
    told = [
        Lane(
            _name(one.name),
            [e.at for e in one.events if e.kind == "released" and e.at > found.begin],
            [e.at for e in one.events if e.kind in ("refused", "failed")],
            [(a.at, a.until if a.until is not None else found.end) for a in one.alarms],
        )
        for one in found.outcomes
    ]
    label = say("Releases, refusals and alarms of each policy over time")
    drawn = [inline(lanes(told, found.begin, found.end, found.changes, width=width), label) for width in (WIDE, WIDTH)]
    names = key(
        ("green", say("a new model answers")), ("grey", say("trained, and refused by the gate")), ("vermillion", say("something rings"))
    )  # fmt: skip
    words = say("The broken line is a change that is known.") if found.changes else ""
    parts: list[Content] = [figure(drawn[0], join(names, " ", words), narrow=drawn[1])]
    kinds = {
        "trained": say("trained"),
        "failed": say("could not be trained"),
        "refused": say("refused by the gate"),
        "released": say("answers"),
        "alarm": say("alarm"),
        "over": say("alarm over"),
    }
    heads = [
        Head(say("Day"), number=False),
        Head(say("What"), number=False),
        Head(say("Model of"), number=False),
        Head(say("Why"), number=False, words=True),
    ]
    for one in found.outcomes:
        lines: list[list[Content]] = [
            [_day(e.at), kinds[e.kind], _day(parse_moment(e.model)), tag("span", e.words, lang="en")]
            for e in one.events
        ]
        caption = say("All that happened under “{policy}”, in the words of the ledger.", policy=_name(one.name))
        parts.append(details(_name(one.name), table(heads, lines, caption=caption)))
    return join(*parts)


# -- alarms ------------------------------------------------------------------------------------------------------------


def _meaning(signal: str) -> str:
    return {
        "VGW101": say("values of a feature"),
        "VGW102": say("missing values"),
        "VGW103": say("unseen categories"),
        "VGW104": say("the score"),
        "VGW105": say("the decision rate"),
        "VGW106": say("the outcome rate"),
        "VGW107": say("all features together"),
        "VGW201": say("a figure below its test"),
        "VGW202": say("value below what scores promised"),
        "VGW203": say("outcomes unlike scores"),
        "VGW204": say("an estimate below its test"),
        "VGW205": say("estimated value below what scores promised"),
        "VGW206": say("intervals that do not hold"),
    }.get(signal, signal)


def _alarms(found: Rehearsal) -> Html:
    areas = {"drift": say("drift"), "estimate": say("estimate"), "performance": say("performance")}
    heads = [
        Head(say("Policy"), number=False),
        Head(say("Day"), number=False),
        Head(say("Until"), number=False),
        Head(say("About"), number=False),
        Head(say("What rang"), number=False, words=True),
        Head(say("Later outcomes"), number=False),
    ]
    lines: list[list[Content]] = [
        [
            _name(one.name),
            _day(alarm.at),
            NOTHING if alarm.until is None else _day(alarm.until),
            areas.get(alarm.area, alarm.area),
            _codes(alarm.codes),
            _shown(alarm.confirmed),
            *([_verdict_of(alarm)] if found.changes else []),
        ]
        for one in found.outcomes
        for alarm in one.alarms
    ]
    if not lines:
        return tag("p", say("Nothing rang."))
    if found.changes:
        heads.append(Head(say("The change"), number=False))
    caption = say(
        "A stretch of days on which something of one kind rang is one alarm. Drift that later outcomes do not confirm cost "
        "nothing: customers were others, and the scores were right about them."
    )
    return table(heads, lines, caption=caption)


def _codes(codes: Sequence[str]) -> Html:
    parts: list[Content] = []
    for one in codes:
        parts += ["; " if parts else "", _meaning(one), " ", code(one)]
    return join(*parts)


def _verdict_of(alarm: Alarm) -> str:
    return {
        "true": say("about it"),
        "confirmed": say("another loss"),
        "already": say("rang already"),
        "early": say("too early to say"),
        "false": say("false alarm"),
    }[alarm.verdict]


def _shown(confirmed: bool | None) -> Html:
    if confirmed is None:
        return badge(say("not known"), "note")
    return badge(say("confirmed"), "warning") if confirmed else badge(say("not confirmed"), "good")


# -- estimates ---------------------------------------------------------------------------------------------------------


def _estimates(found: Rehearsal) -> Html:
    one = found.outcomes[0]
    points = [p for p in one.points if not math.isnan(p.estimated[0])]
    parts: list[Content] = []
    if points:
        moments, told, came = [p.moment for p in points], [p.estimated for p in points], [p.auc for p in points]
        label = say("AUC as it was estimated when customers were scored, and as it came")
        drawn = [inline(estimated_and_realised(moments, told, came, width=width), label) for width in (WIDE, WIDTH)]
        names = key(("blue", say("estimated, with its 95 % interval")), ("vermillion", say("as it came")))
        words = say("The first model alone. Each estimate was made before any of these outcomes was known.")
        parts.append(figure(drawn[0], join(names, " ", words), narrow=drawn[1]))
    names_of = {
        "auc": say("AUC"), "precision": say("Precision"), "recall": say("Recall"), "f1": "F1",
        "outcome_rate": say("Outcome rate"), "log_loss": say("Log loss"), "brier": say("Brier score"), "value": say("Value"),
    }  # fmt: skip
    heads = [Head(say("Figure"), number=False), *(Head(_name(each.name)) for each in found.outcomes)]
    lines: list[list[Content]] = []
    for name in FIGURES:
        cells: list[Content] = []
        for each in found.outcomes:
            checked, held = each.coverage.get(name, (0, math.nan))
            cells.append(f"{percent(held)} ({count(checked)})" if checked else NOTHING)
        lines.append([names_of[name], *cells])
    caption = say("Share of the 95 % intervals that held what came, and in brackets how many could be checked.")
    parts.append(table(heads, lines, caption=caption))
    return join(*parts)


# -- the method --------------------------------------------------------------------------------------------------------


def _method(found: Rehearsal) -> Html:
    days = {"horizon": decimal(found.horizon / DAY, 0), "bake": decimal(found.bake / DAY, 0)}
    return bullets(
        [
            say(
                "Every day was lived through with what was known on it: an outcome counts {horizon} days after its score, and no "
                "later event is read. The first model was trained on {begin}.",
                horizon=days["horizon"], begin=date(found.begin),
            ),
            say(
                "A new model has to pass the gate beside the one in use, on rows that neither learned from, and answers "
                "everybody {bake} days later.",
                bake=days["bake"],
            )
            if found.gated
            else say("There was no gate: a new model answers everybody {bake} days after its training.", bake=days["bake"]),
            say(
                "History is what happened. Nobody of the past was acted on by these decisions, so that what acting changes is "
                "taken from the cost matrix and not seen; and if customers were acted on in truth, their outcomes are those "
                "of customers who were."
            ),
            say(
                "{waiting:,} decisions are not counted: their outcome is not known on {today}.",
                waiting=found.waiting, today=date(found.today),
            ),
            say(
                "Every training tried {models} at their defaults: the policies are compared, not ways to train.",
                models=", ".join(found.models),
            ),
            say(
                "One past is one past. A policy that won here won on these months; intervals say what other customers, and not "
                "what other months, would have done."
            ),
        ]
    )  # fmt: skip
