"""The parts of a report that a run's evidence fills: each with its record, each without, in both languages, on paper."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from vigie.clock import parse_moment
from vigie.features.training_set import TrainingSet
from vigie.report.language import speaking
from vigie.report.numerals import decimal, money, percent
from vigie.training.evidence import (
    Comparison,
    Curve,
    Dependence,
    Estimate,
    Evidence,
    Explanation,
    Gap,
    GroupFairness,
    GroupFigures,
    Interaction,
    Pair,
    Reliability,
    SearchSummary,
    SegmentOutcome,
    Selection,
    ShapImportance,
    Trial,
    ValueEvidence,
)
from vigie.training.options import TrainOptions
from vigie.training.report import compared, drivers, earnings, quality, render, search, segments, write_report
from vigie.training.report import fairness as fairness_section
from vigie.training.report.base import base_of
from vigie.training.report.cards import data_sheet, model_card
from vigie.training.report.search import running_best
from vigie.training.report.subject import Subject
from vigie.training.result import TrainingResult
from vigie.training.train import train
from vigie.wording import said

NOW = parse_moment("2026-01-02T09:30")
NAN = float("nan")
HOSTILE = "<script>alert(1)</script>|`x`[y](z)"
OPTIONS = TrainOptions(models=("logistic_regression",), threads=1, trials=0, stack=False, select=False)


def around(value: float, reach: float = 0.5) -> Estimate:
    return Estimate(value, value - reach, value + reach)


def trial(number: int, candidate: str, loss: float, state: str = "done") -> Trial:
    params: dict[str, object] = {"learning_rate": 0.05, "leaves": 31} if number else {}
    stage = "wide" if number else "defaults"
    return Trial(number, candidate, params, state, loss, 2.5 - loss, loss, 1.5, stage)  # type: ignore[arg-type]


def group(name: str, acted: float, *, judged: bool = True) -> GroupFigures:
    return GroupFigures(
        name,
        400,
        80,
        around(acted, 0.05),
        around(acted, 0.1),
        around(acted, 0.05),
        0.21,
        around(0.2, 0.04),
        3.25,
        judged,
    )


@pytest.fixture(scope="module")
def plain(monthly_set: Callable[..., TrainingSet]) -> TrainingResult:
    """A real run, its evidence taken away."""
    return dataclasses.replace(train(monthly_set(), OPTIONS), evidence=Evidence())


@pytest.fixture(scope="module")
def evidence(plain: TrainingResult) -> Evidence:
    """Records of every kind, with figures that can be recognised, beside a real run."""
    vigie = plain.strategies["vigie"].value
    value = ValueEvidence(
        strategies={name: around(m.value) for name, m in plain.strategies.items()},
        rival="everybody",
        over_rival=around(vigie - plain.strategies["everybody"].value, 0.75),
        over_half=around(1.23),
        savings=Estimate(0.317, 0.2, 0.4),
        perfect=33.77,
        customers=149,
        pairs_compared=2,
    )
    k = np.linspace(0.1, 0.9, 5)
    reliability = Reliability(
        k, k * 0.9, k * 0.8, k, np.full(5, 60), Estimate(0.87, 0.7, 0.95), Estimate(0.02, -0.1, 0.1),
        Estimate(0.041, 0.02, 0.07), {"identity": 0.5111, "sigmoid": 0.5122},
    )  # fmt: skip
    dependences = (
        Dependence("orders_count_30d", (0.0, 1.0, 2.0, 5.0), k[:4], k[:4] * 0.5, k[:4] * 1.1, np.full(4, 0.25)),
        Dependence("clients_country", (HOSTILE, "FR"), k[:2], k[:2] * 0.5, k[:2] * 1.1, np.full(2, 0.5)),
    )
    explanation = Explanation(
        "log_odds",
        (ShapImportance("orders_count_30d", 0.7654, -0.9), ShapImportance("clients_country", 0.1234, NAN)),
        dependences,
        (Interaction("orders_count_30d", "clients_country", 0.17),),
        300,
    )
    points = (100.0, 200.0, 400.0, 800.0)
    curve = Curve(
        "rows",
        points,
        np.array([0.3, 0.35, 0.38, 0.4]),
        np.array([0.6, 0.55, 0.5, 0.48]),
        np.full(4, 0.01),
        "More rows would help",
    )
    parity = Gap("parity", Estimate(0.31, 0.2, 0.42), "DE", HOSTILE, 0.1, broken=True)
    unlimited = Gap("calibration", Estimate(0.02, 0, 0.05), "DE", "FR", None, broken=False)
    fairness = GroupFairness(
        "clients_country",
        True,
        (group("DE", 0.61), group(HOSTILE, 0.3), group("FR", 0.4, judged=False)),
        (parity, unlimited),
    )
    return Evidence(
        search=SearchSummary(
            "bayesian", "log loss",
            (trial(0, "dummy", 0.7), trial(1, "lightgbm", 0.6), trial(2, "lightgbm", 0.65), trial(3, "lightgbm", NAN, "failed"), trial(4, "lightgbm", 0.55)),
            1, 2, 12.0,
        ),
        comparison=Comparison(
            (Pair("dummy", around(2.34), around(0.1, 0.02), 0.001, 0.002, False), Pair("rule", around(0.1), around(0.0), 0.5, 0.9, True)),
            ("logistic_regression", "rule"),
            said("These {count} are the same: {names}. The data cannot tell what they bring apart; no difference to {title} can well be "
                 "more than {most:,.2f} {currency} per customer.",
                 count=2, names="Logistic regression, Business rule", title="Logistic regression", most=0.6, currency="EUR"),
        ),
        value=value,
        reliability=reliability,
        explanation=explanation,
        selection=Selection(("orders_count_30d",), ("clients_country",), around(0.11), around(0.002), around(0.22), True, "Fewer do as well."),
        curves=(curve,),
        fairness=(fairness,),
        segments=(
            SegmentOutcome("DE", 500, 100, 200, "own", "lightgbm", around(1.44), 17.5, "Beats another."),
            SegmentOutcome(HOSTILE, 20, 0, 3, "common", "", None, NAN, "Too few rows."),
            SegmentOutcome("IT", 300, 80, 90, "failed", "", None, 11.0, "It failed."),
        ),
        scores={"emp_churn": 12.34, "emp_churn.share": 0.456},
    )  # fmt: skip


@pytest.fixture(scope="module")
def full(plain: TrainingResult, evidence: Evidence) -> TrainingResult:
    return dataclasses.replace(plain, evidence=evidence)


@pytest.fixture(scope="module")
def page(full: TrainingResult) -> str:
    return render(full, generated_at=NOW)


def text_of(html: str, anchor: str) -> str:
    found = BeautifulSoup(html, "html.parser").find(id=anchor)
    assert found is not None, anchor
    return found.get_text(" ")


# -- figures shown are the records' ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("anchor", "figures"),
    [
        ("search", ["5", "4 finished", "1 failed", "Bayesian", "2 processes", decimal(0.55, 4), "learning_rate=0.05", "trial 5 of 5"]),
        ("candidates", ["These 2 are the same", money(2.34, "EUR", sign=True), "0.002", "the same", "better", "More rows would help"]),
        ("earnings", [money(33.77, "EUR"), money(1.23, "EUR", sign=True), "149", money(12.34, "EUR"), percent(0.456)]),
        ("quality", ["0.87", "0.70 to 0.95", "0.5111", "0.5122", "too extreme at both ends"]),
        ("drivers", [decimal(0.7654, 4), "higher value, less churn", "by category", "17%", "Fewer do as well", money(0.22, "EUR", sign=True)]),
        ("fairness", [percent(0.61), "31.0 points", "10.0 points", "broken", "few rows", "The model reads this value"]),
        ("segments", ["1 of 3 segments", money(1.44, "EUR", sign=True), "LightGBM", "It failed", "Too few rows"]),
        ("card", ["Intended use", "Not intended for", "31.0 points", "clients_country: DE"]),
        ("sheet", ["orders", "Missing", "Known problems"]),
    ],
)  # fmt: skip
def test_a_section_shows_the_figures_of_its_record(page: str, anchor: str, figures: list[str]) -> None:
    shown = text_of(page, anchor)
    assert [figure for figure in figures if figure not in shown] == []


def test_the_lead_and_its_interval_are_those_of_the_evidence(
    full: TrainingResult, evidence: Evidence, page: str
) -> None:
    assert evidence.value is not None and Subject(full).lead == evidence.value.over_rival
    lead = BeautifulSoup(page, "html.parser").find(class_="lead").get_text()
    for end in (evidence.value.over_rival.low, evidence.value.over_rival.high):
        assert money(end, "EUR", sign=True) in lead


def test_a_rival_chosen_beforehand_stays_unless_another_beats_the_decision(
    full: TrainingResult, evidence: Evidence
) -> None:
    assert evidence.value is not None
    chosen = dataclasses.replace(evidence.value, rival="rule", over_rival=around(10.6))
    result = dataclasses.replace(full, evidence=dataclasses.replace(evidence, value=chosen))
    assert Subject(result).rival == "rule"
    vigie = result.strategies["vigie"]
    better = dataclasses.replace(vigie, value=vigie.value + 1)
    beaten = dataclasses.replace(result, strategies=result.strategies | {"everybody": better})
    assert Subject(beaten).rival == "everybody" and "Do not use it yet" in text_of(
        render(beaten, generated_at=NOW), "answer"
    )


PARTS = {
    "search": (search, None),
    "comparison": (compared, "really better?"),
    "value": (earnings, "Perfect knowledge"),
    "reliability": (quality, "taken at its word"),
    "explanation": (drivers, "Partial dependence"),
    "selection": (drivers, "With fewer features"),
    "curves": (compared, "Would more rows"),
    "fairness": (fairness_section, None),
    "segments": (segments, None),
    "scores": (earnings, "Expected maximum profit"),
}
"""Record → the section that shows it, and words that are there with it alone; ``None``: the whole section."""


@pytest.mark.parametrize("missing", PARTS)
def test_a_report_without_one_record_leaves_its_part_out(full: TrainingResult, missing: str) -> None:
    module, words = PARTS[missing]
    empty = dataclasses.replace(full.evidence, **{missing: getattr(Evidence(), missing)})
    there, absent = module.section(Subject(full)), module.section(Subject(dataclasses.replace(full, evidence=empty)))
    assert there is not None
    if words is None:
        assert absent is None
        return
    assert words in there.body.markup and words not in absent.body.markup
    assert not re.search(r"\bnan\b|\bNone\b", BeautifulSoup(absent.body.markup, "html.parser").get_text(" "))


def test_a_report_without_any_evidence_is_whole(plain: TrainingResult) -> None:
    html = render(plain, generated_at=NOW)
    found = [section["id"] for section in BeautifulSoup(html, "html.parser").find_all("section")]
    assert found == [
        "answer", "question", "data", "candidates", "quality", "earnings", "drivers", "findings", "card", "sheet", "reproduce",
    ]  # fmt: skip
    assert not re.search(r"\bnan\b|\bNone\b", BeautifulSoup(html, "html.parser").get_text(" "))


def test_the_best_so_far_never_gets_worse(evidence: Evidence) -> None:
    assert evidence.search is not None
    done = [t for t in evidence.search.trials if t.state == "done"]
    assert running_best(done) == [(1, 0.7), (2, 0.6), (3, 0.6), (5, 0.55)]


def test_savings_are_shown_where_there_is_a_cost_to_save(full: TrainingResult) -> None:
    assert "Savings" not in earnings.section(Subject(full)).body.markup
    losing = {
        name: dataclasses.replace(full.strategies[name], value=value)
        for name, value in (("nobody", -3.0), ("everybody", -2.0))
    }
    costly = dataclasses.replace(full, strategies=full.strategies | losing)
    assert percent(0.317) in earnings.section(Subject(costly)).body.markup


def test_the_base_of_a_month_is_that_of_its_last_moment(plain: TrainingResult) -> None:
    base = base_of(Subject(plain))
    assert base is not None and base.at_once == 150 and base.a_year == 1800
    assert "150 customers each month" in text_of(render(plain, generated_at=NOW), "answer")


def test_there_are_lines_for_three_signatures_and_the_owner_is_filled_in(plain: TrainingResult) -> None:
    from vigie.definition.score import replace_score

    rows = dataclasses.replace(plain.training_set, score=replace_score(plain.training_set.score, owner="Ada <CRM>"))
    table = BeautifulSoup(render(dataclasses.replace(plain, training_set=rows), generated_at=NOW), "html.parser").find(
        class_="signatures"
    )
    cells = [[td.get_text() for td in row.find_all("td")] for row in table.tbody.find_all("tr")]
    assert len(cells) == 3 and cells[0][1] == "Ada <CRM>"
    assert all(row[2:] == ["", ""] for row in cells)


# -- safe, small, and the same in French --------------------------------------------------------------------------------------


def test_names_in_the_records_are_only_text(page: str) -> None:
    soup = BeautifulSoup(page, "html.parser")
    assert not soup.find("script") and page.count("&lt;script&gt;alert(1)") > 4
    assert len(page.encode()) < 2_000_000


def test_names_in_the_markdown_are_only_text(full: TrainingResult) -> None:
    card = model_card(full, bundle_hash="f" * 64)
    assert "<script>" not in card and r"\<script\>" in card and r"\[y\]" in card
    assert card.startswith("---\nlanguage: en\n") and "f" * 64 in card
    sheet = data_sheet(full)
    rows = [line for line in sheet.splitlines() if line.startswith("|")]
    assert all(len(re.findall(r"(?<!\\)\|", row)) in (4, 5) for row in rows)
    assert all(name.replace("_", r"\_") in sheet for name in full.training_set.features)


def test_the_cards_lie_beside_the_report(full: TrainingResult, tmp_path: Path) -> None:
    path = write_report(full, tmp_path / "a" / "report.html", generated_at=NOW, language="fr")
    assert sorted(p.name for p in path.parent.iterdir()) == ["data_sheet.md", "model_card.md", "report.html"]
    assert (path.parent / "model_card.md").read_text("utf-8") == model_card(full, language="fr")
    assert path.read_text("utf-8") == render(full, generated_at=NOW, language="fr")


def test_a_french_report_is_french_from_end_to_end(full: TrainingResult) -> None:
    from vigie.training.report import document

    with speaking("fr") as french:
        html = document._render(Subject(full), NOW, "")
        model_words = {
            "More rows would help",
            "Fewer do as well.",
            "Beats another.",
            "Too few rows.",
            "It failed.",
        }
        assert french.missing - model_words - {HOSTILE, "DE", "FR"} == set()
    soup = BeautifulSoup(html, "html.parser")
    assert soup.html["lang"] == "fr"
    text = soup.get_text(" ")
    for words in (
        "L’essentiel en une page",
        "Que faire maintenant",
        "Quand s’en méfier",
        "À signer avant usage",
        "Équité",
        "Fiche du modèle",
    ):
        assert words in text
    assert re.search(r"\d,\d\d\u202f€", text) and not re.search(r"€\d", text)
    soup.find(id="reproduce").decompose()  # parameters and lineage are names, not words
    left = soup.get_text(" ").replace(HOSTILE, "")
    assert [
        left[m.start() - 60 : m.end() + 40] for m in re.finditer(r" (the|of|with|rows|customers?|and|is) ", left)
    ] == []


# -- on paper -------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paper(full: TrainingResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("plutoprint", reason="vigie[pdf] is not installed")
    from vigie.report.pdf import write_pdf

    html = render(full, generated_at=NOW, language="fr")
    return write_pdf(html, tmp_path_factory.mktemp("paper") / "report.pdf")


def pages_of(path: Path) -> list[str]:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode("utf-8").split("\f")[:-1]


def test_the_first_sheet_is_the_summary_with_the_signatures_and_nothing_else(paper: Path) -> None:
    first, second, *rest = pages_of(paper)
    assert "L’essentiel en une page" in first and "À signer avant usage" in first and "protection des données" in first
    assert "La question" in second and not re.search(r"2 · ", first)
    assert len(rest) > 5
    assert re.search(rf"Page 1 / {len(rest) + 2}\b", first) and re.search(rf"Page {len(rest) + 2} /", rest[-1])


def test_the_figures_are_on_paper(paper: Path, full: TrainingResult) -> None:
    text = " ".join(" ".join(pages_of(paper)).split())
    with speaking("fr"):
        wanted = [money(full.strategies["vigie"].value, "EUR"), money(33.77, "EUR"), decimal(0.7654, 4)]
    plain_text = text.replace("\u202f", " ").replace("\u00a0", " ")
    assert [figure for figure in wanted if figure.replace("\u202f", " ") not in plain_text] == []


def test_the_same_report_is_the_same_file(paper: Path, full: TrainingResult) -> None:
    from vigie.report.pdf import pdf

    assert paper.read_bytes() == pdf(render(full, generated_at=NOW, language="fr"))


def test_the_file_says_when_the_report_was_written_and_not_when_it_was_printed(paper: Path) -> None:
    if shutil.which("pdfinfo") is None:
        pytest.skip("pdfinfo (poppler-utils) is not installed")
    done = subprocess.run(["pdfinfo", "-isodates", str(paper)], capture_output=True, check=True, text=True)
    said = dict(line.split(":", 1) for line in done.stdout.splitlines())
    assert said["CreationDate"].strip().startswith("2026-01-02T09:30:00")
    assert said["Title"].strip().startswith("Score") and said["Page size"].strip().endswith("(A4)")
