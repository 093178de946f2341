"""Feast itself reads the exported repository, and gives back our values: online and point in time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from own_environment import own_environment

from vigie.cli.program import program
from vigie.clock import FixedClock, parse_moment
from vigie.errors import FeatureError
from vigie.lifecycle.backfill import read_features
from vigie.lifecycle.feast_export import export_feast
from vigie.lifecycle.project import Project

VERSION = "0.67.0"
PROJECT = '''"""Who will not order?"""
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="id", known_at="since")
orders = Events("orders", key="id", time="at", id="order")

churn = Score(
    "churn", owner="crm",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], customers["since"], orders.count(days(30)), orders["amount"].sum().owned_by("billing"),
              orders["at"].max(), orders["gift"].last(), orders["amount"].mean(days(20)).log().named("log_mean")],
    decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.2, customer_value=80),
)
'''
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "customers.csv"
[sources.orders]
path = "orders.csv"
"""
NOW = "2024-06-15"
ASK = """
import json, sys
import pandas as pd
from feast import FeatureStore

store = FeatureStore(repo_path=sys.argv[1])
asked = json.load(sys.stdin)
service = store.get_feature_service("churn")
online = store.get_online_features(features=service, entity_rows=[{"customer": c} for c in asked["online"]]).to_dict()
rows = pd.DataFrame({"customer": [c for c, _ in asked["history"]],
                     "event_timestamp": pd.to_datetime([t for _, t in asked["history"]], utc=True)})
history = store.get_historical_features(entity_df=rows, features=service).to_df()
def plain(value):
    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value
view = store.get_feature_view("churn_features")
print(json.dumps({
    "online": {name: [plain(v) for v in values] for name, values in online.items()},
    "history": {str(name): [plain(v) for v in history[name]] for name in history},
    "fields": {f.name: [str(f.dtype), f.description, dict(f.tags)] for f in view.schema},
    "owner": view.owner,
}))
"""


