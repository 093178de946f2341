"""Sentences with a little emphasis in them: ``**strong**``, ``` `code` ``` and ``[words](#anchor)``.

The marks belong to the sentence's template, so that a translation sets them where its own word order has them. Marks
inside values are text: a feature may be called ``**x**``.
"""

from __future__ import annotations

import re
from typing import Any

from vigie.report.html import Content, Html, code, join, strong, tag
from vigie.report.language import say

_MARK = re.compile(r"\*\*(?P<strong>.+?)\*\*|`(?P<code>[^`]+)`|\[(?P<words>[^\]]+)\]\(#(?P<anchor>[a-z-]+)\)")
_SHIELD = {ord(mark): chr(0xE000 + place) for place, mark in enumerate("*`[]()#")}
_UNSHIELD = {ord(shield): chr(mark) for mark, shield in _SHIELD.items()}


def rich(text: str, **values: Any) -> Html:
    """*text* in the language of the page, its marks made markup and everything else escaped.

    Args:
        text: A template, or a whole sentence.
        values: Put into the template; text among them is never read as a mark.

    >>> rich("**{name}** and `{name}`", name="a*b").markup
    '<strong>a*b</strong> and <code>a*b</code>'
    """
    shielded = {name: value.translate(_SHIELD) if type(value) is str else value for name, value in values.items()}
    return _parsed(say(text, **shielded))


def _parsed(said: str) -> Html:
    parts: list[Content] = []
    end = 0
    for found in _MARK.finditer(said):
        parts.append(_plain(said[end : found.start()]))
        end = found.end()
        if found["strong"]:
            parts.append(strong(_parsed(found["strong"])))
        elif found["code"]:
            parts.append(code(_plain(found["code"])))
        else:
            parts.append(tag("a", _plain(found["words"]), href=f"#{found['anchor']}"))
    return join(*parts, _plain(said[end:]))


def _plain(text: str) -> str:
    return text.translate(_UNSHIELD)
