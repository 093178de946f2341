"""A batch run over the base: in parts, continued where it was interrupted, the same wherever it is written to."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import DecisionRule
from vigie.clock import FixedClock, parse_moment
from vigie.errors import DataError, SettingsError
from vigie.lifecycle import parts
from vigie.lifecycle import score as room
from vigie.lifecycle.decided import Tally, chosen
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.outputs import FileTarget, SqlTarget, target_of, write
from vigie.lifecycle.parts import Parts, read_run
from vigie.lifecycle.project import Project
from vigie.lifecycle.score import ScoredBase, score_base
from vigie.lifecycle.scored_rows import scored_rows
from vigie.lifecycle.train import train_score
from vigie.training import TrainOptions

PROJECT = """
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="id", time="at")
churn = Score(
    "churn", moments=every("month"), population=orders.count(days(60)) > 0,
    outcome=orders.count(next=days(28)) == 0,
    features=[orders.count(days(30, 90))],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=100, capacity=25),
)
"""
NOW = "2024-09-15"


class Going:
    """A clock that goes, from some moment on."""

    def __init__(self, moment: int) -> None:
        self.moment = moment

    def now(self) -> int:
        self.moment += 1_000_000
        return self.moment


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, chance = tmp_path_factory.mktemp("project"), random.Random(3)
    orders = ["id,at"]
    for customer in range(150):
        loyal = chance.random() < 0.5
        orders += [
            f"{customer},2024-{month:02d}-{chance.randint(1, 14 if month == 9 else 27):02d}"
            for month in range(1, 10)
            if chance.random() < (0.95 if loyal else 0.4)
        ]
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n[sources.orders]\npath = "orders.csv"\n')
    project = opened(folder)
    ingest_sources(project)
    train_score(project, project.score("churn"), TrainOptions(models=("logistic_regression",), threads=1, trials=0))
    return folder


def opened(folder: Path, clock: Any = None) -> Project:
    return Project.open(folder, "", clock or FixedClock(parse_moment(NOW)))


@pytest.fixture
def project(root: Path) -> Project:
    import shutil

    for table in (root / ".vigie" / "lake" / "scores_churn", root / ".vigie" / "batch"):
        shutil.rmtree(table, ignore_errors=True)
    return opened(root)


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base in a dozen parts, too many to be put in order."""
    monkeypatch.setattr("vigie.features.partitions._EVENTS", 80)
    monkeypatch.setattr(parts, "SORTED", 10)


def run(project: Project, **options: Any) -> ScoredBase:
    return score_base(project, project.score("churn"), **options)


def table_of(project: Project) -> pl.DataFrame:
    return project.lake.scan("scores_churn").collect().drop("run").sort("customer", "moment")


