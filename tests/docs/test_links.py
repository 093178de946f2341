"""Every page is in the navigation, every link leads somewhere, and nothing is said about the machine it was written on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ROOT / "docs" / "reference" / "results.md"
"""Written by ``make results`` on machines that have the data."""
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_relative_links_resolve(page: Any) -> None:
    for target in LINK.findall(page.prose):
        if target.startswith(("http://", "https://", "mailto:", "#")):
            continue
        path = (page.path.parent / target.split("#")[0]).resolve()
        assert path.exists() or path == GENERATED, f"{page.name} links to {target}"


def test_anchors_resolve(page: Any) -> None:
    for target in LINK.findall(page.prose):
        if "#" in target and not target.startswith("http"):
            file, anchor = target.split("#", 1)
            path = (page.path.parent / file).resolve() if file else page.path
            headings = re.findall(r"^#+ (.+?)\s*$", path.read_text("utf-8"), flags=re.MULTILINE)
            assert anchor in {_anchor(heading) for heading in headings}, f"{page.name} links to {target}"


def _anchor(heading: str) -> str:
    explicit = re.search(r"\{ *#([\w-]+) *\}", heading)
    if explicit:
        return explicit.group(1)
    kept = re.sub(r"[^\w\s-]", "", re.sub(r"[`*]", "", heading).encode("ascii", "ignore").decode()).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def test_every_page_is_in_the_navigation_and_nothing_else_is() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"[\w/-]+\.md", navigation)
    written = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    generated = {str(GENERATED.relative_to(ROOT / "docs"))}
    assert set(listed) - generated == set(written) - generated


def test_pages_name_no_folder_of_a_machine(page: Any) -> None:
    found = re.search(r"(/work/|/home/\w|/root/|/Users/\w|/tmp/\w)", page.text)
    assert not found, f"{page.name} names {found.group(0) if found else ''}"


def test_the_documentation_loads_nothing_from_elsewhere() -> None:
    for path in [ROOT / "mkdocs.yml", *(ROOT / "docs").rglob("*.css"), *(ROOT / "docs").rglob("*.svg")]:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|url\(|@import", text), f"{path.relative_to(ROOT)} loads something"
