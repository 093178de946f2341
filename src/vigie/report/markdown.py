"""A document of headed parts, as HTML inside a page and as a Markdown file for registries and model hubs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from vigie.report.blocks import Head, bullets, details, facts, table
from vigie.report.html import Content, Html, join, tag

_MEANT = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of words and written numbers.

    Attributes:
        caption: What it shows.
        heads: Of the columns; the first names the row.
        rows: Cells.
        words: Numbers of the columns that hold words; the others hold numbers.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Part:
    """What stands below one heading; all of it is plain text.

    Attributes:
        title: The heading.
        paragraphs: Sentences.
        facts: Names and what they stand for.
        points: A list.
        listing: A table.
        folded: Whether the table opens on a click where that is possible.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    points: tuple[str, ...] = ()
    listing: Listing | None = None
    folded: bool = field(default=False, kw_only=True)


def as_html(parts: Sequence[Part]) -> Html:
    """The parts below each other, for a section of a page."""
    return join(*(_html(part) for part in parts))


def as_markdown(title: str, parts: Sequence[Part]) -> str:
    """A Markdown document. Names of the user's are escaped: none is markup.

    Args:
        title: The heading of all.
        parts: In the order of reading.
    """
    return "\n\n".join([f"# {_escaped(title)}", *(_markdown(part) for part in parts)]) + "\n"


def _html(part: Part) -> Html:
    body: list[Content] = [tag("h3", part.title), *(tag("p", text) for text in part.paragraphs)]
    if part.facts:
        body.append(facts(part.facts))
    if part.points:
        body.append(bullets(part.points))
    if part.listing is not None:
        heads = [
            Head(head, number=place not in part.listing.words, words=place > 0 and place in part.listing.words)
            for place, head in enumerate(part.listing.heads)
        ]
        drawn = table(heads, part.listing.rows, caption=part.listing.caption)
        body.append(details(part.listing.caption, drawn) if part.folded else drawn)
    return join(*body)


def _markdown(part: Part) -> str:
    said = [f"## {_escaped(part.title)}", *(_escaped(text) for text in part.paragraphs)]
    if part.facts:
        said.append("\n".join(f"- **{_escaped(name)}**: {_escaped(value)}" for name, value in part.facts))
    if part.points:
        said.append("\n".join(f"- {_escaped(point)}" for point in part.points))
    if part.listing is not None:
        shown = part.listing
        line = [":--" if place in shown.words else "--:" for place in range(len(shown.heads))]
        lines = [shown.heads, *shown.rows]
        written = ["| " + " | ".join(_escaped(cell) for cell in cells) + " |" for cells in lines]
        written.insert(1, "| " + " | ".join(line) + " |")
        said += [_escaped(shown.caption), "\n".join(written)]
    return "\n\n".join(said)


def _escaped(text: str) -> str:
    return _MEANT.sub(r"\\\1", " ".join(text.split()))
