"""Drift of a project: every recorded prediction counted once, and what is said of it."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rollout_shop import VALUES, bundle_of, make_project, opened, register

from vigie.bundle import Scorer, load_bundle, profile_of
from vigie.clock import DAY, FixedClock, iso, parse_moment
from vigie.definition import Kind
from vigie.errors import RegistryError, SettingsError
from vigie.features.values import Values
from vigie.journal import Prediction, PredictionJournal
from vigie.lifecycle import watch_record
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.score import score_base
from vigie.lifecycle.ship import ship
from vigie.lifecycle.watch_drift import drift_policy, drift_signals, importance_of
from vigie.lifecycle.watch_profiles import Versions, day_profiles, topic_of, update_profiles
from vigie.watch.windows import day_of, name_of

START = parse_moment("2026-03-02")
ROWS = 250


def trained() -> Any:
    """The model of the shop with a reference of 4,000 customers."""
    r, bundle = np.random.default_rng(0), bundle_of(-1.0)
    columns = columns_at(4_000, r)
    scorer = Scorer(bundle)
    p = scorer.probability({**columns, "people_worth": Values(Kind.NUMBER, np.full(4_000, 250.0))}, 4_000)
    profile = profile_of(
        {name: columns[name] for name in ("people_age", "people_income")}, p,
        customers=np.arange(4_000).astype(str), acted=np.arange(4_000) % 5 == 0, outcome=np.arange(4_000) % 4 == 0,
    )  # fmt: skip
    return replace(bundle, profile=profile, metrics={"importance": {"people_age": {"drop": 0.1, "spread": 0.0}}})


def columns_at(rows: int, r: np.random.Generator, older: float = 0.0) -> dict[str, Values]:
    age = r.normal(50 + older, 12, rows)
    return {
        "people_age": Values(Kind.NUMBER, age),
        "people_income": Values(Kind.NUMBER, np.where(r.random(rows) < 0.05, np.nan, r.normal(2_500, 600, rows))),
    }


@pytest.fixture(scope="module")
def bundle() -> Any:
    return trained()


def make(folder: Path, bundle: Any, more: str = "") -> Project:
    make_project(folder, more)
    project = opened(folder, FixedClock(START + 40 * DAY))
    register(project, bundle, "champion")
    return project


def record(
    project: Project, bundle: Any, day: int, seed: int, rows: int = ROWS, older: float = 0.0, **said: Any
) -> None:
    """Predictions of one day, in a segment of its own."""
    r = np.random.default_rng(seed)
    columns = columns_at(rows, r, older)
    given = {**columns, "people_worth": Values(Kind.NUMBER, np.full(rows, 250.0))}
    p = Scorer(bundle).probability(given, rows)
    lists = {name: values.to_list() for name, values in given.items()}
    with closing(PredictionJournal(project.journal_folder)) as journal:
        for i in range(rows):
            at = START + day * DAY + (i * 300 + seed) * 1_000_000 % DAY
            journal.append(
                [
                    Prediction(
                        id=f"{day:04}-{seed:04}-{i:06}", request_id="r", score="churn", as_of=at, at=at, bundle="b",
                        values={name: values[i] for name, values in lists.items()}, probability=float(p[i]), gain=1.0,
                        decision="contact" if r.random() < 0.2 else "leave", expected_value=1.0, segment="low",
                        threshold=0.0, **{"customer": f"c{seed}-{i}", "model": "1", **said},
                    )
                ]
            )  # fmt: skip


def update(project: Project, ledger: Any, score: str, now: int) -> int:
    ship(project)
    return update_profiles(project, ledger, score, now)


def rows_of(project: Project, day: int, **asked: Any) -> int:
    watched = Versions(project, "churn").of("1")
    assert watched is not None
    first = day_of(START) + day
    found = day_profiles(ledger_of(project), "churn", watched, first, first + 1, **asked)
    return sum(one.rows for one in found.values())


def test_each_prediction_is_counted_once_however_often_and_late_it_is_looked_at(
    tmp_path: Path, bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path, bundle)
    ledger, now = ledger_of(project), START + 3 * DAY
    for seed in range(3):
        record(project, bundle, 0, seed, 40)
    assert update(project, ledger, "churn", now) == 120 and rows_of(project, 0) == 120
    assert update(project, ledger, "churn", now) == 0
    record(project, bundle, 0, 7, 30)  # comes late
    record(project, bundle, 1, 8, 20)
    assert update(project, ledger, "churn", now) == 50
    assert (rows_of(project, 0), rows_of(project, 1)) == (150, 20)
    project.lake.table("_predictions").optimize.compact()  # other files with the same rows
    assert update(project, ledger, "churn", now) == 0
    record(project, bundle, 1, 9, 10)
    ship(project)
    # Killed after a day is counted and before that is written, it is counted the next time.
    with monkeypatch.context() as patched:
        patched.setattr(type(ledger), "put_facts", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            update(project, ledger, "churn", now)
    assert rows_of(project, 1) == 20
    assert update(project, ledger, "churn", now) == 10 and rows_of(project, 1) == 30


def test_what_a_version_answered_while_it_cannot_be_fetched_is_counted_later(
    tmp_path: Path, bundle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path, bundle)
    ledger = ledger_of(project)
    record(project, bundle, 0, 1, 40)

    def away(*_: Any) -> Any:
        raise RegistryError("the artefacts cannot be fetched")

    with monkeypatch.context() as patched:
        patched.setattr(type(project.registry), "bundle_path", away)
        with pytest.raises(RegistryError, match="fetched"):
            update(project, ledger, "churn", START + DAY)
    assert update(project, ledger, "churn", START + DAY) == 40 and rows_of(project, 0) == 40
    # One that is gone for good is passed over.
    record(project, bundle, 0, 2, 30, model="9")
    assert update(project, ledger, "churn", START + DAY) == 30 and rows_of(project, 0) == 40


def test_two_that_count_at_once_count_once(tmp_path: Path, bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(tmp_path, bundle)
    ledger = ledger_of(project)
    record(project, bundle, 0, 1, 40)
    update(project, ledger, "churn", START + DAY)
    record(project, bundle, 0, 2, 30)
    ship(project)
    told = ledger.facts
    once: list[int] = []

    def facts(*args: Any, **given: Any) -> Any:
        found = told(*args, **given)
        if not once:
            once.append(1)
            update(project, ledger_of(project), "churn", START + DAY)  # another process, in between
        return found

    monkeypatch.setattr(ledger, "facts", facts)
    update(project, ledger, "churn", START + DAY)
    assert rows_of(project, 0) == 70


def test_what_is_of_another_version_or_arm_is_kept_apart(tmp_path: Path, bundle: Any) -> None:
    project = make(tmp_path, bundle)
    register(project, replace(bundle, title="another"))
    record(project, bundle, 0, 1, 40)
    record(project, bundle, 0, 2, 30, model="2", arm="challenger")
    record(project, bundle, 0, 3, 20, arm="holdout")
    record(project, bundle, 0, 4, 10, model="99")  # is in no registry any more
    update(project, ledger_of(project), "churn", START + DAY)
    assert rows_of(project, 0) == 60 and rows_of(project, 0, arms=["champion"]) == 40
    fact = ledger_of(project).facts(topic_of("churn"))[name_of(day_of(START))]
    assert list(fact["profiles"]) == ["1 champion", "1 holdout", "2 challenger"]


def test_the_hold_out_is_no_decision(tmp_path: Path, bundle: Any) -> None:
    """Training decided about everybody: that a fifth is never acted on is no drift."""
    project = make(tmp_path, bundle)
    record(project, bundle, 0, 1, 80)
    record(project, bundle, 0, 2, 20, arm="holdout")
    update(project, ledger_of(project), "churn", START + DAY)
    watched = Versions(project, "churn").of("1")
    assert watched is not None
    (found,) = day_profiles(ledger_of(project), "churn", watched, day_of(START), day_of(START) + 1).values()
    assert (found.rows, found.decided) == (100, 80)


def test_a_day_is_the_profile_of_its_rows(tmp_path: Path, bundle: Any) -> None:
    project = make(tmp_path, bundle)
    record(project, bundle, 0, 5, 200)
    update(project, ledger_of(project), "churn", START + DAY)
    watched = Versions(project, "churn").of("1")
    assert watched is not None
    (found,) = day_profiles(ledger_of(project), "churn", watched, day_of(START), day_of(START) + 1).values()
    columns = columns_at(200, np.random.default_rng(5))
    expected = watched.layout.count(columns, [f"c5-{i}" for i in range(200)])
    for name in columns:
        assert found.cells[name].tolist() == expected.cells[name].tolist()
        assert found.missing[name] == expected.missing[name] and found.sums[name] == expected.sums[name]
    assert (found.sketch == expected.sketch).all() and found.decided == 200 and 20 < found.acted < 60


def test_silence_then_a_fault_then_its_end(tmp_path: Path, bundle: Any) -> None:
    project = make(tmp_path, bundle)
    ledger = ledger_of(project)
    said: dict[int, dict[tuple[str, str], Any]] = {}
    for day in range(30):
        record(project, bundle, day, day, older=12.0 if 18 <= day < 24 else 0.0)
        found = drift_signals(project, ledger, "churn", START + (day + 1) * DAY)
        said[day] = {(one.code, one.subject): one for one in found}
    ringing = {day: {key for key, one in found.items() if one.rings} for day, found in said.items()}
    assert not any(ringing[day] for day in range(18))
    assert ("VGW101", "people_age") in ringing[20] and ("VGW107", "") in ringing[20]  # it is the only important one
    assert ("VGW101", "people_income") not in ringing[20]
    one = said[21]["VGW101", "people_age"]
    assert one.since == START + 18 * DAY and one.until == START + 22 * DAY and one.model == "1"
    assert one.details["of"] == "requests" and one.details["importance"] == 0.1
    assert said[0].keys() >= {("VGW102", "people_income"), ("VGW104", ""), ("VGW105", "")}
    assert ("VGW101", "people_age") not in ringing[29]
    assert drift_signals(project, ledger, "churn", START + 30 * DAY) == list(said[29].values())


def test_who_asks_on_the_first_day_of_a_version_is_not_everybody(tmp_path: Path, bundle: Any) -> None:
    project = make(tmp_path, bundle)
    ledger = ledger_of(project)
    ringing: list[set[str]] = []
    for day in range(3):
        record(project, bundle, day, day, older=12.0)
        found = drift_signals(project, ledger, "churn", START + (day + 1) * DAY)
        assert any(
            one.subject == "people_age" and one.size > one.limit for one in found
        )  # told of from the first day on
        ringing.append({one.subject for one in found if one.rings})
    assert ringing[0] == set() and "people_age" in ringing[1] and "people_age" in ringing[2]


def test_nothing_to_watch_is_nothing_said(tmp_path: Path, bundle: Any) -> None:
    make_project(tmp_path)
    project = opened(tmp_path, FixedClock(START))
    assert drift_signals(project, ledger_of(project), "churn", START) == []
    register(project, replace(bundle, profile={}), "champion")
    record(project, bundle, 0, 1, 60)
    assert drift_signals(project, ledger_of(project), "churn", START + DAY) == []


def test_the_season_of_a_year_ago(tmp_path: Path, bundle: Any) -> None:
    project = make(tmp_path, bundle)
    ledger = ledger_of(project)
    for day in range(-364, -350):
        record(project, bundle, day, 500 + day, older=12.0, model="before")
    for day in range(14):
        record(project, bundle, day, day, older=12.0)
    found = {(one.code, one.subject): one for one in drift_signals(project, ledger, "churn", START + 14 * DAY)}
    age = found["VGW101", "people_age"]
    assert not age.rings and age.details["against"] == "season"
    assert found["VGW104", ""].rings  # the score of then was another model's


def test_rows_as_a_whole(tmp_path: Path, bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Age and income begin to go together: no column shows it."""
    project = make(tmp_path, bundle)
    ledger = ledger_of(project)

    def together(rows: int, r: np.random.Generator, older: float = 0.0) -> dict[str, Values]:
        z = r.normal(size=rows)
        other = 0.9 * z + 0.19**0.5 * r.normal(size=rows) if older else r.normal(size=rows)
        return {
            "people_age": Values(Kind.NUMBER, 50 + 12 * z),
            "people_income": Values(Kind.NUMBER, np.where(r.random(rows) < 0.05, np.nan, 2_500 + 600 * other)),
        }

    monkeypatch.setitem(globals(), "columns_at", together)
    for day in range(38):
        record(project, bundle, day, day, older=1.0 if day >= 24 else 0.0)
    joint = {}
    for day in (24, 38):
        found = drift_signals(project, ledger, "churn", START + day * DAY)
        joint[day] = next((one for one in found if one.code == "VGW108"), None)
        assert not [one for one in found if one.rings and one.code in ("VGW101", "VGW102")]
    assert joint[24] is not None and not joint[24].rings and abs(joint[24].size - 0.5) < 0.06
    assert joint[38] is not None and joint[38].rings and "people" in joint[38].words


