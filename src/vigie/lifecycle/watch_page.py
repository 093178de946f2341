"""The page of what is watched: how a score is, what is wrong, what happened when, and what comes next. English or French."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from vigie.errors import InputError
from vigie.lifecycle.watch_page_figures import columns, english, limit_of, timeline, together
from vigie.lifecycle.watch_story import Story
from vigie.report.blocks import Head, badge, bullets, details, facts, table, tiles
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say, speaking
from vigie.report.numerals import NOTHING, count, date, decimal, money, time
from vigie.report.page import Section, page
from vigie.watch.incident import Incident
from vigie.watch.signal import Signal

HISTORY = 50
"""Incidents that are over, and renewals, which are listed at most; the newest."""
_STYLE = (
    ".incident{border:1px solid var(--grid);border-radius:8px;padding:12px 16px;margin:12px 0}"
    ".incident h3{margin:.1rem 0 .4rem}.incident ol{padding-left:1.3rem}"
    ".playbook h4{margin:.6rem 0 .3rem}.playbook pre{overflow-x:auto}"
    "i.c-amber{background:var(--amber)}"
)


def watch_page(stories: Sequence[Story], *, language: str = "en") -> str:
    """The whole page.

    Args:
        stories: Of each score; at least one.
        language: ``"en"`` or ``"fr"``.

    Raises:
        SettingsError: The language is not known.
    """
    with speaking(language):
        first = stories[0]
        if len(stories) == 1:
            title = say("Watching “{name}”", name=first.score)
            sections = [Section(anchor, name, body) for anchor, name, body in _parts(first)]
        else:
            title = say("Watching {number} scores", number=len(stories))
            sections = [Section("overview", say("Overview"), _overview(stories))]
            for one in stories:
                body: list[Content] = []
                for anchor, name, part in _parts(one):
                    body += [tag("h3", name, id=f"{_anchor(one.score)}-{anchor}"), part]
                sections.append(Section(_anchor(one.score), one.score, join(*body)))
        subtitle = say(
            "seen {moment} · {begin} to {end}", moment=time(first.now), begin=date(first.begin), end=date(first.now)
        )
        footer = say("Written by Vigie. This file loads nothing from elsewhere and can be passed on as it is.")
        return page(title, sections, subtitle=subtitle, footer=footer, style=_STYLE)


def write_watch_page(stories: Sequence[Story], file: Path, *, language: str = "en") -> None:
    """Write the page, at once: whoever reads it while it is written anew sees the old one.

    Args:
        stories: Of each score.
        file: The HTML file.
        language: ``"en"`` or ``"fr"``.

    Raises:
        InputError: The file cannot be written.
        SettingsError: The language is not known.
    """
    text = watch_page(stories, language=language)
    fresh = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(text, "utf-8")
        fresh.replace(file)
    except OSError as error:
        raise InputError(
            f"{file} cannot be written: {error.strerror}", field="--output", remedy="give a file that can be written"
        ) from error


def _parts(of: Story) -> list[tuple[str, str, Html]]:
    return [
        ("state", say("State"), _state(of)),
        ("incidents", say("Open incidents"), _incidents(of)),
        ("timeline", say("What happened when"), timeline(of)),
        ("columns", say("Drift by column"), columns(of)),
        ("retraining", say("Retraining"), _retraining(of)),
        ("history", say("Earlier incidents"), _history(of)),
        ("looked", say("Everything that was looked at"), _looked(of)),
    ]


def _anchor(score: str) -> str:
    return "score-" + "".join(one if one.isalnum() else "-" for one in score.lower())


# -- how it is -------------------------------------------------------------------------------------------------------------


def _overview(stories: Sequence[Story]) -> Html:
    heads = [
        Head(say("Score"), number=False), Head(say("State"), number=False), Head(say("Open incidents")),
        Head(say("Lost a day")), Head(say("Rings")), Head(say("Looked at")), Head(say("Version")),
    ]  # fmt: skip
    lines: list[list[Content]] = []
    for one in sorted(stories, key=lambda one: (-len(one.ongoing), one.score)):
        looked = _looked_at(one)
        lines.append(
            [
                tag("a", one.score, href=f"#{_anchor(one.score)}"), _health(one), count(len(one.ongoing)),
                money(one.loss, one.currency, whole=True), count(sum(signal.rings for signal in looked)), count(len(looked)),
                one.version or NOTHING,
            ]
        )  # fmt: skip
    caption = say("Every score of the project. What is lost a day is the estimate of the incidents that go on.")
    return table(heads, lines, caption=caption)


def _health(of: Story) -> Html:
    if of.ongoing:
        return badge(_severity(of.ongoing[0].severity), _BADGE[of.ongoing[0].severity])
    return badge(say("healthy"), "good") if _looked_at(of) else badge(say("not known"), "note")


def _state(of: Story) -> Html:
    looked = _looked_at(of)
    ringing = sum(one.rings for one in looked)
    tone = "error" if any(one.severity == "critical" for one in of.ongoing) else "warning" if of.ongoing else "good"
    if not looked and not of.ongoing:
        tone = "note"
    said = tag("div", tag("p", tag("b", _verdict(of, len(looked))), class_="lead"), class_=f"verdict {tone}")
    loss = [(money(of.loss, of.currency, whole=True), say("lost a day, estimated"))] if not math.isnan(of.loss) else []
    shown: list[tuple[Content, Content]] = [
        (count(len(of.ongoing)), say("incidents open")),
        *loss,
        (f"{count(ringing)} / {count(len(looked))}", say("things looked at that ring")),
        (of.version or NOTHING, say("version in use")),
        (count(sum(day.rows for day in of.days)), say("predictions on these days")),
    ]
    return join(said, tiles(shown, main=0), _next(of))


def _verdict(of: Story, looked: int) -> str:
    number = len(of.ongoing)
    if not number:
        if not looked:
            return say("Nothing could be judged yet.")
        return say("Healthy: {looked:,} things were looked at, and no incident is open.", looked=looked)
    if math.isnan(of.loss):
        if number == 1:
            return say("One incident is open; what it costs is not known.")
        return say("{number} incidents are open; what they cost is not known.", number=number)
    cost = money(of.loss, of.currency, whole=True)
    if number == 1:
        return say("One incident is open; it costs about {cost} a day.", cost=cost)
    return say("{number} incidents are open; they cost about {cost} a day.", number=number, cost=cost)


def _next(of: Story) -> Html:
    """What to do where something cannot be seen yet."""
    todo: list[Content] = []
    if not of.version:
        todo.append(join(say("No model is in use: "), code(f"vigie train {of.score}")))
    elif not of.days:
        todo.append(
            join(say("No prediction of the last days is on record: "), code("vigie serve"), ", ", code(f"vigie score {of.score}"))
        )  # fmt: skip
    return bullets(todo) if todo else Html("")


# -- what is wrong ---------------------------------------------------------------------------------------------------------

_BADGE = {"critical": "error", "warning": "warning", "info": "note"}


def _severity(name: str) -> str:
    return {"critical": say("critical"), "warning": say("warning"), "info": say("information")}[name]


def _status(name: str) -> str:
    return {
        "open": say("open"), "acknowledged": say("acknowledged"), "snoozed": say("snoozed"), "resolved": say("resolved"),
    }[name]  # fmt: skip


def _incidents(of: Story) -> Html:
    if not of.ongoing:
        return tag("p", say("None is open."))
    return join(*(_incident(of, one) for one in of.ongoing))


def _incident(of: Story, one: Incident) -> Html:
    from vigie.lifecycle.playbooks import commands_of, markup_of

    head = tag(
        "h3", badge(_severity(one.severity), _BADGE[one.severity]), " ", one.id, " · ", _status(one.status(of.now))
    )
    pairs: list[tuple[Content, Content]] = [
        (say("Since"), say("{begin}, seen {opened}", begin=time(one.since), opened=time(one.opened))),
        (say("Lost a day"), say("not known") if math.isnan(one.loss) else money(one.loss, of.currency, whole=True)),
        (say("Affected"), ", ".join(one.affected) or say("all, as far as can be told")),
    ]
    if one.by:
        pairs.append((say("Taken on by"), one.by))
    if one.quiet is not None:
        pairs.append((say("Quiet since"), time(one.quiet)))
    text = of.playbooks.get(one.id, "")
    commands = commands_of(text)
    suspects = tag("ol", *(tag("li", english(who.why or who.what)) for who in one.suspects))
    signals: list[list[Content]] = [
        [code(told.code), english(told.area), told.subject or NOTHING, english(told.words)] for told in one.signals
    ]
    heads = [
        Head(say("Code"), number=False), Head(say("Area"), number=False), Head(say("Subject"), number=False),
        Head(say("What was seen"), number=False, words=True),
    ]  # fmt: skip
    return tag(
        "div",
        head,
        tag("p", english(one.cause.words or one.cause.code)),
        facts(pairs),
        join(tag("b", say("Suspects, the most likely first")), suspects) if one.suspects else "",
        join(tag("b", say("Commands of the playbook")), bullets([code(each) for each in commands])) if commands else "",
        details(say("Everything that rings in it"), table(heads, signals, caption=say("When it last changed."))),
        details(say("The whole playbook"), tag("div", markup_of(text), class_="playbook", lang="en")) if text else "",
        class_="incident",
    )


def _history(of: Story) -> Html:
    return join(_over(of), _lines(of))


def _over(of: Story) -> Html:
    over = [one for one in of.incidents if not one.ongoing]
    if not over:
        return tag("p", say("None is over yet."))
    heads = [
        Head(say("Incident"), number=False), Head(say("Severity"), number=False), Head(say("Since"), number=False),
        Head(say("Over"), number=False), Head(say("Lost a day")), Head(say("What was seen"), number=False, words=True),
        Head(say("Why it ended"), number=False, words=True),
    ]  # fmt: skip
    newest = sorted(over, key=lambda one: -(one.resolved or 0))[:HISTORY]
    lines: list[list[Content]] = [
        [
            one.id, badge(_severity(one.severity), _BADGE[one.severity]), time(one.since), time(one.resolved),
            money(one.loss, of.currency, whole=True), english(one.cause.words or one.cause.code), english(one.reason),
        ]
        for one in newest
    ]  # fmt: skip
    caption = say("{shown} of {number} incidents that are over, the newest first.", shown=len(newest), number=len(over))
    return table(heads, lines, caption=caption)


def _lines(of: Story) -> Html:
    """Everything that happened to incidents, as the ledger has it."""
    if not of.lines:
        return Html("")
    heads = [
        Head(say("When"), number=False), Head(say("Incident"), number=False), Head(say("What"), number=False),
        Head(say("By"), number=False), Head(say("Why"), number=False, words=True),
    ]  # fmt: skip
    newest = list(of.lines)[::-1][: 4 * HISTORY]
    rows: list[list[Content]] = [
        [
            together(time(one.at)), str(one.body["incident"]), english(one.kind), str(one.body.get("by") or NOTHING),
            english(str(one.body.get("reason") or NOTHING)),
        ]
        for one in newest
    ]  # fmt: skip
    caption = say("All that happened to incidents, in the words of the ledger, the newest first.")
    return details(say("{number:,} lines of the ledger", number=len(of.lines)), table(heads, rows, caption=caption))


# -- what comes next -------------------------------------------------------------------------------------------------------


def _retraining(of: Story) -> Html:
    return join(_plan(of), _renewals(of))


def _plan(of: Story) -> Html:
    if of.plan is None:
        return tag("p", join(say("The plan cannot be told: "), english(of.unjudged)))
    plan = of.plan
    words = plan.words
    said = tag("p", tag("b", english(words[:1].upper() + words[1:] + ".")), class_="lead")
    if not plan.when:
        todo = join(say("No criterion is declared. Declare some in "), code("vigie.toml"), say(": for instance "),
                    code('[retrain] when = ["auc < 0.75", "age > 30d"]'))  # fmt: skip
        return join(tag("p", todo))
    met = {"met": say("yes"), "not met": say("no"), "unknown": say("not known")}
    heads = [
        Head(say("Criterion"), number=False), Head(say("Met"), number=False),
        Head(say("What is known"), number=False, words=True),
    ]  # fmt: skip
    lines: list[list[Content]] = [[code(one.text), met[one.met], english(one.words)] for one in plan.when]
    lines += [[join(say("unless "), code(one.text)), met[one.met], english(one.words)] for one in plan.unless]
    return join(said, table(heads, lines, caption=say("When the model is trained anew, and what holds that back.")))


def _renewals(of: Story) -> Html:
    found = of.renewals.all[-HISTORY:]
    if not found:
        return tag("p", say("It was never trained anew by the policy."), class_="quiet")
    heads = [
        Head(say("Begun"), number=False), Head(say("Became"), number=False), Head(say("Version")),
        Head(say("Because"), number=False, words=True),
    ]  # fmt: skip
    became = {
        "promoted": say("promoted"), "rolled back": say("rolled back"), "inconclusive": say("inconclusive"), "refused": say("refused by the gate"),
        "waiting": say("waits"), "failed": say("failed"),
    }  # fmt: skip
    lines: list[list[Content]] = [
        [
            together(time(one.started)), became.get(one.outcome, say("goes on")), str(one.version or NOTHING),
            english(one.reason or "; ".join(one.why)),
        ]
        for one in reversed(found)
    ]  # fmt: skip
    return table(heads, lines, caption=say("Retrainings, the newest first."))


# -- everything ------------------------------------------------------------------------------------------------------------


def _looked_at(of: Story) -> list[Signal]:
    return [one for one in of.signals if one.code != "VGW490" or one.rings]


def _looked(of: Story) -> Html:
    found = sorted(_looked_at(of), key=lambda one: (not one.rings, one.code, one.subject))
    if not found:
        return tag(
            "p",
            say("Nothing could be judged yet: too little history. It comes with days of deliveries and predictions."),
        )
    heads = [
        Head(say("Code"), number=False), Head(say("Subject"), number=False), Head(say("Size")), Head(say("Limit")),
        Head(say("Verdict"), number=False), Head(say("What was seen"), number=False, words=True),
    ]  # fmt: skip
    lines: list[list[Content]] = [
        [
            code(one.code), one.subject or NOTHING, decimal(one.size), limit_of(one.limit),
            badge(say("rings"), "warning") if one.rings else badge(say("fine"), "good"), english(one.words),
        ]
        for one in found
    ]  # fmt: skip
    caption = say("What each code means stands in the reference of signals.")
    return details(
        say("{number:,} things, {ringing:,} of them ring", number=len(found), ringing=sum(one.rings for one in found)),
        table(heads, lines, caption=caption),
    )
