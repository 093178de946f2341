"""``vigie report``: the last report of a score, a page on paper, and what is no report."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from vigie.cli.program import program
from vigie.errors import SettingsError
from vigie.lifecycle.report import latest_report, print_report
from vigie.report.html import tag
from vigie.report.page import Section, page


def written() -> str:
    return page("Score “x”", [Section("answer", "On one page", tag("p", "yes"))], written="2026-01-02T09:30:00Z")


def test_the_last_report_is_that_of_the_last_training(tmp_path: Path) -> None:
    project = SimpleNamespace(reports_folder=tmp_path)
    for name in ("2026-01-02T000000Z-aaaaaaaa", "2026-03-01T000000Z-bbbbbbbb", "2026-02-01T000000Z-cccccccc"):
        (tmp_path / "churn" / name).mkdir(parents=True)
        (tmp_path / "churn" / name / "report.html").write_text("x", "utf-8")
    (tmp_path / "churn" / "2026-09-01T000000Z-dddddddd").mkdir()
    assert latest_report(project, "churn").parent.name.endswith("bbbbbbbb")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="vigie train leads"):
        latest_report(project, "leads")  # type: ignore[arg-type]


def test_a_page_is_printed_beside_itself_by_the_command(tmp_path: Path) -> None:
    pytest.importorskip("plutoprint", reason="vigie[pdf] is not installed")
    html = tmp_path / "report.html"
    html.write_text(written(), "utf-8")
    done = CliRunner().invoke(program, ["report", str(html), "--pdf"])
    assert done.exit_code == 0, done.output
    made = (tmp_path / "report.pdf").read_bytes()
    assert made.startswith(b"%PDF-") and print_report(html, tmp_path / "again.pdf").read_bytes() == made


def test_what_is_no_report_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        print_report(tmp_path / "nothing.html")
    (tmp_path / "other.html").write_text("<html><body>hello</body></html>", "utf-8")
    with pytest.raises(SettingsError, match="no page that Vigie wrote"):
        print_report(tmp_path / "other.html")
    assert not (tmp_path / "other.pdf").exists()
