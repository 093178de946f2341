"""A page on paper: A4 with page numbers, the summary on exactly one sheet, the same bytes each time.

PlutoPrint lays HTML out by itself, without a browser and without anything installed on the machine. It finds fonts by
fontconfig; where a machine has none it would write empty pages, so DejaVu Sans, which comes with matplotlib and with it
the extra ``train``, stands behind the fonts of the page.
"""

from __future__ import annotations

import io
import re
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vigie.clock import iso, parse_moment
from vigie.errors import MissingExtraError, VigieError
from vigie.report.html import Html, tag
from vigie.report.language import LANGUAGES, say, speaking
from vigie.report.numerals import date

SCALES = (1.12, 1.06, 1.0, 0.95, 0.9, 0.86, 0.82, 0.78, 0.74, 0.7)
"""Sizes of the text of the first page that are tried until it fits a sheet."""

_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_LANGUAGE = re.compile(r'<html lang="([a-z]+)"')
_WRITTEN = re.compile(r'<meta name="date" content="([0-9T:.Z+-]+)">')
_FIRST = re.compile(r'(<section id="answer".*?</section>)', re.DOTALL)
_MAIN = re.compile(r"(<main>).*(</main>)", re.DOTALL)
_FONTS = "vigie-fonts:///"
_FACES = {"DejaVuSans.ttf": "normal", "DejaVuSans-Bold.ttf": "bold"}


def write_pdf(html: str, path: Path, *, generated_at: int | None = None) -> Path:
    """Write a page of :func:`vigie.report.page.page` as a PDF file.

    Args:
        html: The document.
        path: File to write, replaced where it exists; its folder is made where it is missing.
        generated_at: The moment that the file says it was made, µs since 1970 UTC; ``None``: when the page was
            written, or the epoch where it does not say.

    Returns:
        *path*.

    Raises:
        MissingExtraError: PlutoPrint is not installed.
        VigieError: The file cannot be written.
    """
    made = pdf(html, generated_at=generated_at)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made)
    except OSError as error:
        raise VigieError(
            f"the PDF cannot be written: {error.strerror}", where=str(path), remedy="choose another folder"
        ) from error
    return path


def pdf(html: str, *, generated_at: int | None = None) -> bytes:
    """The bytes of the file that :func:`write_pdf` writes; the same for the same page, moment, fonts and PlutoPrint.

    Raises:
        MissingExtraError: PlutoPrint is not installed.
    """
    generated_at = _written(html) if generated_at is None else generated_at
    styled = _styled(html, _style(html, generated_at))
    scale = one_page(styled)
    book = _book(_styled(styled, f"@media print{{#answer{{font-size:{scale}em}}}}"))
    plutoprint = _plutoprint()
    made = iso(generated_at or 0)[:19] + "Z"
    for field, value in (
        (plutoprint.PDF_METADATA_TITLE, _title(html)),
        (plutoprint.PDF_METADATA_CREATOR, "Vigie"),
        (plutoprint.PDF_METADATA_CREATION_DATE, made),
        (plutoprint.PDF_METADATA_MODIFICATION_DATE, made),
    ):
        book.set_metadata(field, value)
    stream = io.BytesIO()
    book.write_to_pdf_stream(stream)
    return stream.getvalue()


def _written(html: str) -> int | None:
    found = _WRITTEN.search(html)
    return parse_moment(found[1]) if found else None


def one_page(html: str) -> float:
    """The largest of :data:`SCALES` at which the first section fits one sheet together with the page's head."""
    first = _FIRST.search(html)
    if first is None:
        return 1.0
    alone = _MAIN.sub(lambda found: f"{found[1]}{first[1]}{found[2]}", html)
    alone = re.sub(r"<footer>.*?</footer>", "", alone, flags=re.DOTALL)
    for scale in SCALES:
        style = f"@media print{{#answer{{font-size:{scale}em;break-after:auto}}}}"
        if _book(_styled(alone, style)).get_page_count() == 1:
            return scale
    return SCALES[-1]


def require_printer() -> None:
    """Does nothing where pages can be printed.

    Raises:
        MissingExtraError: PlutoPrint is not installed.
    """
    _plutoprint()


def _plutoprint() -> Any:
    try:
        import plutoprint
    except ImportError as error:
        raise MissingExtraError("plutoprint", extra="pdf") from error
    return plutoprint


def _book(html: str) -> Any:
    plutoprint = _plutoprint()

    class Fonts(plutoprint.ResourceFetcher):  # type: ignore[misc,name-defined]
        """Gives the fonts named here and nothing else: a page loads nothing."""

        def fetch_url(self, url: str) -> Any:
            """The bytes of a font."""
            folder, name = font_folder(), url.removeprefix(_FONTS)
            content = (folder / name).read_bytes() if folder is not None and name in _FACES else b""
            return plutoprint.ResourceData(content, "font/ttf")

    book = plutoprint.Book(plutoprint.PAGE_SIZE_A4, plutoprint.PAGE_MARGINS_NORMAL, plutoprint.MEDIA_TYPE_PRINT)
    book.custom_resource_fetcher = Fonts()
    book.load_html(html, base_url="vigie-report:///page.html")
    return book


def font_folder() -> Path | None:
    """Where DejaVu Sans lies, without loading what it comes with; ``None``: nowhere."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
    return folder if (folder / "DejaVuSans.ttf").is_file() else None


def _style(html: str, generated_at: int | None) -> str:
    named = _LANGUAGE.search(html)
    language = named[1] if named and named[1] in LANGUAGES else "en"
    with speaking(language):
        page = say("Page")
        day = date(generated_at) if generated_at is not None else ""
    quoted = {"title": _quoted(_title(html)), "page": _quoted(f"{page} "), "day": _quoted(day)}
    box = "font:8px 'Liberation Sans',Arial,'Vigie Sans',sans-serif;color:#55626f"
    faces = ""
    if font_folder() is not None:
        faces = "".join(
            f"@font-face{{font-family:'Vigie Sans';font-weight:{weight};src:url('{_FONTS}{name}')}}"
            for name, weight in _FACES.items()
        )
    family = "font-family:'Liberation Sans',Arial,'Vigie Sans',sans-serif"
    return (
        f"{faces}@page{{@top-left{{content:{quoted['title']};{box}}}@top-right{{content:{quoted['day']};{box}}}"
        f"@bottom-right{{content:{quoted['page']} counter(page) ' / ' counter(pages);{box}}}}}"
        f"body,figure svg text,.card svg text{{{family};font-variant-ligatures:none}}"
        "code{font-family:'Liberation Mono','DejaVu Sans Mono','Vigie Sans',monospace}"
    )


def _quoted(text: str) -> str:
    """A CSS string; what could end the string or the style element is written by its code point."""
    return '"' + re.sub(r'[\x00-\x1f<>"\\]', lambda found: f"\\{ord(found[0]):x} ", text) + '"'


def _title(html: str) -> str:
    found = _TITLE.search(html)
    return unescape(found[1]) if found else ""


def _styled(html: str, style: str) -> str:
    return html.replace("</head>", tag("style", Html(style)).markup + "</head>", 1)