def test_in_many_parts_the_same_customers_are_chosen(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(project, output=tmp_path / "whole.parquet")
    one = pl.read_parquet(tmp_path / "whole.parquet")
    assert one["customer"].is_sorted() and whole.acted == 25 and not whole.repeated
    ties = one.filter(pl.col("gain") == one.filter(pl.col("decision") == "contact")["gain"].min())
    assert ties["decision"].n_unique() == 2, "customers tie at the capacity"
    monkeypatch.setattr("vigie.features.partitions._EVENTS", 80)
    monkeypatch.setattr(parts, "SORTED", 10)

    again = run(project, output=tmp_path / "parts.parquet")

    other = pl.read_parquet(tmp_path / "parts.parquet")
    assert not other["customer"].is_sorted(), "in the order of its parts"
    assert other.sort("customer", "moment").equals(one)
    assert (again.rows, again.acted, again.segments, again.example) == (
        whole.rows, whole.acted, whole.segments, whole.example,
    )  # fmt: skip
    assert again.expected_value == pytest.approx(whole.expected_value) and again.repeated
    assert table_of(project).equals(one.sort("customer", "moment"))
    assert not list((project.settings.state / "batch").rglob("*.parquet")), "parts go once they are written"


@pytest.mark.usefixtures("many")
def test_an_interrupted_run_is_continued(root: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Going(parse_moment(NOW))
    real, calls = parts.Parts.put, 0

    def breaks(self: Parts, number: int, rows: pl.DataFrame) -> None:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        real(self, number, rows)

    with monkeypatch.context() as patched:
        patched.setattr(Parts, "put", breaks)
        with pytest.raises(KeyboardInterrupt):
            run(opened(root, clock))
    (left,) = (project.settings.state / "batch" / "churn").glob("*")
    begun = read_run(left)
    assert begun is not None and len(list(left.glob("part-*.parquet"))) == 4 and not project.lake.has("scores_churn")
    scored: list[int] = []

    def counted(*given: Any) -> pl.DataFrame:
        scored.append(1)
        return scored_rows(*given)

    monkeypatch.setattr("vigie.lifecycle.scored_rows.scored_rows", counted)
    done = run(opened(root, clock))

    assert done.continued == 4 and done.as_of == begun["as_of"] < clock.moment
    assert 3 < len(scored) < 20, "what was there is not scored again"
    fresh = run(opened(root, FixedClock(done.as_of)))
    assert fresh.repeated and fresh.continued == 0 and fresh.rows == done.rows
    assert len(table_of(project)) == done.rows, "the same run added nothing"


@pytest.mark.usefixtures("many")
def test_what_is_not_the_same_run_is_not_continued(
    root: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project is not None

    def interrupted(moment: int, **options: Any) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(room, "_append_once", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run(opened(root, Going(moment)), **options)

    now = parse_moment(NOW)
    interrupted(now)
    assert run(opened(root, Going(now + 10_000_000)), reasons=1).continued == 0
    interrupted(now)
    assert run(opened(root, Going(now + 2 * 86_400_000_000))).continued == 0, "older than a day"
    interrupted(now)
    assert run(opened(root, Going(now + 20_000_000)), resume=False).continued == 0
    interrupted(now)
    assert run(opened(root, FixedClock(now + 30_000_000))).continued == 0, "another moment was asked for"
    assert run(opened(root, Going(now + 40_000_000))).continued > 5


def newer(project: Project, name: str) -> None:
    """A delivery that came after the run, of what had happened before it."""
    rows = project.lake.scan("orders").head(30).collect()
    project.lake.append("orders", rows.with_columns(pl.lit(name).alias("id")), moment=project.clock.now())


def test_tries_of_one_run_add_it_once_whatever_came_in_between(root: Path, project: Project) -> None:
    first = run(project, once=True)
    newer(project, "7000")
    again = run(opened(root), once=True, output=root / "again.csv")  # killed before anybody heard that it was done

    assert again.repeated and not first.repeated
    assert again.run == first.run
    assert again.model.version == first.model.version
    for name in ("rows", "acted", "expected_value", "segments", "undecided", "example"):
        assert getattr(again, name) == pytest.approx(getattr(first, name)), name
    assert len(table_of(project)) == first.rows
    assert sum("as_of" in version.metadata for version in project.lake.versions("scores_churn")) == 1
    written = pl.read_csv(root / "again.csv", schema_overrides={"customer": pl.String})
    assert written["customer"].to_list() == table_of(project)["customer"].to_list()
    assert "run" not in written.columns

    by_hand = run(opened(root))
    assert not by_hand.repeated, "who asks for it gets what is known now"
    assert len(table_of(project)) == first.rows + by_hand.rows


def test_what_killed_tries_left_goes_with_the_one_that_is_done(root: Path, project: Project) -> None:
    folder = project.settings.state / "batch" / "churn"

    def killed(moment: int, *, once: bool) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(room, "_append_once", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                run(opened(root, FixedClock(moment)), once=once)

    now = parse_moment(NOW)
    killed(now - 60_000_000, once=True)  # its slot was left to the next one
    killed(now, once=True)
    newer(project, "7001")
    killed(now, once=True)
    killed(now, once=False)
    killed(now + 60_000_000, once=True)
    assert len(list(folder.iterdir())) == 5
    run(opened(root), once=True)

    left = [read_run(path) for path in folder.iterdir()]
    assert sorted((one["as_of"] - now, "once" in one) for one in left if one) == [(0, False), (60_000_000, True)]


def test_a_run_that_is_being_made_is_left_alone(project: Project) -> None:
    with Parts(project.settings.state / "x", {"a": 1}), pytest.raises(DataError, match="another process") as told:
        Parts(project.settings.state / "x", {"a": 1}).__enter__()
    assert told.value.retryable


def test_parts_of_another_run_or_count_are_thrown_away(tmp_path: Path) -> None:
    rows = pl.DataFrame({"customer": ["b", "a"], "moment": [1, 1]})
    with Parts(tmp_path / "run", {"a": 1}) as some:
        assert some.begun(2) == set()
        some.put(0, rows)
    with Parts(tmp_path / "run", {"a": 1}) as same:
        assert same.begun(2) == {0}
        same.put(1, rows.clear())
        assert next(same.frames())["customer"].to_list() == ["a", "b"] and same.rows() == 2
        assert same.begun(3) == set()
    with Parts(tmp_path / "run", {"a": 1}) as some:
        some.begun(1)
        some.put(0, rows)
    with Parts(tmp_path / "run", {"a": 2}) as other:
        assert other.begun(1) == set()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([float("nan"), -1.0, 0.0, 1.0, 2.0])), min_size=1, max_size=40
    ),
    st.integers(0, 6),
    st.integers(1, 5),
)
def test_ties_fall_to_the_same_customers_however_rows_are_divided(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[tuple[int, float]], capacity: int, count: int
) -> None:
    """Of one moment or several; the reference ranks all rows in the order of their customers."""
    frame = pl.DataFrame(
        {
            "customer": [f"c{i:02d}" for i in range(len(given_rows))],
            "moment": [m for m, _ in given_rows],
            "gain": [g for _, g in given_rows],
        },
        schema={"customer": pl.String, "moment": pl.Int64, "gain": pl.Float64},
    )
    rule = DecisionRule(capacity=capacity)
    expected = set(
        frame.sort("customer").filter(rule.choose(frame["gain"].to_numpy(), frame["moment"].to_numpy()))["customer"]
    )
    before, parts.SORTED = parts.SORTED, 0
    try:
        with Parts(tmp_path_factory.mktemp("run"), {}) as made:
            made.begun(count)
            for i in range(count):
                made.put(i, frame.gather_every(count, i) if i < len(frame) else frame.clear())
            act = chosen(rule, made)
            keys = np.concatenate([f["customer"].to_numpy() for f in made.frames(["customer"])])
    finally:
        parts.SORTED = before
    assert set(keys[act]) == expected


def test_figures_of_parts_add_up() -> None:
    rows = pl.DataFrame(
        {"customer": ["a", "b"], "gain": [1.0, None], "expected_value": [2.0, None], "segment": ["low", "high"]}
    )
    tally = Tally()
    tally.add(rows, np.array([True, False]))
    tally.add(rows.with_columns(gain=pl.Series([3.0, 0.5]), customer=pl.Series(["c", "d"])), np.array([True, True]))
    assert (tally.rows, tally.acted, tally.undecided, tally.example) == (4, 3, 1, "c")
    assert tally.expected_value == 4.0 and tally.segments == {"low": 2, "high": 2}


# -- where the rows go -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("many")
def test_a_table_of_a_database_holds_every_run_once(root: Path, project: Project) -> None:
    now, url = parse_moment(NOW), f"sqlite:///{root}/out.db"
    Path(root / "out.db").unlink(missing_ok=True)
    first = run(project, output=url, table="scores")
    run(project, output=url, table="scores")
    second = run(opened(root, FixedClock(now + 86_400_000_000)), output=url, table="scores")

    with sqlite3.connect(root / "out.db") as database:
        runs = dict(database.execute("SELECT run, count(*) FROM scores GROUP BY run").fetchall())
        assert runs == {first.run: first.rows, second.run: second.rows}
        probability = dict(database.execute("SELECT customer, probability FROM scores WHERE run = ?", (first.run,)))
        wanted = table_of(project).filter(moment=pl.from_epoch(pl.lit(now), "us").dt.replace_time_zone("UTC"))
        assert probability == dict(wanted.select("customer", "probability").iter_rows())

    third = run(project, output="sqlite:///out.db", table="scores", replace=True)
    with sqlite3.connect(root / "out.db") as database:
        assert database.execute("SELECT run, count(*) FROM scores GROUP BY run").fetchall() == [(third.run, third.rows)]
    assert str(third.output) == f"table scores of {url}"


def test_a_write_that_fails_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    target = SqlTarget(f"sqlite:///{tmp_path}/out.db", "scores", replace=True)
    rows = pl.DataFrame({"customer": ["a", "b"], "moment": [1, 2]})
    write(target, lambda: [rows], "r1")

    def breaks() -> Any:
        yield rows
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(target, breaks, "r2")
    with pytest.raises(DataError, match="has no column extra"):
        write(target, lambda: [rows.with_columns(extra=1)], "r2")
    with sa.create_engine(target.url).connect() as connection:
        assert connection.execute(sa.text("SELECT customer, run FROM scores")).all() == [("a", "r1"), ("b", "r1")]


def test_files_are_written_frame_by_frame_and_appear_whole(tmp_path: Path) -> None:
    rows = pl.DataFrame({"customer": ["a", "b"], "gain": [0.1, None]})
    for name in ("s.csv", "s.parquet"):
        write(FileTarget(tmp_path / "new" / name), lambda: [rows, rows], "r")
    assert pl.read_csv(tmp_path / "new" / "s.csv").equals(pl.concat([rows, rows]))
    assert pl.read_parquet(tmp_path / "new" / "s.parquet").equals(pl.concat([rows, rows]))
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["s.csv", "s.parquet"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write"):
        write(FileTarget(tmp_path / "file" / "s.csv"), lambda: [rows], "r")


def test_what_does_not_fit_together_is_explained(tmp_path: Path) -> None:
    def ask(output: Any, table: str | None = None, *, replace: bool = False) -> Any:
        return target_of(output, table, replace=replace, root=tmp_path)

    assert ask(None) is None and ask("x.csv") == FileTarget(Path("x.csv"))
    (tmp_path / "url").write_text("postgresql://me:secret@db/x\n")
    told = ask("file:url", "scores")
    assert told.url == "postgresql://me:secret@db/x" and "secret" not in str(told)
    for wrong, what in (
        (("x.xlsx",), "cannot write"),
        (("sqlite:///x.db",), "needs a table"),
        (("x.csv", "scores"), "--table is for a database"),
    ):
        with pytest.raises(SettingsError, match=what):
            ask(*wrong)
    with pytest.raises(SettingsError, match="--replace is for a database"):
        ask(None, replace=True)
    with pytest.raises(DataError, match=r"postgresql\+psycopg://me:\*\*\*@127") as refused:
        write(
            SqlTarget("postgresql+psycopg://me:secret@127.0.0.1:1/x", "t"),
            lambda: [pl.DataFrame({"customer": ["a"]})],
            "r",
        )
    assert refused.value.retryable and "secret" not in str(refused.value)


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import vigie.features.partitions as partitions
from vigie.lifecycle import parts
from test_score_batch import opened, run
partitions._EVENTS = 40
parts.SORTED = 10
print("ready", flush=True)
run(opened(Path(sys.argv[1])), output="sqlite:///killed.db", table="scores")
"""


def test_killed_anywhere_the_next_run_ends_it(root: Path, project: Project) -> None:
    chance = random.Random(2)
    Path(root / "killed.db").unlink(missing_ok=True)
    command = [sys.executable, "-c", KILLED, str(root), str(Path(__file__).parent)]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.2, 1.2))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    assert subprocess.run(command, capture_output=True).returncode == 0

    found = table_of(project)
    assert len(found) == found["customer"].n_unique() > 80
    with sqlite3.connect(root / "killed.db") as database:
        assert database.execute("SELECT count(*), count(DISTINCT customer) FROM scores").fetchone() == (
            len(found), len(found),
        )  # fmt: skip
