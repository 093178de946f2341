"""Every demo can be set up from the installed wheels, and its project file says what the data hold."""

from __future__ import annotations

import functools
from importlib import metadata
from pathlib import Path

import polars as pl
import pytest

from vigie.clock import parse_moment
from vigie.definition.decision import Campaign, Lead, Loan
from vigie.definition.kind import Kind
from vigie.definition.score import Score
from vigie.definition.source import Table
from vigie.errors import MissingExtraError, SettingsError, SourceError
from vigie.lifecycle.load import load_scores
from vigie.settings import read
from vigie_demos import DEMOS, DemoProject, create
from vigie_demos.wheel import installed_file


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


WHEEL = {"churn": "lifetimes", "tv": "empulse", "lead": "empulse", "credit": "empulse"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Sets a demo up once, by name."""
    done: dict[str, DemoProject] = {}

    def make(name: str) -> DemoProject:
        wheel = WHEEL.get(name)
        if wheel and not _installed(wheel):
            pytest.skip(f"the demo extra is not installed ({wheel}): pip install 'vigie[demo]'")
        if name not in done:
            done[name] = create(name, tmp_path_factory.mktemp(name))
        return done[name]

    return make


@pytest.fixture(params=sorted(DEMOS))
def demo(request, made):
    return made(request.param)


def _frame(file: Path, delimiter: str) -> pl.DataFrame:
    if file.suffix == ".parquet":
        return pl.read_parquet(file)
    if file.suffix == ".jsonl":
        return pl.read_ndjson(file)
    return pl.read_csv(file, separator=delimiter, try_parse_dates=True, infer_schema_length=None)


_KINDS = {pl.String: Kind.CATEGORY, pl.Boolean: Kind.BOOLEAN, pl.Date: Kind.TIME}


def _kind(column: str, dtype: pl.DataType) -> Kind:
    if column == "text":
        return Kind.TEXT
    if column.endswith("_at") or isinstance(dtype, pl.Datetime):
        return Kind.TIME
    return _KINDS.get(type(dtype), Kind.NUMBER)


@functools.cache
def _load(demo) -> tuple[Score, dict[str, pl.DataFrame]]:
    settings = read(demo.directory / "vigie.toml", environment="")
    (score,) = load_scores(settings.files).values()
    frames = {
        name: _frame(settings.root / keys["path"], keys.get("delimiter", ","))
        for name, keys in settings.sources.items()
    }
    return score, frames


def test_the_score_fits_the_data(demo):
    score, frames = _load(demo)
    schema = {name: {c: _kind(c, t) for c, t in f.schema.items()} for name, f in frames.items()}

    bound = score.bound(schema)

    assert len(bound.bound_features) >= 10
    assert score.description.count("?") >= 1, "the docstring is the business question"
    for source in score.sources.values():
        frame = frames[source.name]
        assert source.key in frame.columns
        if isinstance(source, Table):
            versions = [source.key] + ([source.known_at] if source.known_at else [])
            assert frame.select(versions).is_duplicated().sum() == 0


def test_as_of_lies_just_after_the_data(demo):
    score, frames = _load(demo)
    now = parse_moment(demo.as_of)

    for source in score.sources.values():
        column = source.known_at if isinstance(source, Table) else source.time
        if column:
            times = frames[source.name].get_column(column)
            times = times.str.to_datetime(time_zone="UTC") if times.dtype == pl.String else times
            newest = times.cast(pl.Datetime("us")).dt.epoch("us").max()
            assert now - 60 * 86_400_000_000 < newest < now, source.name


def test_a_second_call_changes_nothing(demo):
    before = {f: f.read_bytes() for f in demo.directory.rglob("*") if f.is_file() and f.suffix != ".pyc"}
    own = demo.directory / f"{demo.name}.py"
    own.write_text(own.read_text("utf-8") + "\n# mine\n", "utf-8")

    create(demo.name, demo.directory)

    assert own.read_text("utf-8").endswith("# mine\n")
    own.write_bytes(before[own])
    assert {f: f.read_bytes() for f in before} == before


def test_another_project_is_never_overwritten(tmp_path):
    (tmp_path / "vigie.toml").write_text("[project]\nfiles = []\n")

    with pytest.raises(SettingsError, match="another project"):
        create("shop", tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["vigie.toml"]


def test_an_unknown_demo_is_named(tmp_path):
    with pytest.raises(SettingsError, match="did you mean 'churn'"):
        create("chrun", tmp_path)


def test_a_missing_wheel_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"vigie\[demo\]"):
        installed_file("vigie-no-such-distribution", "data.csv")
    with pytest.raises(SourceError, match="no file"):
        installed_file("numpy", "numpy/no_such_file.csv")


@pytest.mark.parametrize("name", sorted(WHEEL))
def test_no_package_of_the_extra_is_imported(name, tmp_path):
    import subprocess
    import sys

    if not _installed(WHEEL[name]):
        pytest.skip("the demo extra is not installed: pip install 'vigie[demo]'")
    code = (
        "import sys, pathlib, vigie_demos\n"
        f"vigie_demos.create({name!r}, pathlib.Path({str(tmp_path)!r}))\n"
        "assert not {'lifetimes', 'empulse', 'pandas', 'sklearn'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_churn_keeps_every_purchase(made):
    score, frames = _load(made("churn"))
    purchases = frames["purchases"]

    assert purchases.height == 69_659
    assert purchases["customer_id"].n_unique() == 23_570
    assert purchases.drop("purchase_id").is_unique().sum() < purchases.height, "equal purchases need their line number"
    assert isinstance(score.decision, Campaign) and score.decision.currency == "USD"


def test_tv_solves_the_files_costs_exactly(made):
    _, frames = _load(made("tv"))
    costs = frames["subscribers"].select(
        value=pl.col("C_FN"), offer=pl.col("C_FP") - 2, contact=2.0, refused=pl.col("C_TP")
    )
    accepted = (costs["value"] + 2 - costs["refused"]) / (costs["value"] - costs["offer"])

    assert sorted(accepted.round(5).unique().to_list()) == [0.92, 0.95, 0.97, 0.99]
    assert sorted((costs["offer"] / costs["value"]).round(5).unique().to_list()) == [0.02, 0.05, 0.07, 0.09]


def test_lead_infers_the_years(made):
    score, frames = _load(made("lead"))
    leads = frames["leads"]
    when = leads["contacted_at"]

    assert leads.height == 45_211 and when.is_sorted()
    assert (str(when[0]), str(when[-1])) == ("2008-05-05", "2010-11-17")
    assert (when.dt.weekday() > 5).mean() < 0.002, "a bank calls on weekdays: with wrong years 2 in 7 would be weekends"
    assert isinstance(score.decision, Lead)
    assert "duration" not in " ".join(str(f.meaning()) for f in score.features)


def test_credit_lines_follow_their_source(made):
    score, frames = _load(made("credit"))
    applicants = frames["applicants"]
    line = applicants["credit_line"]

    assert applicants.height == 150_000
    assert line.null_count() == applicants["MonthlyIncome"].null_count()
    assert line.max() == 25_000 and line.min() == 0
    # Income 9,120, debts 80 %: three incomes are 27,360, and 24 payments of what is left, 1,804.6, are worth 41,2…
    assert line[0] == 25_000
    assert line[1] == 3 * 2_600
    assert isinstance(score.decision, Loan)
    population = applicants.filter((pl.col("MonthlyIncome") > 0) & (pl.col("DebtRatio") < 1))
    assert 112_915 <= population.height <= 118_000
