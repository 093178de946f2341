"""A page on paper: also where a machine has no font, never by loading anything, and told where the printer is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vigie.errors import MissingExtraError
from vigie.report import pdf as printer
from vigie.report.html import Html, tag
from vigie.report.page import Section, page

EMPTY = (
    '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><cachedir>{cache}</cachedir></fontconfig>'
)


def document(words: str = "the figure is 42.5%", times: int = 1) -> str:
    body = Html("".join(tag("p", words).markup for _ in range(times)))
    return page(
        "Score “x” <b>", [Section("answer", "On one page", body), Section("more", "More", tag("p", "second sheet"))]
    )


def text_of(path: Path) -> list[str]:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode("utf-8").split("\f")[:-1]


def test_a_machine_without_a_font_prints_text_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("plutoprint", reason="vigie[pdf] is not installed")
    (tmp_path / "fonts.conf").write_text(EMPTY.format(cache=tmp_path / "cache"), "utf-8")
    (tmp_path / "page.html").write_text(document(), "utf-8")
    code = (
        "import sys; from pathlib import Path; from vigie.report.pdf import write_pdf; "
        "write_pdf(Path(sys.argv[1]).read_text('utf-8'), Path(sys.argv[2]))"
    )
    environment = os.environ | {"FONTCONFIG_FILE": str(tmp_path / "fonts.conf")}
    made = tmp_path / "page.pdf"
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "page.html"), str(made)], check=True, env=environment)
    first, second = text_of(made)
    assert "the figure is 42.5%" in first and "second sheet" in second


def test_the_first_section_is_one_sheet_as_large_as_it_can_be(tmp_path: Path) -> None:
    pytest.importorskip("plutoprint", reason="vigie[pdf] is not installed")
    scales = [printer.one_page(document(times=times)) for times in (1, 50, 60, 70)]
    assert scales[0] == printer.SCALES[0] and scales == sorted(scales, reverse=True) and len(set(scales)) > 2
    for times in (1, 50, 60, 70):
        sheets = text_of(printer.write_pdf(document(times=times), tmp_path / "x.pdf"))
        assert len(sheets) == 2 and sheets[0].count("the figure is") == times and "second sheet" in sheets[1]


def test_the_title_stands_at_the_head_of_each_sheet_whatever_its_signs(tmp_path: Path) -> None:
    pytest.importorskip("plutoprint", reason="vigie[pdf] is not installed")
    for sheet in text_of(printer.write_pdf(document(), tmp_path / "x.pdf")):
        assert sheet.lstrip().startswith("Score “x” <b>")


def test_nothing_on_the_page_is_loaded(tmp_path: Path) -> None:
    pytest.importorskip("plutoprint", reason="vigie[pdf] is not installed")
    secret = tmp_path / "secret.svg"
    secret.write_text('<svg xmlns="http://www.w3.org/2000/svg"><text y="20">stolen</text></svg>', "utf-8")
    html = document().replace("<p>", f'<img src="{secret.as_uri()}"><p>', 1)
    assert "stolen" not in " ".join(text_of(printer.write_pdf(html, tmp_path / "x.pdf")))


def test_a_missing_printer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "plutoprint", None)
    with pytest.raises(MissingExtraError, match=r"vigie\[pdf\]"):
        printer.write_pdf(document(), tmp_path / "x.pdf")
    assert not (tmp_path / "x.pdf").exists()
