"""The training report: what it says, that it is safe and self-contained, and that nothing undefined breaks it."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from bs4 import BeautifulSoup

from vigie import Loan
from vigie.clock import parse_moment
from vigie.definition import Kind
from vigie.definition.score import replace_score
from vigie.economics import PayoffValues
from vigie.errors import TrainingError
from vigie.features.training_set import TrainingSet
from vigie.features.values import Values
from vigie.findings import Finding, Severity
from vigie.report.numerals import money
from vigie.report.page import Section
from vigie.training.options import TrainOptions
from vigie.training.report import (
    answer,
    compared,
    data,
    document,
    drivers,
    earnings,
    quality,
    question,
    render,
    reproduce,
    write_report,
)
from vigie.training.report.interval import difference_interval
from vigie.training.report.subject import Subject
from vigie.training.report.verdict import judge
from vigie.training.result import Metrics, TrainingResult
from vigie.training.train import train

NOW = parse_moment("2026-01-02T09:30")
ALWAYS = [
    "answer", "question", "data", "candidates", "quality", "earnings", "drivers", "findings", "card", "sheet", "reproduce",
]  # fmt: skip
NAN = float("nan")
HOSTILE = "<script>alert('x')</script>&\"<img src=x onerror=alert(1)>"
LINEAR = TrainOptions(models=("logistic_regression",), threads=1, trials=0)


@pytest.fixture(scope="module")
def monthly(monthly_set: Callable[..., TrainingSet]) -> TrainingResult:
    return train(monthly_set(), LINEAR)


@pytest.fixture(scope="module")
def once(once_set: Callable[..., TrainingSet]) -> TrainingResult:
    return train(once_set(), LINEAR)


@pytest.fixture(scope="module")
def written(monthly: TrainingResult) -> str:
    return render(monthly, generated_at=NOW)


def soup_of(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def text_of(part: Section) -> str:
    return soup_of(part.body.markup).get_text(" ")


def with_findings(result: TrainingResult, *severities: Severity) -> TrainingResult:
    findings = tuple(Finding("VGT001", s, "Something", HOSTILE, HOSTILE, HOSTILE) for s in severities)
    return dataclasses.replace(result, findings=findings)


class Balance(HTMLParser):
    """Fails on an element that is closed by another's end tag."""

    VOID = frozenset({"meta", "br", "hr", "img", "link", "col"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# -- what it says ----------------------------------------------------------------------------------------------------


def test_every_section_is_there_in_order(written: str) -> None:
    found = [s["id"] for s in soup_of(written).find_all("section")]
    assert [name for name in found if name in ALWAYS] == ALWAYS


def test_the_first_paragraph_says_what_the_model_is_worth(monthly: TrainingResult, written: str) -> None:
    lead = soup_of(written).find(class_="lead").get_text()
    vigie = monthly.strategies["vigie"]
    best = max(m.value for name, m in monthly.strategies.items() if name != "vigie")
    assert f"{money(vigie.value, 'EUR')} per customer" in lead
    assert f"{money(vigie.value_total, 'EUR')} in all" in lead
    assert money(abs(vigie.value - best), "EUR") in lead and money(best, "EUR") in lead
    assert "€" in lead


def test_every_strategy_and_every_candidate_has_its_row(monthly: TrainingResult, written: str) -> None:
    soup = soup_of(written)
    earned = soup.find(id="earnings").get_text(" ")
    for words in ("Contact nobody", "Contact everybody", "Today’s rule", "Score of 0.5 or more", "Vigie’s decision"):
        assert words in earned
    for metrics in monthly.strategies.values():
        assert money(metrics.value, "EUR") in earned and money(metrics.value_total, "EUR") in earned
    compared = soup.find(id="candidates").find("table")
    names = [th.get_text(" ", strip=True).removesuffix(" chosen") for th in compared.find_all("th", scope="row")]
    assert names == [candidate.title for candidate in monthly.candidates]


def test_it_says_when_to_distrust_it_and_what_to_do_next(monthly: TrainingResult, written: str) -> None:
    text = soup_of(written).find(id="answer").get_text(" ")
    assert "How far to trust it" in text and "What to do next" in text
    assert monthly.best.diagnosis.rstrip(".") in text


def test_the_question_shows_the_cost_matrix_with_its_currency(written: str) -> None:
    text = soup_of(written).find(id="question").get_text(" ")
    assert "+€56.00" in text and "−€11.00" in text and "30 days" in text


def test_it_can_be_reproduced_from_what_it_says(monthly: TrainingResult) -> None:
    text = text_of(reproduce.section(Subject(monthly), "f" * 64))
    assert "f" * 64 in text and monthly.training_set.score.fingerprint in text and "orders 3" in text


def test_the_interval_around_the_lead_holds_it(monthly: TrainingResult) -> None:
    subject = Subject(monthly)
    assert set(subject.acts) == set(monthly.strategies)
    interval = judge(subject).interval
    assert interval is not None and interval[0] <= subject.advantage <= interval[1]


@pytest.mark.parametrize(
    ("severity", "words"), [(Severity.ERROR, "Do not use it yet"), (Severity.WARNING, "Use it with care")]
)
def test_findings_decide_the_verdict(monthly: TrainingResult, severity: Severity, words: str) -> None:
    verdict = judge(Subject(with_findings(monthly, severity, Severity.NOTE)))
    assert verdict.words == words


def test_a_model_that_earns_less_than_the_rule_is_not_recommended(monthly: TrainingResult) -> None:
    vigie = monthly.strategies["vigie"]
    rule = dataclasses.replace(vigie, value=vigie.value + 1, value_total=vigie.value_total + vigie.n)
    worse = dataclasses.replace(monthly, strategies=monthly.strategies | {"rule": rule})
    assert judge(Subject(worse)).words == "Do not use it yet"
    text = text_of(answer.section(Subject(worse)))
    assert "€1.00 less per customer" in text and "Keep to today’s rule" in text


def test_no_findings_is_a_good_sign_and_said(monthly: TrainingResult) -> None:
    clean = with_findings(monthly)
    assert judge(Subject(clean)).words == "Fit for use"
    assert "No check has anything to say" in text_of(document.findings(clean))


# -- the form --------------------------------------------------------------------------------------------------------


def test_the_document_is_well_formed_and_its_links_lead_somewhere(written: str) -> None:
    parser = Balance()
    parser.feed(written)
    assert parser.open == []
    soup = soup_of(written)
    ids = [element["id"] for element in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {a["href"].removeprefix("#") for a in soup.find_all("a")} <= set(ids)
    assert {e["aria-labelledby"] for e in soup.find_all(attrs={"aria-labelledby": True})} <= set(ids)


def test_the_document_loads_and_runs_nothing(written: str) -> None:
    assert not re.search(r"https?:|<script|<link|<iframe|<img|@import|url\((?!#)", written)


def test_every_drawing_says_what_it_shows_and_every_head_what_it_is_of(written: str) -> None:
    soup = soup_of(written)
    drawings = soup.find_all("svg")
    assert len(drawings) > 15
    assert all(d["role"] == "img" and d["aria-label"] for d in drawings)
    assert all(f.figcaption.get_text(strip=True) for f in soup.find_all("figure"))
    assert all(th["scope"] in ("row", "col") for th in soup.find_all("th"))


def test_hostile_names_are_only_text(once: TrainingResult) -> None:
    rows = once.training_set
    plan = rows.features["clients_plan"]
    hostile = Values(Kind.CATEGORY, plan.data, (HOSTILE, *plan.categories[1:]))
    score = replace_score(rows.score, description=HOSTILE, owner=HOSTILE)
    rows = dataclasses.replace(rows, score=score, features=dict(rows.features) | {"clients_plan": hostile})
    result = dataclasses.replace(with_findings(once, Severity.ERROR), training_set=rows, choice=HOSTILE)
    text = render(result, generated_at=NOW)
    soup = soup_of(text)
    assert not soup.find("script") and not soup.find("img")
    assert not any(name.startswith("on") for element in soup.find_all(True) for name in element.attrs)
    assert text.count("&lt;script&gt;") > 5


def test_three_hundred_features_stay_below_a_megabyte(once: TrainingResult) -> None:
    rows = once.training_set
    names = list(rows.features)
    many = {f"a_feature_with_a_rather_long_name_{i:03}": rows.features[names[i % len(names)]] for i in range(300)}
    importance = tuple((name, 0.1 / (i + 1), 0.01) for i, name in enumerate(many))
    result = dataclasses.replace(once, training_set=dataclasses.replace(rows, features=many), importance=importance)
    text = render(result, generated_at=NOW)
    assert len(text.encode()) < 1_000_000
    assert len(soup_of(text).find(id="data").find_all(class_="card")) == 60 and "240 further features" in text
    assert all(name in text for name in many)


def test_it_is_written_where_it_is_asked_for_and_the_same_each_time(
    monthly: TrainingResult, written: str, tmp_path: Path
) -> None:
    path = tmp_path / "reports" / "churn.html"
    assert write_report(monthly, path, generated_at=NOW) == path
    assert path.read_text(encoding="utf-8") == written
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(TrainingError, match="cannot be written"):
        write_report(monthly, tmp_path / "taken" / "report.html", generated_at=NOW)


# -- what may be missing -----------------------------------------------------------------------------------------------


def test_one_moment_no_rule_and_amounts_that_are_missing(once_set: Callable[..., TrainingSet]) -> None:
    rows = once_set(missing_value=True)
    rows = dataclasses.replace(rows, score=replace_score(rows.score, rule=None))
    subject = Subject(train(rows, LINEAR))
    asked, said, earned = (text_of(part.section(subject)) for part in (question, answer, earnings))
    assert "none declared" in asked and "an amount is missing" in asked
    assert "drawn at random" in said and "Today’s rule" not in said + earned
    assert not re.search(r"\bnan\b", asked + said + earned + text_of(data.section(subject)))


def test_measures_that_are_not_defined_are_dashes(monthly: TrainingResult) -> None:
    def blank(m: Metrics) -> Metrics:
        undefined = ("auc", "average_precision", "brier", "log_loss", "ece", "lift_at_10", "recall", "f1")
        return dataclasses.replace(m, **dict.fromkeys(undefined, NAN))

    candidates = tuple(
        dataclasses.replace(c, cv=tuple(blank(m) for m in c.cv), cv_mean=blank(c.cv_mean), test=blank(c.test))
        for c in monthly.candidates
    )
    strategies = {name: blank(m) for name, m in monthly.strategies.items()}
    importance = tuple((name, NAN, NAN) for name, _, _ in monthly.importance)
    for labels in (np.zeros_like(monthly.test_labels), np.ones_like(monthly.test_labels), monthly.test_labels):
        result = dataclasses.replace(
            monthly, candidates=candidates, strategies=strategies, importance=importance, test_labels=labels
        )
        subject = Subject(result)
        text = " ".join(text_of(part.section(subject)) for part in (answer, compared, quality, earnings, drivers))
        assert "–" in text and not re.search(r"\bnan\b", text)


def test_features_without_values_or_without_variety_are_told(once: TrainingResult) -> None:
    rows, n = once.training_set, len(once.training_set.labels)
    odd = {
        "empty_number": Values(Kind.NUMBER, np.full(n, NAN)),
        "empty_category": Values.missing(Kind.CATEGORY, n),
        "constant": Values(Kind.NUMBER, np.full(n, 7.0)),
        "one_category": Values(Kind.CATEGORY, np.zeros(n, np.int32), ("only",)),
        "always": Values(Kind.BOOLEAN, np.ones(n)),
        "infinite": Values(Kind.NUMBER, np.where(np.arange(n) % 2, np.inf, 1.0)),
        "huge": Values(Kind.NUMBER, np.linspace(-1e12, 1e12, n)),
    }
    result = dataclasses.replace(once, training_set=dataclasses.replace(rows, features=odd), importance=())
    subject = Subject(result)
    text = text_of(data.section(subject)) + text_of(drivers.section(subject))
    assert "no values at all" in text and "always 7" in text and "always “only”" in text and "true for 100%" in text
    assert "uses no feature" in text


def test_a_capacity_is_explained(monthly_set: Callable[..., TrainingSet]) -> None:
    result = train(monthly_set(capacity=20), LINEAR)
    assert "vigie" in Subject(result).acts
    text = text_of(earnings.section(Subject(result)))
    assert "Capacity is 20 customers at one moment" in text


def test_leads_are_called_and_have_no_capacity_of_a_moment(lead_set: TrainingSet) -> None:
    subject = Subject(train(lead_set, LINEAR))
    text = " ".join(text_of(part.section(subject)) for part in (answer, question, earnings))
    assert "per lead" in text and "Call nobody" in text and "Whenever a row of leads comes to be" in text
    assert "Capacity is" not in text and len(data.periods(lead_set.moments, lead_set.labels)) <= 40


def test_loans_are_refused_in_their_own_currency(once: TrainingResult) -> None:
    rows = once.training_set
    score = replace_score(rows.score, decision=Loan(amount=1000, interest=0.1, currency="CHF"))
    payoff = PayoffValues.constant(0, 0, -750, 100)
    result = dataclasses.replace(
        once, training_set=dataclasses.replace(rows, score=score), test_payoff=payoff, currency="CHF"
    )
    subject = Subject(result)
    text = " ".join(text_of(part.section(subject)) for part in (answer, question, earnings))
    assert "Refuse nobody" in text and "CHF\u202f" in text and "€" not in text and "per applicant" in text


# -- the interval ------------------------------------------------------------------------------------------------------


def test_an_interval_knows_that_the_rows_of_a_customer_are_not_independent() -> None:
    rng = np.random.default_rng(0)
    n = 400
    labels, act = rng.integers(0, 2, n), rng.random(n) < 0.5
    payoff = PayoffValues.constant(56, -11)
    keys = np.array([f"c{i}" for i in range(n)], object)
    nobody = np.zeros(n, bool)
    single = difference_interval(payoff, labels, act, nobody, keys)
    doubled = difference_interval(payoff, np.tile(labels, 2), np.tile(act, 2), np.tile(nobody, 2), np.tile(keys, 2))
    assert single == pytest.approx(doubled)
    assert difference_interval(payoff, labels, act, act, keys) == (0, 0)
    assert difference_interval(payoff, labels[:9], act[:9], nobody[:9], keys[:9]) is None


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    payoff = PayoffValues.constant(56, -11)
    held = 0
    for _ in range(300):
        labels = (rng.random(250) < 0.3).astype(int)
        keys = np.arange(250).astype(object)
        interval = difference_interval(payoff, labels, np.ones(250, bool), np.zeros(250, bool), keys)
        assert interval is not None
        held += interval[0] <= 0.3 * 56 - 0.7 * 11 <= interval[1]
    assert 0.91 <= held / 300 <= 0.985


# -- in a browser ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_shows_it_on_a_phone_without_scrolling_sideways(written: str, tmp_path: Path) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = tmp_path / "report.html"
    path.write_text(written, encoding="utf-8")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*quiet, "--disable-sync", "--no-first-run"]
        )
        for width in (320, 390, 768, 1280):
            page = browser.new_page(viewport={"width": width, "height": 850})
            requests, errors = [], []
            page.on("request", lambda request, seen=requests: seen.append(request.url))
            page.on("console", lambda message, seen=errors: seen.append(message.text))
            page.goto(path.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("getComputedStyle(document.querySelector('figure svg')).width") != "0px"
            assert requests == [path.as_uri()] and errors == []
        top = page.locator("p.lead").bounding_box()
        assert top is not None and top["y"] < 300
        browser.close()
