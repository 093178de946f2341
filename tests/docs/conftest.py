"""The pages of the documentation and the code blocks in them.

A ``python`` block is run unless its fence says ``notest``; the blocks of one page share their names, as a reader would
expect. A block ``text title="prints"`` below one is what it prints. A ``toml title="vigie.toml"`` block must be one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, what its fence says, and its text."""

    path: Path
    line: int
    info: str
    body: str

    @property
    def language(self) -> str:
        return self.info.split()[0] if self.info.split() else ""

    @property
    def title(self) -> str:
        found = re.search(r'title="([^"]*)"', self.info)
        return found.group(1) if found else ""

    @property
    def place(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Page:
    """One page of the documentation."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @property
    def prose(self) -> str:
        """The text without its fenced blocks, line numbers kept."""
        return FENCE.sub(lambda m: "\n" * m.group(0).count("\n"), self.text)

    @property
    def blocks(self) -> list[Block]:
        text, found = self.text, []
        for match in FENCE.finditer(text):
            indent = match["indent"]
            body = "".join(line.removeprefix(indent) for line in match["body"].splitlines(keepends=True))
            found.append(Block(self.path, text[: match.start()].count("\n") + 1, match["info"].strip(), body))
        return found

    def table_cells(self, heading: str) -> list[list[str]]:
        """Rows of the first table below *heading*, cells as written; ``\\|`` does not end a cell."""
        below = re.split(rf"^#+ {re.escape(heading)}\s*$", self.text, maxsplit=1, flags=re.MULTILINE)
        assert len(below) == 2, f"{self.name} has no heading '{heading}'"
        lines = iter(below[1].splitlines())
        rows: list[list[str]] = []
        for line in lines:
            if line.startswith("|"):
                rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))])
            elif rows:
                break
        assert rows, f"no table below '{heading}' in {self.name}"
        return rows[2:]


def every_page() -> list[Page]:
    return [Page(path) for path in sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "page" in metafunc.fixturenames:
        pages = every_page()
        metafunc.parametrize("page", pages, ids=[page.name for page in pages])


@pytest.fixture(scope="session")
def pages() -> list[Page]:
    """Every page, the README among them."""
    return every_page()


@pytest.fixture(scope="session")
def reference() -> dict[str, Page]:
    """The reference pages by their name: ``reference["language"]``."""
    return {path.stem: Page(path) for path in sorted((DOCS / "reference").glob("*.md"))}
