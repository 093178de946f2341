"""HTML that cannot be injected into: a ``str`` is text and is escaped, only :class:`Html` is markup."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from vigie.report.language import say
from vigie.wording import Said

_VOID = frozenset({"br", "hr", "img", "meta", "link", "col"})


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is safe to insert as it is."""

    markup: str


Content = str | Html
"""Text, which is escaped wherever it is put, or markup."""


def tag(name: str, /, *children: Content, **attributes: str | int | bool | None) -> Html:
    """One element.

    Args:
        name: Element name.
        children: Text or markup inside.
        attributes: ``class_`` stands for ``class``, other underscores for hyphens; ``True`` writes the bare
            attribute, ``None`` and ``False`` leave it out.

    >>> tag("td", "a < b", class_="number").markup
    '<td class="number">a &lt; b</td>'
    """
    written = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        written.append(attribute if value is True else f'{attribute}="{escape(_spoken(value))}"')
    opening = " ".join([name, *written])
    if name in _VOID:
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{join(*children).markup}</{name}>")


def join(*parts: Content) -> Html:
    """The parts one after the other: text escaped, and sentences in the language of the page."""
    return Html("".join(part.markup if isinstance(part, Html) else escape(_spoken(part)) for part in parts))


def _spoken(value: str | int) -> str:
    return say(value) if isinstance(value, Said) else str(value)


def strong(text: Content) -> Html:
    """Text that the eye must find."""
    return tag("strong", text)


def code(text: str) -> Html:
    """A name or a command as it is typed."""
    return tag("code", text)