@pytest.fixture
def base(tmp_path: Path, bundle: Any) -> Project:
    """600 people, scored in batch."""
    project = make(tmp_path, bundle)
    people(project, 0.0, 1)
    return project


def people(project: Project, older: float, seed: int, left: float = 0.25) -> None:
    r = np.random.default_rng(seed)
    columns = columns_at(600, r, older)
    age, income = (columns[f"people_{name}"].data for name in ("age", "income"))
    lines = [
        f"{i},{age[i]:.3f},{'' if np.isnan(income[i]) else f'{income[i]:.2f}'},250,{r.random() < left}"
        for i in range(600)
    ]
    (project.settings.root / "people.csv").write_text("\n".join(["id,age,income,worth,left", *lines]) + "\n")
    ingest_sources(project)


def at(project: Project, day: int) -> Project:
    return opened(project.settings.root, FixedClock(START + day * DAY + DAY // 2))


def test_a_batch_is_watched_too_with_the_values_that_it_saw(base: Project) -> None:
    ledger = ledger_of(base)
    score_base(at(base, 1), base.score("churn"))
    found = {(one.code, one.subject): one for one in drift_signals(base, ledger, "churn", START + 2 * DAY)}
    assert not [one for one in found.values() if one.rings and one.code != "VGW105"]
    assert found["VGW101", "people_age"].details["of"] == "batches"
    assert rows_of(base, 1, batch=True) == 600 and rows_of(base, 1) == 0
    later = at(base, 30)
    people(later, 14.0, 2)
    score_base(later, base.score("churn"))
    score_base(later, base.score("churn"))  # the very same run
    found = {(one.code, one.subject): one for one in drift_signals(base, ledger, "churn", START + 31 * DAY)}
    assert found["VGW101", "people_age"].rings and found["VGW101", "people_age"].since == START + 30 * DAY
    assert rows_of(base, 30, batch=True) == 600 and rows_of(base, 1, batch=True) == 600


def test_the_hold_out_of_a_batch_is_no_decision(base: Project) -> None:
    file = base.settings.root / "vigie.toml"
    file.write_text(file.read_text().replace("[rollout]\n", "[rollout]\nholdout = 0.3\n"))
    score_base(at(base, 1), at(base, 1).score("churn"))
    update(at(base, 1), ledger_of(base), "churn", START + 2 * DAY)
    watched = Versions(base, "churn").of("1")
    assert watched is not None
    first = day_of(START) + 1
    (found,) = day_profiles(ledger_of(base), "churn", watched, first, first + 1, batch=True).values()
    assert found.rows == 600 and 360 < found.decided < 480


def test_outcomes_are_looked_up_when_they_are_known(base: Project, bundle: Any) -> None:
    ledger = ledger_of(base)
    for day in range(9):
        record(base, bundle, day, day, 60)  # of whom nobody knows what became
    record_known(base, bundle, range(9))
    found = {(one.code, one.subject): one for one in drift_signals(base, ledger, "churn", START + 9 * DAY)}
    outcome = found["VGW106", ""]
    assert not outcome.rings and outcome.details["live"] == pytest.approx(0.25, abs=0.06)
    assert outcome.details["reference"] == 0.25


def test_outcomes_of_scores_at_events_are_those_of_the_events(base: Project, bundle: Any) -> None:
    folder, days = base.settings.root, range(9)
    text = (folder / "churn.py").read_text().replace("Score, Table", "Events, Score, Table, at")
    text = text.replace("churn = Score(", 'calls = Events("calls", key="id", time="at")\nchurn = Score(')
    (folder / "churn.py").write_text(text.replace("features=", "moments=at(calls), features="))
    with (folder / "vigie.toml").open("a") as toml:
        toml.write('[sources.calls]\npath = "calls.csv"\n')
    # Every second one called; it is not known at which call the others were scored.
    said = [f"{(day * 60 + i) % 600},{iso(START + day * DAY + i * 1_000_000)}" for day in days for i in range(0, 60, 2)]
    (folder / "calls.csv").write_text("\n".join(["id,at", *said]) + "\n")
    project = opened(folder, FixedClock(START + 40 * DAY))
    ingest_sources(project)
    record_known(project, bundle, days)
    found = {
        (one.code, one.subject): one for one in drift_signals(project, ledger_of(project), "churn", START + 9 * DAY)
    }
    outcome = found["VGW106", ""]
    assert outcome.details["rows"] == 30 * 7
    assert not outcome.rings and outcome.details["live"] == pytest.approx(0.25, abs=0.09)


def record_known(project: Project, bundle: Any, days: range) -> None:
    """Predictions about the people of the source."""
    for day in days:
        with closing(PredictionJournal(project.journal_folder)) as journal:
            for i in range(60):
                moment = START + day * DAY + i * 1_000_000
                who = str((day * 60 + i) % 600)
                journal.append([Prediction(
                    id=f"k{day}-{i:03}", request_id="r", score="churn", customer=who, as_of=moment, at=moment, model="1",
                    bundle="b", values=VALUES, probability=0.2, decision="leave", gain=0.0, expected_value=0.0,
                    segment="low", threshold=0.0,
                )])  # fmt: skip


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('distance = "phi"', "psi"),
        ("feature = 0", "above 0"),
        ("joint = 0.4", "0.6"),
        ("persist = 4", "no more than of"),
        ("window = 60", "42 days"),
        ("least = 2.5", "whole number"),
        ("features = 3", "table"),
        ("[watch.drift.features]\npeople_agee = 0.2", "people_age"),
        ("unknown = 1", "unknown key"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, line: str, match: str) -> None:
    make_project(tmp_path, f"[watch.drift]\n{line}\n")
    with pytest.raises(SettingsError, match=match):
        drift_policy(opened(tmp_path))


def test_settings_are_taken(tmp_path: Path) -> None:
    make_project(
        tmp_path, '[watch.drift]\ndistance = "wasserstein"\nwindow = 3\n[watch.drift.features]\npeople_age = inf\n'
    )
    policy = drift_policy(opened(tmp_path))
    assert (policy.distance, policy.window) == ("wasserstein", 3)
    assert policy.limit("VGW101", "people_age") == policy.limit("VGW102", "people_age") == float("inf")


def test_importance_is_the_bundles(tmp_path: Path, bundle: Any) -> None:
    project = make(tmp_path, bundle)
    watched = Versions(project, "churn").of("1")
    assert watched is not None and importance_of(watched) == {"people_age": 0.1}
    assert load_bundle(project.registry.bundle_path(project.registry.resolve("churn", "1"))).profile == bundle.profile


def test_records_of_strange_values_do_not_stop_it() -> None:
    kinds = {
        "n": Kind.NUMBER,
        "b": Kind.BOOLEAN,
        "c": Kind.CATEGORY,
        "t": Kind.TIME,
        "x": Kind.TEXT,
        "absent": Kind.NUMBER,
    }
    rows = [
        {"n": 1, "b": True, "c": "a", "t": 5, "x": "hello"},
        {"n": None, "b": None, "c": None, "t": None, "x": None},
    ]
    found = watch_record.columns_of(kinds, rows)
    assert set(found) == {"n", "b", "c", "t", "x"}
    assert all(found[name].nulls().tolist() == [False, True] for name in found)
    assert watch_record.columns_of({"n": Kind.NUMBER}, [{"n": "text"}, {"n": 2.5}])["n"].to_list() == [None, 2.5]
