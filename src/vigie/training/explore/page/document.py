"""The exploration as one file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from vigie.errors import TrainingError
from vigie.report.blocks import finding_list
from vigie.report.html import join, tag
from vigie.report.language import say, speaking
from vigie.report.numerals import time
from vigie.report.page import Section, page
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.page import (
    categories,
    details,
    know,
    method,
    missing,
    outcome,
    over_time,
    overview,
    spread,
    together,
)


def render(found: Exploration, *, generated_at: int, language: str = "en") -> str:
    """The exploration as a self-contained HTML document, under 3 MB for 300 columns whatever the number of rows.

    Args:
        found: What was looked at.
        generated_at: The moment of writing, µs since 1970 UTC.
        language: ``"en"`` or ``"fr"``.

    Raises:
        SettingsError: The language is not known.
    """
    from altair.utils.schemapi import debug_mode

    # That the charts fit the schema is for tests; here it would take half of the time.
    with speaking(language), debug_mode(False):
        sections = [
            know.section(found),
            overview.section(found),
            outcome.section(found),
            missing.section(found),
            categories.section(found),
            spread.section(found),
            together.section(found),
            *([over_time.section(found)] if found.periods is not None else []),
            *([_findings(found)] if found.findings else []),
            details.section(found),
            method.section(found),
        ]
        words = say(
            "Exploration before training · {rows:,} rows, {columns:,} columns",
            rows=len(found.view),
            columns=len(found.columns),
        )
        subtitle = join(f"{words} · ", tag("span", time(generated_at), class_="together"))
        footer = say("Written by Vigie. This file loads nothing from elsewhere and can be passed on as it is.")
        return page(
            say("Data of “{name}”", name=found.view.name),
            sections,
            subtitle=subtitle,
            footer=footer,
            style=files("vigie.training.explore.page").joinpath("explore.css").read_text("utf-8") + overview.rules(),
        )


def write_exploration(found: Exploration, path: Path, *, generated_at: int, language: str = "en") -> Path:
    """Write the page to *path*, whose folder is made where it is missing, and return *path*.

    Args:
        found: What was looked at.
        path: File to write, replaced where it exists.
        generated_at: The moment of writing, µs since 1970 UTC.
        language: ``"en"`` or ``"fr"``.

    Raises:
        TrainingError: The file cannot be written.
        SettingsError: The language is not known.
    """
    text = render(found, generated_at=generated_at, language=language)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"the page cannot be written: {error.strerror}", where=str(path), remedy="choose another folder"
        ) from error
    return path


def _findings(found: Exploration) -> Section:
    body = join(
        tag(
            "p",
            say("What looks as if it had been written after the outcome. Training runs these checks again, and more."),
        ),
        finding_list(found.findings),
    )
    return Section("findings", say("Signs of leakage"), body, short=say("Leakage"))
