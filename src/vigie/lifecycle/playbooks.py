"""What to do about an incident: Markdown for each kind of cause, with the figures of this one and commands to run.

A file of the project wins: ``playbooks/VGW401.md``, then ``playbooks/data.md`` for the area, then those that come with
Vigie. ``{score}``, ``{subject}`` and the like become what they are in the incident; anything else in braces stays.
"""

from __future__ import annotations

import math
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.clock import iso
from vigie.errors import SettingsError
from vigie.watch.incident import Incident

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project
    from vigie.report.html import Html

FOLDER = "playbooks"
"""In the project."""
_HOLE = re.compile(r"\{(\w+)\}")


def playbook(project: Project, incident: Incident) -> str:
    """What to do about *incident*, rendered.

    Raises:
        SettingsError: A playbook of the project cannot be read.
    """
    return rendered(_text(project, incident.cause.code, incident.cause.area), values_of(incident))


def rendered(text: str, values: dict[str, str]) -> str:
    """*text* with what is known in place of ``{name}``."""
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def values_of(incident: Incident) -> dict[str, str]:
    """What a playbook may name."""
    cause = incident.cause
    column = cause.subject.partition(".")[2] or cause.subject
    features = [one.what for one in incident.suspects if one.kind == "feature"]
    return {
        "incident": incident.id,
        "score": incident.score,
        "code": cause.code,
        "subject": cause.subject,
        "source": cause.subject.partition(".")[0],
        "column": column,
        "feature": features[0] if features else cause.subject,
        "model": cause.model or "the champion",
        "words": cause.words,
        "severity": incident.severity,
        "since": f"{iso(incident.since)[:16]} UTC",
        "day": iso(incident.since)[:10],
        "loss": "not known" if math.isnan(incident.loss) else f"{incident.loss:,.0f} a day",
        "affected": ", ".join(incident.affected) or "all, as far as can be told",
        "suspects": "\n".join(f"{n}. {one.why or one.what}" for n, one in enumerate(incident.suspects, 1)) or "none",
        "signals": "\n".join(f"- {one.code} {one.words}" for one in incident.signals),
    }


def commands_of(text: str) -> list[str]:
    """The commands that a rendered playbook names, each once, in order: what is written as code and begins with ``vigie``."""
    found = re.findall(r"^\s*(?:\$ )?(vigie [^`\n]+)$|`(vigie [^`]+)`", text, re.MULTILINE)
    return list(dict.fromkeys((a or b).strip() for a, b in found))


def markup_of(text: str) -> Html:
    """A rendered playbook as HTML: its Markdown, with HTML in it shown and not used, and small headings."""
    from markdown_it import MarkdownIt

    from vigie.report.html import Html

    reader = MarkdownIt("commonmark", {"html": False})
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h4"
    return Html(reader.renderer.render(tokens, reader.options, {}))


def copy_playbooks(project: Project) -> list[Path]:
    """Put those that come with Vigie into the project's folder, to be edited; what is there already stays.

    Raises:
        SettingsError: The folder cannot be written.
    """
    folder = project.settings.root / FOLDER
    written = []
    try:
        folder.mkdir(exist_ok=True)
        for name, text in shipped().items():
            path = folder / name
            if not path.exists():
                path.write_text(text, "utf-8")
                written.append(path)
    except OSError as error:
        raise SettingsError(f"cannot be written: {error.strerror}", where=str(folder)) from error
    return written


def shipped() -> dict[str, str]:
    """The playbooks that come with Vigie, by file name."""
    folder = resources.files("vigie.lifecycle").joinpath("templates", FOLDER)
    return {
        one.name: one.read_text("utf-8")
        for one in sorted(folder.iterdir(), key=lambda one: one.name)
        if one.name.endswith(".md")
    }


def _text(project: Project, code: str, area: str) -> str:
    names = (f"{code}.md", f"{area}.md")
    for name in names:
        path = project.settings.root / FOLDER / name
        try:
            if path.is_file():
                return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot be read: {error}", where=str(path), remedy="it must be UTF-8 text") from error
    known = shipped()
    return next(known[name] for name in (*names, "any.md") if name in known)
