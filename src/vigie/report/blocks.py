"""What a page is built from: tables, figures, tiles, badges, findings. Each is markup made from plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vigie.findings import Finding, Severity
from vigie.report.html import Content, Html, code, join, strong, tag
from vigie.report.language import say

BADGES = {Severity.NOTE: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}
"""Style of a severity."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a table's column.

    Attributes:
        title: Its words.
        number: Whether it holds numbers, which stand right.
        words: Whether it holds sentences, which need room.
        meaning: What the numbers are, for readers who point at it.
    """

    title: str
    number: bool = True
    words: bool = False
    meaning: str = ""


def table(
    heads: Sequence[Head], rows: Iterable[Sequence[Content]], *, caption: Content, chosen: frozenset[int] = frozenset()
) -> Html:
    """A table that scrolls by itself where the page is narrow. The first cell of a row names it.

    Args:
        heads: Of the columns.
        rows: Cells, as many as heads.
        caption: What the table shows.
        chosen: Numbers of rows that stand out.
    """
    top = tag("tr", *(tag("th", h.title, scope="col", class_=_style(h), title=h.meaning or None) for h in heads))
    body = []
    for number, row in enumerate(rows):
        first, *rest = row
        cells = [tag("td", cell, class_=_style(head)) for head, cell in zip(heads[1:], rest, strict=True)]
        mark = "chosen" if number in chosen else None
        body.append(tag("tr", tag("th", first, scope="row", class_=_style(heads[0])), *cells, class_=mark))
    style = "dense" if len(heads) > 8 else "full" if any(head.words for head in heads) or len(heads) > 5 else None
    # The caption stands outside the part that scrolls, and names it for those who do not see it.
    said = tag("p", caption, class_="caption")
    name = f"t{hashlib.sha256(join(said, top, *body).markup.encode()).hexdigest()[:10]}"
    inside = tag("table", tag("thead", top), tag("tbody", *body), class_=style, aria_labelledby=name)
    scroll = tag("div", inside, class_="scroll", tabindex=0, role="region", aria_labelledby=name)
    return join(tag("p", caption, class_="caption", id=name), scroll)


def _style(head: Head) -> str | None:
    return "number" if head.number else "words" if head.words else None


def figure(drawing: Html, caption: Content, *, narrow: Html | None = None) -> Html:
    """A drawing and what to read in it.

    Args:
        drawing: Made by :func:`vigie.report.svg.inline`.
        caption: What it shows and how to read it.
        narrow: The same for narrow screens, where shrinking would make it unreadable.
    """
    if narrow is None:
        return tag("figure", drawing, tag("figcaption", caption))
    both = (tag("div", drawing, class_="wide"), tag("div", narrow, class_="narrow"))
    return tag("figure", *both, tag("figcaption", caption))


def figures(*drawn: Html) -> Html:
    """Figures side by side where there is room."""
    return tag("div", *drawn, class_="figures")


def columns(*parts: Html) -> Html:
    """Parts side by side where there is room, one below the other on a phone."""
    return tag("div", *(tag("div", part) for part in parts), class_="columns")


def tiles(facts: Sequence[tuple[Content, Content]], *, main: int | None = None) -> Html:
    """A few figures that matter most.

    Args:
        facts: ``(figure, what it is)``.
        main: Number of the one that stands out.
    """
    items = (
        tag("li", tag("b", figure), tag("span", words), class_="main" if number == main else None)
        for number, (figure, words) in enumerate(facts)
    )
    return tag("ul", *items, class_="tiles")


def badge(words: str, style: str) -> Html:
    """A word in a frame. *style* is ``good``, ``note``, ``warning`` or ``error``; the word says it too."""
    return tag("span", words, class_=f"badge {style}")


def key(*entries: tuple[str, str]) -> Html:
    """What colours mean.

    Args:
        entries: ``(colour role, words)``; the role is a CSS variable of :mod:`vigie.report.palette`.
    """
    return join(*(tag("span", tag("i", class_=f"c-{colour}"), words, class_="key") for colour, words in entries))


def bullets(items: Iterable[Content], *, ordered: bool = False) -> Html:
    """A list."""
    return tag("ol" if ordered else "ul", *(tag("li", item) for item in items))


def facts(pairs: Iterable[tuple[Content, Content]]) -> Html:
    """Names and what they stand for."""
    return tag("dl", *(join(tag("dt", name), tag("dd", value)) for name, value in pairs))


def details(summary: Content, *body: Content) -> Html:
    """What opens on a click."""
    return tag("details", tag("summary", summary), *body)


def finding_list(findings: Sequence[Finding]) -> Html:
    """Findings, the most severe first, each with its code, place, explanation and remedy."""
    ordered = sorted(findings, key=lambda finding: (-finding.severity, finding.code, finding.where))
    return tag("ol", *(_finding(finding) for finding in ordered), class_="findings")


def _finding(finding: Finding) -> Html:
    head: list[Content] = [
        badge(say(finding.severity.label), BADGES[finding.severity]), " ", strong(say(finding.title)), " "
    ]  # fmt: skip
    place: list[Content] = [tag("span", f" {say('in')} ", class_="quiet"), code(finding.where)] if finding.where else []
    mark = tag("span", " · ", finding.code, class_="quiet small")
    remedy = tag("p", strong(say("What to do: ")), closed(say(finding.remedy))) if finding.remedy else ""
    return tag("li", tag("p", *head, *place, mark), tag("p", closed(capital(say(finding.explanation)))), remedy)


def closed(sentence: str) -> str:
    """*sentence* with a full stop, unless it ends with a sign or is empty."""
    return sentence if sentence.endswith((".", "!", "?")) or not sentence else f"{sentence}."


def capital(sentence: str) -> str:
    """*sentence* with a capital at its beginning."""
    return sentence[:1].upper() + sentence[1:]
