"""Reports that are there: which is the latest of a score, and one on paper."""

from __future__ import annotations

from pathlib import Path

from vigie.errors import SettingsError
from vigie.lifecycle.project import Project

PAGE = "report.html"


def latest_report(project: Project, score: str) -> Path:
    """The report of the last training of *score*.

    Args:
        project: Where reports are.
        score: Name of the score.

    Raises:
        SettingsError: It was never trained here.
    """
    # Folders are named after the moment of the training, so the last by name is the last in time.
    found = sorted((project.reports_folder / score).glob(f"*/{PAGE}"), key=lambda path: path.parent.name)
    if not found:
        raise SettingsError("no report was written yet", where=score, remedy=f"train it: vigie train {score}")
    return found[-1]


def print_report(page: Path, output: Path | None = None) -> Path:
    """Write a report as a PDF file.

    Args:
        page: The HTML file that a training wrote.
        output: Where to; ``None``: beside it, under the same name.

    Returns:
        The PDF file.

    Raises:
        SettingsError: There is no such file, or it is no page that Vigie wrote.
        MissingExtraError: PlutoPrint is not installed.
        VigieError: The PDF cannot be written.
    """
    from vigie.report.pdf import write_pdf

    try:
        html = page.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            "this report cannot be read", where=str(page), remedy="name the HTML file that vigie train wrote"
        ) from error
    if '<div class="frame">' not in html:
        raise SettingsError(
            "this is no page that Vigie wrote", where=str(page), remedy="name the HTML file that vigie train wrote"
        )
    return write_pdf(html, output or page.with_suffix(".pdf"))
