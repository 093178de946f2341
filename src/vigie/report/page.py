"""The shell of a report: one HTML file that needs nothing else, with a table of contents, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say, spoken
from vigie.report.palette import DARK, declarations

_LIGHT_ONLY = "--paper:#f4f6f8;--red:#b3261e"
_DARK_ONLY = "--paper:#0f161d;--red:#ff8a80"


@dataclass(frozen=True, slots=True)
class Section:
    """One numbered part of a page.

    Attributes:
        anchor: Its address in the page: lower-case letters and hyphens.
        title: Its heading.
        body: What stands below.
        short: Its name in the table of contents; empty: the title.
    """

    anchor: str
    title: str
    body: Html
    short: str = ""


def page(
    title: str,
    sections: Sequence[Section],
    *,
    subtitle: Content = "",
    footer: Content = "",
    style: str = "",
    written: str = "",
) -> str:
    """A complete HTML document in the language being spoken, offline and without a script.

    Args:
        title: Heading, and the name of the browser's tab.
        sections: In the order of reading; they are numbered from 1.
        subtitle: A line below the heading.
        footer: A line at the end.
        style: CSS rules of this page alone.
        written: The moment it was written (ISO 8601), which a print of it then carries too; empty: not said.
    """
    entries = tag("ol", *(_entry(number, section) for number, section in enumerate(sections, 1)))
    body = tag(
        "div",
        tag("header", tag("h1", title), tag("p", subtitle), class_="top"),
        tag(
            "nav",
            tag("details", tag("summary", say("Contents")), entries, class_="folded"),
            tag("div", entries, class_="open"),
            class_="contents",
            aria_label=say("Contents"),
        ),
        tag("main", *(_section(number, section) for number, section in enumerate(sections, 1))),
        tag("footer", footer),
        class_="frame",
    )
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="date", content=written) if written else "",
        tag("title", title),
        tag("style", Html(f"{stylesheet()}\n{style}" if style else stylesheet())),
    )
    document = tag("html", tag("head", head), tag("body", body), lang=spoken())
    return f"<!DOCTYPE html>\n{document.markup}\n"


def stylesheet() -> str:
    """The style of every page: the colours, light and dark, and the rules of ``page.css`` and ``print.css``."""
    rules = "".join(files("vigie.report").joinpath(name).read_text("utf-8") for name in ("page.css", "print.css"))
    light = f":root{{color-scheme:light dark;{declarations()};{_LIGHT_ONLY}}}"
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{declarations(DARK)};{_DARK_ONLY}}}}}"
    return f"{light}\n{dark}\n{rules}"


def _entry(number: int, section: Section) -> Html:
    return tag("li", tag("a", f"{number} {section.short or section.title}", href=f"#{section.anchor}"))


def _section(number: int, section: Section) -> Html:
    heading = f"{section.anchor}-heading"
    return tag(
        "section",
        tag("h2", f"{number} · {section.title}", id=heading),
        section.body,
        id=section.anchor,
        aria_labelledby=heading,
    )
