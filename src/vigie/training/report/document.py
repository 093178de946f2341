"""The training report as one file."""

from __future__ import annotations

from pathlib import Path

from vigie.errors import TrainingError
from vigie.findings import Severity
from vigie.report.blocks import finding_list
from vigie.report.html import join, tag
from vigie.report.numerals import plural, time
from vigie.report.page import Section, page
from vigie.training.report import answer, compared, data, drivers, earnings, quality, question, reproduce
from vigie.training.report.subject import Subject
from vigie.training.result import TrainingResult


def render(result: TrainingResult, *, generated_at: int, bundle_hash: str = "") -> str:
    """The report as a self-contained HTML document of well under 1 MB.

    Args:
        result: The run.
        generated_at: The moment of writing, µs since 1970 UTC.
        bundle_hash: Of the bundle as it was written; empty: what the bundle says itself.
    """
    subject = Subject(result)
    sections = [
        answer.section(subject),
        question.section(subject),
        data.section(subject),
        compared.section(subject),
        quality.section(subject),
        earnings.section(subject),
        drivers.section(subject),
        findings(result),
        reproduce.section(subject, bundle_hash or result.bundle.hash),
    ]
    split = "tested on a later time" if result.split.kind == "out_of_time" else "tested on rows drawn at random"
    words = f"Training report · {result.best.title} chosen of {plural(len(result.candidates), 'candidate')}, {split} · "
    subtitle = join(words, tag("span", time(generated_at), class_="together"))
    footer = "Written by Vigie. This file loads nothing from elsewhere and can be passed on as it is."
    return page(f"Score “{result.training_set.score.name}”", sections, subtitle=subtitle, footer=footer)


def write_report(result: TrainingResult, path: Path, *, generated_at: int, bundle_hash: str = "") -> Path:
    """Write the report to *path*, whose folder is made where it is missing, and return *path*.

    Args:
        result: The run.
        path: File to write, replaced where it exists.
        generated_at: The moment of writing, µs since 1970 UTC.
        bundle_hash: Of the bundle as it was written; empty: what the bundle says itself.

    Raises:
        TrainingError: The file cannot be written.
    """
    text = render(result, generated_at=generated_at, bundle_hash=bundle_hash)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise TrainingError(
            f"the report cannot be written: {error.strerror}", where=str(path), remedy="choose another folder"
        ) from error
    return path


def findings(result: TrainingResult) -> Section:
    """Section: what the checks had to say."""
    if not result.findings:
        body = tag("p", "No check has anything to say.")
        return Section("findings", "Findings", body)
    counts = [
        plural(number, severity.label)
        for severity in sorted(Severity, reverse=True)
        if (number := sum(f.severity is severity for f in result.findings))
    ]
    said = ", ".join(counts)
    summary = tag("p", f"{said}, the most severe first." if len(counts) > 1 else f"{said}.")
    return Section("findings", "Findings", join(summary, finding_list(result.findings)))
