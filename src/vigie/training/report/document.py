"""The training report as one file, and the two cards beside it."""

from __future__ import annotations

from pathlib import Path

from vigie.clock import iso
from vigie.errors import TrainingError
from vigie.findings import Severity
from vigie.report.blocks import finding_list
from vigie.report.html import join, tag
from vigie.report.language import say, speaking
from vigie.report.numerals import plural, time
from vigie.report.page import Section, page
from vigie.report.rich import rich
from vigie.training.report import (
    answer,
    cards,
    compared,
    data,
    drivers,
    earnings,
    fairness,
    quality,
    question,
    reproduce,
    search,
    segments,
)
from vigie.training.report.subject import Subject
from vigie.training.result import TrainingResult


def render(result: TrainingResult, *, generated_at: int, bundle_hash: str = "", language: str = "en") -> str:
    """The report as a self-contained HTML document of well under 2 MB.

    Args:
        result: The run.
        generated_at: The moment of writing, µs since 1970 UTC.
        bundle_hash: Of the bundle as it was written; empty: what the bundle says itself.
        language: ``"en"`` or ``"fr"``.

    Raises:
        SettingsError: The language is not known.
    """
    with speaking(language):
        return _render(Subject(result), generated_at, bundle_hash or result.bundle.hash)


def _render(subject: Subject, generated_at: int, bundle_hash: str) -> str:
    result = subject.result
    sections = [
        answer.section(subject),
        question.section(subject),
        data.section(subject),
        search.section(subject),
        compared.section(subject),
        quality.section(subject),
        earnings.section(subject),
        drivers.section(subject),
        fairness.section(subject),
        segments.section(subject),
        findings(result),
        cards.model_section(subject, bundle_hash),
        cards.data_section(subject),
        reproduce.section(subject, bundle_hash),
    ]
    values = {"title": say(result.best.title), "candidates": plural(len(result.candidates), "candidate")}
    words = (
        say("Training report · {title} chosen of {candidates}, tested on a later time · ", **values)
        if result.split.kind == "out_of_time"
        else say("Training report · {title} chosen of {candidates}, tested on rows drawn at random · ", **values)
    )
    subtitle = join(words, tag("span", time(generated_at), class_="together"))
    footer = say("Written by Vigie. This file loads nothing from elsewhere and can be passed on as it is.")
    title = say("Score “{name}”", name=result.training_set.score.name)
    shown = [part for part in sections if part is not None]
    return page(title, shown, subtitle=subtitle, footer=footer, written=iso(generated_at))


def write_report(
    result: TrainingResult, path: Path, *, generated_at: int, bundle_hash: str = "", language: str = "en"
) -> Path:
    """Write the report to *path* and ``model_card.md`` and ``data_sheet.md`` beside it.

    Args:
        result: The run.
        path: HTML file to write, replaced where it exists; its folder is made where it is missing.
        generated_at: The moment of writing, µs since 1970 UTC.
        bundle_hash: Of the bundle as it was written; empty: what the bundle says itself.
        language: ``"en"`` or ``"fr"``.

    Returns:
        *path*.

    Raises:
        SettingsError: The language is not known.
        TrainingError: A file cannot be written.
    """
    texts = {
        path: render(result, generated_at=generated_at, bundle_hash=bundle_hash, language=language),
        path.with_name("model_card.md"): cards.model_card(result, bundle_hash=bundle_hash, language=language),
        path.with_name("data_sheet.md"): cards.data_sheet(result, language=language),
    }
    for file, text in texts.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise TrainingError(
                f"the report cannot be written: {error.strerror}", where=str(file), remedy="choose another folder"
            ) from error
    return path


def findings(result: TrainingResult) -> Section:
    """Section: what the checks had to say."""
    if not result.findings:
        return Section("findings", say("Findings"), tag("p", say("No check has anything to say.")))
    counts = [
        plural(number, severity.label)
        for severity in sorted(Severity, reverse=True)
        if (number := sum(f.severity is severity for f in result.findings))
    ]
    said = ", ".join(counts)
    summary = rich("{said}, the most severe first.", said=said) if len(counts) > 1 else rich("{said}.", said=said)
    return Section("findings", say("Findings"), join(tag("p", summary), finding_list(result.findings)))
