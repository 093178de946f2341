"""A project with related entities by public commands: ingest, check, train, score, and the bundle that carries it all."""

from __future__ import annotations

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from vigie.bundle import load_bundle
from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.data import read_contract
from vigie.definition import Kind, related_sources
from vigie.features.training_set import build_feature_set
from vigie.lifecycle.online_features import OnlineFeatures
from vigie.lifecycle.project import Project

PROJECT = '''"""Which leads become customers?"""
from vigie import Events, Lead, Score, Table, at, days

leads = Table("leads", key="lead_id", known_at="submitted_at")
calls = Events("calls", key="lead_id", time="called_at")
companies = Table("companies", key="company_id", known_at="known_at")
visits = Events("visits", key="company_id", time="seen_at", id="visit_id")

company = leads["company_id"]
score = Score(
    "leads",
    moments=at(leads),
    outcome=calls.where(result="won").count(next=days(20)) > 0,
    features=[
        leads["channel"],
        company.of(companies)["sector", "staff"],
        company.of(visits).count(days(7, 30)),
        company.of(visits)["pages"].sum(days(30)),
        company.of(companies)["parent_id"].of(companies)["sector"],
    ],
    rule=company.of(visits).count(days(30)) > 3,
    decision=Lead(contact_cost=1, deal_value=10),
)
'''
TOML = """
[project]
files = ["leads.py"]
[sources.leads]
path = "leads.csv"
[sources.calls]
path = "calls.csv"
[sources.companies]
path = "companies.csv"
[sources.visits]
path = "visits.csv"
"""
NOW = "2024-07-01"
COMPANIES = 60


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, list(arguments), catch_exceptions=False)


def write(path: Path, header: str, rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Leads of companies, whose numbers look like numbers; a lead of a company that visits often is won more often."""
    folder = tmp_path_factory.mktemp("leads")
    (folder / "leads.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    chance, begin = random.Random(4), datetime(2024, 1, 1, tzinfo=UTC)

    def day(number: float) -> str:
        return (begin + timedelta(days=number)).isoformat()

    companies, visits, leads, calls = [], [], [], []
    for company in range(100, 100 + COMPANIES):
        for known in (-30, 80):
            staff = chance.choice([5, 50, 500, ""])
            companies.append(
                [company, day(known), chance.choice(["food", "steel"]), staff, chance.choice(["", 100, 101])]
            )
        visits += [[len(visits) + i, company, day(chance.uniform(-20, 180)), chance.randint(1, 9)]
                   for i in range(chance.choice([0, 4, 60]))]  # fmt: skip
    often = {c: sum(1 for v in visits if v[1] == c) > 20 for c in range(100, 100 + COMPANIES)}
    for lead in range(700):
        company, at = chance.choice([*range(100, 100 + COMPANIES), 999]), chance.uniform(0, 170)
        leads.append([f"L{lead}", day(at), "" if lead % 40 == 0 else company, chance.choice(["web", "fair"])])
        won = chance.random() < (0.7 if often.get(company) else 0.15)
        calls.append([f"L{lead}", day(at + chance.uniform(1, 10)), "won" if won else "lost"])
    write(folder / "companies.csv", "company_id,known_at,sector,staff,parent_id", companies)
    write(folder / "visits.csv", "visit_id,company_id,seen_at,pages", visits)
    write(folder / "leads.csv", "lead_id,submitted_at,company_id,channel", leads)
    write(folder / "calls.csv", "lead_id,called_at,result", calls)
    done = run("train", "--project", str(folder), "--as-of", NOW, "--model", "logistic_regression", "--trials", "0")
    assert done.exit_code == 0, done.output
    return folder


def opened(folder: Path) -> Project:
    return Project.open(folder, None, FixedClock(parse_moment(NOW)))


def test_columns_that_name_a_company_are_names_whatever_they_look_like(project: Path) -> None:
    contracts = {name: read_contract(opened(project).settings.contracts, name) for name in ("leads", "companies")}

    assert contracts["leads"]["company_id"].kind is Kind.CATEGORY
    assert contracts["companies"]["parent_id"].kind is Kind.CATEGORY
    assert contracts["companies"]["staff"].kind is Kind.NUMBER


def test_check_finds_nothing_wrong(project: Path) -> None:
    done = run("check", "--project", str(project), "--as-of", NOW)

    assert done.exit_code == 0, done.output
    assert "VGP0" not in done.output


def test_the_bundle_carries_the_definition(project: Path) -> None:
    work = opened(project)
    folder = work.registry.bundle_path(work.registry.resolve("leads", "champion"))
    bundle = load_bundle(folder)
    restored = bundle.feature_expressions()

    assert [f.fingerprint for f in restored] == [f.fingerprint for f in work.score("leads").bound_features]
    assert set(related_sources(restored)) == {"companies", "visits"}
    assert bundle.lineage["data"].keys() == {"leads", "calls", "companies", "visits"}
    assert "Number of visits in the last 30 days, where company_id is company_id of leads" in {
        one.description for one in bundle.inputs
    }


def test_the_report_names_them(project: Path) -> None:
    (report,) = (project / ".vigie" / "reports" / "leads").glob("*/report.html")

    assert "leads_company_id_visits_count_30d" in report.read_text()


def test_scoring_the_base_uses_them(project: Path, tmp_path: Path) -> None:
    done = run("score", "--project", str(project), "--as-of", NOW, "--output", str(tmp_path / "scores.csv"))

    assert done.exit_code == 0, done.output
    scores = pl.read_csv(tmp_path / "scores.csv")
    assert len(scores) == scores["customer"].n_unique() == 700
    work = opened(project)
    schema = work.schema(work.score("leads"))
    (found,) = build_feature_set(work.score("leads").bound(schema), work.lake, schema, as_of=work.clock.now())
    visits = dict(zip(found.customers, found.features["leads_company_id_visits_count_30d"].to_list(), strict=True))
    named = pl.read_csv(project / "leads.csv")
    without = set(named.filter(pl.col("company_id").is_null())["lead_id"])
    unknown = set(named.filter(pl.col("company_id") == 999)["lead_id"]) - without
    assert without
    assert unknown
    assert {visits[lead] for lead in without} == {None}
    assert {visits[lead] for lead in unknown} == {0.0}
    by_visits = scores.with_columns(pl.col("customer").replace_strict(visits).alias("visits"))
    few, many = (by_visits.filter(f)["probability"].mean() for f in (pl.col("visits") == 0, pl.col("visits") > 4))
    assert many > few + 0.2


def test_a_request_by_id_gives_the_same(project: Path) -> None:
    """One by one, through the plan for one customer, and all together, from the online store."""
    work = opened(project)
    schema = work.schema(work.score("leads"))
    (batch,) = build_feature_set(work.score("leads").bound(schema), work.lake, schema, as_of=work.clock.now())
    folder = work.registry.bundle_path(work.registry.resolve("leads", "champion"))
    online = OnlineFeatures(work, {"leads": load_bundle(folder)})
    try:
        lookup, leads = online.lookups["leads"], batch.customers.tolist()
        together = lookup.features(leads, work.clock.now())
        alone = [lookup.features([lead], work.clock.now()) for lead in leads[:60]]
    finally:
        online.close()

    assert together.known.all()
    for name, values in {**batch.features, **batch.extras}.items():
        expected = values.to_list()
        assert {**together.features, **together.extras}[name].to_list() == expected, name
        assert [{**one.features, **one.extras}[name].to_list()[0] for one in alone] == expected[:60], name
