"""The exploration's page: complete in both languages, bounded, self-contained, safe."""

from __future__ import annotations

import ast
import re
import shutil
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from vigie.definition import Kind
from vigie.errors import SettingsError, TrainingError
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.report import french_explore
from vigie.report.language import Translator, catalogue, speaking
from vigie.training.explore import Exploration, View, explore, render, view_of, write_exploration
from vigie.training.explore.page import details, document, know, overview
from vigie.training.explore.page.categories import slices
from vigie.wording import said

SOURCE = Path(__file__).resolve().parents[2] / "src" / "vigie"
HOSTILE = "<script>alert('x')</script>&\"<img src=x onerror=alert(1)>"
NOW = 1_767_000_000_000_000
DAY = 86_400_000_000


def wide(columns: int, n: int = 400) -> View:
    """A table of many columns of all kinds, with time, gaps, a leak, rare categories, copies and hostile names."""
    rng = np.random.default_rng(0)
    y = (rng.random(n) < 0.3).astype(np.int8)
    moments = np.sort(rng.integers(0, 8, n)) * 30 * DAY
    made: dict[str, Values] = {
        HOSTILE: Values.of(Kind.CATEGORY, [HOSTILE if i % 3 else "b" for i in range(n)]),
        "leak": Values(Kind.NUMBER, y + 0.01 * rng.normal(size=n)),
        "void": Values.missing(Kind.NUMBER, n),
        "constant": Values(Kind.NUMBER, np.ones(n)),
        "key": Values.of(Kind.CATEGORY, [f"k{i}" for i in range(n)]),
        "since": Values(Kind.TIME, moments - rng.integers(0, 900, n) * DAY),
        "flag": Values(Kind.BOOLEAN, (rng.random(n) < 0.5).astype(float)),
        "money": Values(Kind.NUMBER, rng.lognormal(2, 3, n)),
        "moving": Values(Kind.NUMBER, rng.normal(size=n) + moments / DAY / 60),
        "note": Values.of(Kind.TEXT, [None if i % 2 else f"text {i}" for i in range(n)]),
    }
    made["copy"] = Values(Kind.NUMBER, -made["money"].data)
    for i in range(columns - len(made)):
        if i % 4 == 3:
            codes = rng.choice(12, n, p=rng.dirichlet(np.ones(12) * 0.4)).astype(np.int32)
            made[f"category_{i}"] = Values(Kind.CATEGORY, codes, tuple(f"level {j}" for j in range(12)))
        else:
            x = rng.normal(size=n)
            x[rng.random(n) < 0.05 * (i % 3)] = np.nan
            made[f"number_{i}"] = Values(Kind.NUMBER, x)
    keys = np.array([f"c{i % (n // 2)}" for i in range(n)], object)
    return View(
        HOSTILE,
        made,
        y,
        moments=moments,
        customers=keys,
        outcome=said("customer churns"),
        total=n,
        how=("All of them.",),
    )


@pytest.fixture(scope="module")
def found() -> Exploration:
    return explore(wide(24))


@pytest.fixture(scope="module")
def page(found: Exploration) -> str:
    return render(found, generated_at=NOW)


@pytest.fixture(scope="module")
def french(found: Exploration) -> tuple[str, set[str]]:
    """The page in French, and what no catalogue had."""
    spoke: list[Translator] = []

    @contextmanager
    def heard(language: str) -> Iterator[Translator]:
        with speaking(language) as translator:
            spoke.append(translator)
            yield translator

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "speaking", heard)
        page = render(found, generated_at=NOW, language="fr")
    return page, spoke[0].missing


def test_it_says_first_what_to_know(page: str) -> None:
    soup = BeautifulSoup(page, "html.parser")
    first = soup.find("section", id="know")
    assert first is not None
    told = first.get_text(" ", strip=True)
    for name in ("leak", "void", "constant", "key", "moving"):
        assert name in told
    assert "copy" in told or "money" in told  # whichever says less about the outcome
    assert "Alone they rank rows nearly perfectly" in told and "Without any value" in told
    assert [s["id"] for s in soup.find_all("section")] == [
        "know", "columns", "outcome", "missing", "categories", "spread", "together", "time", "details", "method",
    ]  # fmt: skip


def test_every_link_leads_somewhere_and_every_column_has_a_line_and_details(page: str, found: Exploration) -> None:
    soup = BeautifulSoup(page, "html.parser")
    anchors = {tag["id"] for tag in soup.find_all(id=True)}
    assert {a["href"][1:] for a in soup.find_all("a", href=True)} <= anchors
    assert len(anchors) == len(soup.find_all(id=True))
    lines = soup.select(".line:not(.head)")
    assert len(lines) == len(found.columns) == len(soup.select("details.one"))
    assert [line.find("a").get_text() for line in lines] == [column.name for column in found.columns]


def test_sorting_needs_no_script_and_every_order_is_a_permutation(page: str, found: Exploration) -> None:
    soup = BeautifulSoup(page, "html.parser")
    orders = [button["id"].removeprefix("sort-") for button in soup.select(".sorted > input")]
    assert orders == ["s", "f", "n", "k", "m", "d", "t", "r"] and "<script" not in page
    lines = soup.select(".line:not(.head)")
    for order in orders:
        places = [int(re.search(rf"--{order}:(\d+)", line["style"])[1]) for line in lines]  # type: ignore[index]
        assert sorted(places) == list(range(1, len(found.columns) + 1))
        assert f"#sort-{order}:checked~.lines>.line{{order:var(--{order})}}" in overview.rules()
    missing = {line.find("a").get_text(): int(re.search(r"--m:(\d+)", line["style"])[1]) for line in lines}  # type: ignore[index]
    shares = [found[name].missing_share for name in sorted(missing, key=missing.__getitem__)]
    assert shares == sorted(shares, reverse=True)


