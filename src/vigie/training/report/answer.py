"""Section: the page for people who read one page. What is asked, what the model is worth, how far to trust it, what next."""

from __future__ import annotations

from vigie.definition.naming import sentence
from vigie.findings import Severity
from vigie.report import svg
from vigie.report.blocks import badge, bullets, columns, figure, tiles
from vigie.report.charts.money import strategies_bars
from vigie.report.html import Content, Html, join, strong, tag
from vigie.report.language import say
from vigie.report.numerals import count, money, percent
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.training.report.base import base_of
from vigie.training.report.distrust import signs
from vigie.training.report.signatures import signatures
from vigie.training.report.subject import Subject
from vigie.training.report.verdict import Verdict, interval_words, judge


def section(subject: Subject) -> Section:
    """The first screen, and the first sheet of paper."""
    verdict = judge(subject)
    body = join(
        tag("p", _asked(subject), class_="asked"),
        tag("p", _headline(subject, verdict), class_="lead"),
        tiles(_figures(subject), main=0),
        _base(subject, verdict),
        columns(
            join(_verdict(verdict), _distrust(subject)),
            join(_comparison(subject), _next(subject, verdict)),
        ),
        signatures(subject),
    )
    return Section("answer", say("On one page"), body)


def _asked(subject: Subject) -> Html:
    words, score = subject.words, subject.score
    if score.description:
        return rich("**The question.** {description}", description=_closed(sentence(score.description)))
    return rich(
        "**The question.** Which {words.many} {words.do}, and which of them is it worth {words.doing}?", words=words
    )


def _headline(subject: Subject, verdict: Verdict) -> Html:
    words, currency, vigie = subject.words, subject.currency, subject.vigie
    rival = words.strategy_phrase(subject.rival)
    values = {
        "tested": subject.tested,
        "value": money(vigie.value, currency),
        "unit": subject.unit,
        "total": money(vigie.value_total, currency),
        "rival": f"{rival} ({money(subject.result.strategies[subject.rival].value, currency)})",
        "lead": money(abs(subject.advantage), currency),
    }
    if subject.unit == words.one:
        start = rich(
            "On {tested} it had never seen, deciding with Vigie brings **{value} per {unit}**, {total} in all.",
            **values,
        )
    else:
        start = rich(
            "On {tested} whose outcome it did not know, deciding with Vigie brings **{value} per {unit}**, {total} in all.",
            **values,
        )
    if subject.advantage == 0:
        end = rich("That is **no more than** {rival}: there is no reason to use it.", **values)
        return join(start, " ", end)
    doubt = interval_words(subject, verdict.interval)
    if subject.advantage > 0:
        end = (
            rich(
                "That is **{lead} more per {unit}** than the best alternative, {rival}; {doubt}.", doubt=doubt, **values
            )
            if doubt
            else rich("That is **{lead} more per {unit}** than the best alternative, {rival}.", **values)
        )
        return join(start, " ", end)
    end = (
        rich(
            "That is **{lead} less per {unit}** than {rival}; {doubt}: there is no reason to use it.",
            doubt=doubt,
            **values,
        )
        if doubt
        else rich("That is **{lead} less per {unit}** than {rival}: there is no reason to use it.", **values)
    )
    return join(start, " ", end)


def _figures(subject: Subject) -> list[tuple[Content, Content]]:
    words, currency, vigie = subject.words, subject.currency, subject.vigie
    shown: list[tuple[Content, Content]] = [
        (money(vigie.value, currency), say("per {unit} with Vigie’s decision", unit=subject.unit)),
        (money(vigie.value_total, currency), say("in all, on the test")),
        (
            money(subject.advantage * vigie.n, currency, sign=True),
            say("in all against {rival}, the best alternative", rival=words.strategy_phrase(subject.rival)),
        ),
        (percent(vigie.acted), say("of them are {words.dones}", words=words)),
    ]
    if vigie.acted:
        shown.append((percent(vigie.precision, 0), say("of those {words.dones} do {words.do}", words=words)))
    return shown


def _base(subject: Subject, verdict: Verdict) -> Content:
    """What the lead comes to for the whole base, with its interval."""
    base = base_of(subject)
    if base is None or not subject.advantage > 0:
        return ""
    currency, words = subject.currency, subject.words

    def spread(number: float) -> str:
        middle = money(subject.advantage * number, currency, sign=True, whole=True)
        if verdict.interval is None:
            return middle
        low, high = (money(end * number, currency, sign=True, whole=True) for end in verdict.interval)
        return say("{middle} ({low} to {high})", middle=middle, low=low, high=high)

    values = {
        "size": count(base.at_once),
        "words": words,
        "each": base.each,
        "now": spread(base.at_once),
        "rival": words.strategy_phrase(subject.rival),
    }
    if base.a_year is None:
        return tag(
            "p",
            rich(
                "**For the whole base** of {size} {words.many}: **{now}** against {rival}, if it is like the test.",
                **values,
            ),
        )
    return tag(
        "p",
        rich(
            "**For the whole base**, {size} {words.many} {each}: **{now}** {each} against {rival}, **{year}** a year, if the "
            "future is like the test.",
            year=spread(base.a_year),
            **values,
        ),
    )


def _verdict(verdict: Verdict) -> Html:
    return tag(
        "div",
        tag("p", strong(say("How far to trust it: ")), badge(verdict.words, verdict.style)),
        bullets(verdict.reasons),
        class_=f"verdict {verdict.style}",
    )


def _distrust(subject: Subject) -> Html:
    return join(tag("h3", say("When to distrust it")), bullets(signs(subject)))


def _comparison(subject: Subject) -> Html:
    currency = subject.currency
    strategies = subject.strategies()
    said = "; ".join(f"{s.label}: {money(s.value, currency)}" for s in strategies)
    label = say("Money per {unit} by strategy. {said}.", unit=subject.unit, said=said)
    drawing = svg.inline(strategies_bars(strategies, currency), label)
    caption = say(
        "What each way to decide brought per {unit} on the test rows. The longer to the right, the better.",
        unit=subject.unit,
    )
    return join(tag("h3", say("Against the alternatives")), figure(drawing, caption))


def _next(subject: Subject, verdict: Verdict) -> Html:
    words, result = subject.words, subject.result
    steps: list[Content] = []
    errors = list(dict.fromkeys(f.code for f in result.findings if f.severity is Severity.ERROR))
    if errors:
        steps.append(rich("Resolve what blocks it ({codes}): [findings](#findings).", codes=", ".join(errors)))
    if verdict.style == "error" and not errors:
        steps.append(
            say(
                "Keep to {rival} for now. Add features that say more about the outcome, or more history, and train again.",
                rival=words.strategy_phrase(subject.rival),
            )
        )
    if verdict.style == "warning":
        steps.append(rich("Read the [findings](#findings) before anybody acts on a score."))
    if verdict.style != "error":
        steps.append(
            rich(
                "Score everybody with `vigie score` and {words.act} those whose decision is “{decision}”.",
                words=words,
                decision=subject.score.decision.act,
            )
        )
        steps.append(rich("Or ask for one at a time: `vigie serve`."))
        steps.append(
            say(
                "Leave a few percent of the chosen {words.many} alone, at random: only that shows what acting truly changes.",
                words=words,
            )
        )
    steps.append(
        rich(
            "Check the money with whoever owns the budget: every amount here follows from the [cost matrix](#question), and "
            "is as right as that is."
        )
    )
    return join(tag("h3", say("What to do next")), bullets(steps, ordered=True))


def _closed(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