def run(*arguments: str) -> Any:
    return CliRunner().invoke(program, list(arguments), catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    people, orders = ["id,since,country"], ["order,id,at,amount,gift"]
    for c in range(40):
        people.append(f"c{c},2024-0{c % 5 + 1}-{c % 28 + 1:02d}T01:02:03.004005Z,{['FR', 'Österreich', ''][c % 3]}")
        for k in range(c % 7):
            gift = ["true", "false", ""][k % 3]
            orders.append(f"{c}-{k},c{c},2024-0{k % 6 + 1}-{c % 28 + 1:02d}T10:00:00.123456Z,{k * 1.1},{gift}")
    (folder / "customers.csv").write_text("\n".join(people) + "\n")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    where = ("--project", str(folder), "--as-of", NOW)
    assert run("ingest", *where).exit_code == 0
    assert run("features", "backfill", *where).exit_code == 0
    done = run("features", "export", "feast", *where)
    assert done.exit_code == 0, done.output
    assert "7 features in" in done.output
    return folder


@pytest.fixture(scope="module")
def feast() -> Path:
    """Folder of the programs of an environment with Feast."""
    return own_environment(f"feast-{VERSION}", [f"feast[duckdb]=={VERSION}"]).parent


@pytest.fixture(scope="module")
def answered(folder: Path, feast: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Feast says of the repository, moved elsewhere: nothing in it depends on where it was written."""
    repository = tmp_path_factory.mktemp("feast") / "repository"
    shutil.copytree(folder / "feast", repository)
    environment = {**os.environ, "FEAST_USAGE": "False", "PATH": f"{feast}{os.pathsep}{os.environ['PATH']}"}

    def command(*words: str, **options: Any) -> str:
        done = subprocess.run(words, cwd=repository, env=environment, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    command(str(feast / "feast"), "apply")
    command(str(feast / "feast"), "materialize", "2000-01-01T00:00:00", "2024-07-01T00:00:00")
    (repository.parent / "ask.py").write_text(ASK)
    asked = json.dumps(question(folder))
    said = command(str(feast / "python"), str(repository.parent / "ask.py"), str(repository), input=asked)
    return json.loads(said.strip().splitlines()[-1])  # type: ignore[no-any-return]


def table(folder: Path) -> pl.DataFrame:
    return read_features(Project.open(folder, None, FixedClock(parse_moment(NOW))))


def question(folder: Path) -> dict[str, Any]:
    frame = table(folder)
    history = [(c, t.isoformat()) for c, t in frame.select("customer", "moment").rows()]
    # Between two moments the earlier one is what was known.
    history += [(c, "2024-04-20T12:00:00+00:00") for c in frame["customer"].unique().sort()]
    return {"online": [*frame["customer"].unique().sort().to_list(), "nobody"], "history": history}


def expected(row: dict[str, Any], *, seconds: bool) -> dict[str, Any]:
    """Our values as Feast's types hold them: a time online in whole seconds."""
    found = {}
    for name, value in row.items():
        moment = hasattr(value, "isoformat")
        found[name] = (value.replace(microsecond=0) if seconds else value).isoformat() if moment else value
    return found


def test_online_values_are_those_of_the_last_moment(folder: Path, answered: dict[str, Any]) -> None:
    frame = table(folder)
    last = {row["customer"]: row for row in frame.sort("moment").iter_rows(named=True)}
    names = [name for name in frame.columns if name not in ("customer", "moment")]
    online = answered["online"]
    assert online["customer"][-1] == "nobody" and all(online[name][-1] is None for name in names)
    for place, customer in enumerate(online["customer"][:-1]):
        wanted = expected(last[customer], seconds=True)
        assert {name: online[name][place] for name in names} == {name: wanted[name] for name in names}
    assert len(last) > 30


def test_historical_values_are_those_of_every_moment(folder: Path, answered: dict[str, Any]) -> None:
    frame, history = table(folder), answered["history"]
    names = [name for name in frame.columns if name not in ("customer", "moment")]
    known = {(row["customer"], row["moment"].isoformat()): row for row in frame.iter_rows(named=True)}
    between = 0
    for place, (customer, when) in enumerate(zip(history["customer"], history["event_timestamp"], strict=True)):
        row = known.get((customer, when))
        if row is None:
            assert when.startswith("2024-04-20")
            row = known.get((customer, "2024-04-01T00:00:00+00:00"))
            between += 1
        wanted = expected(row, seconds=False) if row is not None else dict.fromkeys(names)
        assert {name: history[name][place] for name in names} == {name: wanted[name] for name in names}
    assert between > 20 and len(history["customer"]) == len(frame) + between


def test_types_meanings_owners_and_fingerprints_are_told(folder: Path, answered: dict[str, Any]) -> None:
    fields = answered["fields"]
    project = Project.open(folder, None, FixedClock(parse_moment(NOW)))
    bound = project.score().bound(project.schema(project.score()))
    kinds = {name: said[0] for name, said in fields.items()}
    assert kinds["customers_country"] == "String" and kinds["orders_gift_last"] == "Bool"
    assert kinds["orders_amount_sum"] == "Float64" and kinds["orders_at_max"] == "UnixTimestamp"
    for feature in bound.bound_features:
        _, description, tags = fields[feature.name]
        assert description == feature.description and tags["fingerprint"] == feature.fingerprint
        assert tags["owner"] == ("billing" if feature.name == "orders_amount_sum" else "crm")
    assert answered["owner"] == "crm"


def test_the_file_has_microseconds_in_utc(folder: Path) -> None:
    schema = pq.read_schema(folder / "feast" / "data" / "churn.parquet")
    assert str(schema.field("event_timestamp").type) == "timestamp[us, tz=UTC]"
    assert str(schema.field("customers_country").type) == "string"


def test_what_cannot_be_exported_is_said(folder: Path, tmp_path: Path) -> None:
    project = Project.open(folder, None, FixedClock(parse_moment(NOW)))
    (tmp_path / "features.py").write_text("from feast import Entity\n")
    with pytest.raises(FeatureError, match="another origin"):
        export_feast(project, [project.score()], tmp_path)
    with pytest.raises(FeatureError, match="no feature table"):
        export_feast(project, [project.score()], tmp_path / "new", period="week")
