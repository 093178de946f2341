"""Section: the short answer. What the model is worth, how far to trust it, what to do next."""

from __future__ import annotations

from vigie.economics.strategies import VIGIE
from vigie.findings import Severity
from vigie.report import svg
from vigie.report.blocks import badge, bullets, columns, figure, tiles
from vigie.report.charts.money import strategies_bars
from vigie.report.html import Content, Html, code, join, strong, tag
from vigie.report.numerals import money, percent
from vigie.report.page import Section
from vigie.training.report.subject import Subject
from vigie.training.report.verdict import Verdict, interval_words, judge


def section(subject: Subject) -> Section:
    """The first screen."""
    verdict = judge(subject)
    body = join(
        tag("p", *_headline(subject, verdict), class_="lead"),
        _verdict(verdict),
        tiles(_figures(subject), main=0),
        columns(_comparison(subject), _next(subject, verdict)),
    )
    return Section("answer", "The short answer", body)


def _headline(subject: Subject, verdict: Verdict) -> list[Content]:
    words, currency, vigie = subject.words, subject.currency, subject.vigie
    rival = subject.result.strategies[subject.rival]
    known = "it had never seen" if subject.unit == words.one else "whose outcome it did not know"
    start: list[Content] = [
        f"On {subject.tested} {known}, deciding with Vigie brings ",
        strong(f"{money(vigie.value, currency)} per {subject.unit}"),
        f", {money(vigie.value_total, currency)} in all. That is ",
    ]
    other = f"{words.strategy_phrase(subject.rival)} ({money(rival.value, currency)})"
    interval = interval_words(subject, verdict.interval)
    doubt: list[Content] = ["; ", interval] if interval else []
    if subject.advantage > 0:
        lead = strong(f"{money(subject.advantage, currency)} more per {subject.unit}")
        return [*start, lead, f" than the best alternative, {other}", *doubt, "."]
    if subject.advantage == 0:
        return [*start, strong("no more than"), f" {other}: there is no reason to use it."]
    lead = strong(f"{money(-subject.advantage, currency)} less per {subject.unit}")
    return [*start, lead, f" than {other}", *doubt, ": there is no reason to use it."]


def _figures(subject: Subject) -> list[tuple[Content, Content]]:
    words, currency, vigie = subject.words, subject.currency, subject.vigie
    strategies = subject.result.strategies
    shown: list[tuple[Content, Content]] = [
        (money(vigie.value, currency), f"per {subject.unit} with Vigie’s decision"),
        (money(vigie.value_total, currency), "in all, on the test"),
        (
            money(subject.advantage * vigie.n, currency, sign=True),
            f"in all against {words.strategy_phrase(subject.rival)}, the best alternative",
        ),
        (percent(vigie.acted), f"of them are {words.done}"),
        (percent(vigie.precision, 0), f"of those {words.done} do {words.do}"),
    ]
    if not strategies[VIGIE].acted:
        shown.pop()
    return shown


def _verdict(verdict: Verdict) -> Html:
    return tag(
        "div",
        tag("p", strong("How far to trust it: "), badge(verdict.words, verdict.style)),
        bullets(verdict.reasons),
        class_=f"verdict {verdict.style}",
    )


def _comparison(subject: Subject) -> Html:
    currency = subject.currency
    strategies = subject.strategies()
    said = "; ".join(f"{s.label}: {money(s.value, currency)}" for s in strategies)
    drawing = svg.inline(strategies_bars(strategies, currency), f"Money per {subject.unit} by strategy. {said}.")
    caption = (
        f"What each way to decide brought per {subject.unit} on the test rows. The longer to the right, the better."
    )
    return join(tag("h3", "Against the alternatives"), figure(drawing, caption))


def _next(subject: Subject, verdict: Verdict) -> Html:
    words, result = subject.words, subject.result
    steps: list[Content] = []
    errors = list(dict.fromkeys(f.code for f in result.findings if f.severity is Severity.ERROR))
    if errors:
        steps.append(
            join("Resolve what blocks it (", ", ".join(errors), "): ", tag("a", "findings", href="#findings"), ".")
        )
    if verdict.style == "error" and not errors:
        steps.append(
            f"Keep to {words.strategy_phrase(subject.rival)} for now. Add features that say more about the outcome, or more history, "
            "and train again."
        )
    if verdict.style == "warning":
        steps.append(join("Read the ", tag("a", "findings", href="#findings"), " before anybody acts on a score."))
    if verdict.style != "error":
        steps.append(
            join(
                "Score everybody with ", code("vigie score"), f" and {words.act} those whose decision is “{words.act}”."
            )
        )
        steps.append(join("Or ask for one at a time: ", code("vigie serve"), "."))
        steps.append(
            f"Leave a few percent of the chosen {words.many} alone, at random: only that shows what acting truly changes."
        )
    steps.append(
        join(
            "Check the money with whoever owns the budget: every amount here follows from the ",
            tag("a", "cost matrix", href="#question"),
            ", and is as right as that is.",
        )
    )
    return join(tag("h3", "What to do next"), bullets(steps, ordered=True))