def test_nothing_is_fetched_run_or_injected(page: str) -> None:
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find_all(["script", "link", "img", "iframe", "object"])
    assert not re.search(r"(?:src|href)=\"(?!#)", page) and "url(http" not in page and "@import" not in page
    assert HOSTILE not in page and not any(name.startswith("on") for tag in soup.find_all() for name in tag.attrs)


def test_numbers_on_the_page_are_the_explorations(page: str, found: Exploration) -> None:
    soup = BeautifulSoup(page, "html.parser")
    line = next(line for line in soup.select(".line:not(.head)") if line.find("a").get_text() == "money")
    cells = [span.get_text(strip=True) for span in line.find_all("span", recursive=False)]
    column = found["money"]
    assert cells[3] == f"{column.auc:.2f}" and cells[5] == f"{column.distinct:,}"
    extremes = column.extremes
    assert extremes is not None
    assert f"lower {extremes.above:,} to" in soup.find("section", id="spread").get_text()  # type: ignore[union-attr]


def test_pies_hold_every_row_before_and_after(found: Exploration) -> None:
    for column in found.columns:
        if column.grouping is not None:
            before, after = slices(column.grouping)
            assert sum(s.count for s in before) == sum(s.count for s in after) == column.rows
            rare = sum(s.count for s in before if s.style == "rare")
            assert rare == column.grouping.rare_rows == sum(s.count for s in after if s.style == "rare")


def test_three_hundred_columns_are_bounded_in_drawings_and_bytes() -> None:
    found = explore(wide(300, 300))
    section = details.section(found)
    drawn = section.body.markup.count("<svg viewBox=")
    assert drawn <= 3 * details.DRAWN
    assert len(overview.section(found).body.markup) < 600_000 and len(section.body.markup) < 1_500_000
    assert len(know.section(found).body.markup) < 40_000


# -- French ----------------------------------------------------------------------------------------------------------------


def sentences() -> set[str]:
    """Every template that the exploration says."""
    found: set[str] = set()
    for path in [*(SOURCE / "training" / "explore").rglob("*.py"), SOURCE / "lifecycle" / "explore.py"]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("say", "said"):
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    found.add(str(first.value))
    return found


def test_every_sentence_has_its_french_with_the_same_places() -> None:
    known = catalogue("fr")
    assert sentences() - known.keys() == set()
    assert french_explore.CATALOGUE.keys() - sentences() == set()
    for english, other in french_explore.CATALOGUE.items():
        assert _places(english) == _places(other), english
        assert english[-1:].isspace() == other[-1:].isspace(), english


def _places(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)


def test_a_french_page_is_french(french: tuple[str, set[str]]) -> None:
    page, missing = french
    assert missing == {"All of them."}
    text = BeautifulSoup(page, "html.parser").get_text(" ")
    assert 'lang="fr"' in page and "Ce qu’il faut savoir avant l’entraînement" in text
    assert re.search(r"\d,\d+\u202f%", text)
    for english in ("Outcome", " rows", "columns", "Missing"):
        assert english not in text


def test_a_language_that_is_not_known_is_refused(found: Exploration) -> None:
    with pytest.raises(SettingsError, match="language"):
        render(found, generated_at=NOW, language="de")


# -- what is not there -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"void": Values.missing(Kind.NUMBER, 60)},
        {"one": Values.of(Kind.CATEGORY, ["a"] * 60)},
        {"x": Values(Kind.NUMBER, np.arange(60.0))},
    ],
)
@pytest.mark.parametrize("labels", [np.zeros(60, np.int8), (np.arange(60) % 2).astype(np.int8)])
def test_a_page_of_next_to_nothing_is_written(columns: dict[str, Values], labels: np.ndarray) -> None:
    html = render(explore(View("small", columns, labels)), generated_at=NOW)
    assert "NaN" not in html and ">nan" not in html
    if not labels.any():
        assert "nothing can be learned" in html


def test_a_page_without_rows_is_written() -> None:
    view = View("none", {"x": Values.missing(Kind.NUMBER, 0)}, np.zeros(0, np.int8))
    assert "There are no rows" in render(explore(view), generated_at=NOW)


def test_a_score_is_told_in_the_words_of_its_decision(once_set: Callable[..., TrainingSet]) -> None:
    found = explore(view_of(once_set(300)))
    text = BeautifulSoup(render(found, generated_at=NOW), "html.parser").get_text(" ")
    assert "outcome true: customer churns" in text and "peeking" in text


def test_where_it_cannot_be_written_it_is_said(found: Exploration, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(TrainingError, match="cannot be written"):
        write_exploration(found, tmp_path / "file" / "page.html", generated_at=NOW)


# -- in a browser ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_sorts_it_and_shows_it_on_a_phone(page: str, tmp_path: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = tmp_path / "explore.html"
    path.write_text(page, "utf-8")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=quiet)
        for width in (390, 1280):
            tab = browser.new_page(viewport={"width": width, "height": 850})
            requests: list[str] = []
            tab.on("request", lambda request, seen=requests: seen.append(request.url))
            tab.goto(path.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            tab.click("label[for=sort-n]")
            names = "[...document.querySelectorAll('.line:not(.head)')].map(l => [l.getBoundingClientRect().top, l.querySelector('a').textContent])"
            shown = [name for _, name in sorted(tab.evaluate(names))]
            assert shown == sorted(shown, key=str.lower) and requests == [path.as_uri()]
        browser.close()
