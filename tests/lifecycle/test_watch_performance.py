"""Predictions meet their outcomes: a shop whose customers order as often as their scores say, until some of them do not."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from vigie.clock import DAY, FixedClock, parse_moment
from vigie.errors import RegistryError, SettingsError
from vigie.journal import PredictionJournal
from vigie.journal.ledger import Ledger
from vigie.lifecycle import watch_scored
from vigie.lifecycle.incidents import follow, standing_of
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.playbooks import playbook
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.ship import ship
from vigie.lifecycle.watch_cohorts import Work, estimates_topic, state_topic, topic_of, update_performance
from vigie.lifecycle.watch_performance import performance_signals
from vigie.lifecycle.watch_performance_policy import performance_policy
from vigie.lifecycle.watch_scored import frame_between, held_share
from vigie.registry.record import TrainingRun
from vigie.watch.realised import Tally
from vigie.watch.signal import Area, Signal

from .scored_shop import (
    CHANGE,
    DAYS,
    FILE,
    HORIZON,
    START,
    TOML,
    N,
    bundle,
    by_subject,
    chances,
    everything,
    ledger_at,
    project_in,
    said,
)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_in(tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project_in(tmp_path_factory.mktemp("flipped"), flip=True)


def test_what_scores_promised_is_what_came(calm: Project) -> None:
    now = START + (DAYS + HORIZON) * DAY
    ledger = ledger_of(calm)
    signals = performance_signals(calm, ledger, "churn", now)
    assert [one.code for one in signals if one.rings and one.subject != "auc"] == []
    facts = ledger.facts(topic_of("churn"))
    # The last cohort is over at the end of its day: its outcomes come a horizon after that.
    assert len(facts) == DAYS and len(ledger.facts(estimates_topic("churn"))) == DAYS
    value = by_subject(signals, "VGW202")["value"]
    assert abs(value.details["value"] - value.details["promised"]) < 1.0 and value.details["customers_a_day"] == N
    concept = by_subject(signals, "VGW203")
    assert {"all", "people_country = FR", "people_country = XX"} <= set(concept)
    assert by_subject(signals, "VGW207")["orders.outcome"].size == 0
    coverage = by_subject(signals, "VGW206")
    assert coverage["auc"].details["checked"] == DAYS and coverage["auc"].details["held"] > 0.85
    first = facts["2026-01-05"]["by"]["1"]
    assert first["rows"] == N and set(first["segments"]) == {"high", "low"}


def test_each_cohort_is_worked_out_once(calm: Project) -> None:
    now = START + (DAYS + HORIZON) * DAY
    ledger = ledger_of(calm)
    update_performance(calm, ledger, "churn", now)
    before = ledger.facts(topic_of("churn"))
    assert update_performance(calm, ledger, "churn", now) == 0
    assert ledger.facts(topic_of("churn")) == before


def test_day_by_day_is_the_same_as_at_once(calm: Project, tmp_path: Path) -> None:
    from vigie.journal.ledger_open import open_ledger

    one = open_ledger("", default=tmp_path / "one.db", root=tmp_path)
    many = open_ledger("", default=tmp_path / "many.db", root=tmp_path)
    end = START + 20 * DAY
    update_performance(calm, one, "churn", end)
    for day in range(1, 21):
        update_performance(calm, many, "churn", START + day * DAY)
    assert one.facts(estimates_topic("churn")) == many.facts(estimates_topic("churn"))
    assert one.facts("performance state churn") == many.facts("performance state churn")
    assert _without_tables(one) == _without_tables(many)
    # What is not mature is not worked out.
    assert max(one.facts(topic_of("churn"))) == "2026-01-17"


def _without_tables(ledger: Ledger) -> dict[str, object]:
    return {key: fact["by"] for key, fact in ledger.facts(topic_of("churn")).items()}


def test_a_look_at_the_past_learns_nothing_twice_and_answers_as_it_did(calm: Project, tmp_path: Path) -> None:
    ledger = ledger_at(tmp_path / "past.db")
    then = performance_signals(calm, ledger, "churn", START + 12 * DAY)
    now = START + 20 * DAY
    before = performance_signals(calm, ledger, "churn", now)
    known = everything(ledger)
    past = performance_signals(calm, ledger, "churn", START + 12 * DAY)
    assert everything(ledger) == known and ledger.facts(state_topic("churn"))["clock"]["until"] == now
    assert {repr(one) for one in past} == {repr(one) for one in then} and len(past) > 20
    assert [repr(one) for one in performance_signals(calm, ledger, "churn", now)] == [repr(one) for one in before]
    assert everything(ledger) == known


def test_of_two_who_look_across_the_end_of_a_cohort_one_writes(calm: Project, tmp_path: Path) -> None:
    one, two = ledger_at(tmp_path / "one.db"), ledger_at(tmp_path / "two.db")
    evening, morning = START + 12 * DAY - 60_000_000, START + 12 * DAY + 60_000_000
    for ledger in (one, two):
        update_performance(calm, ledger, "churn", START + 10 * DAY)
    policy = performance_policy(calm)
    slow, quick = (Work(calm, one, "churn", now, policy) for now in (evening, morning))
    assert quick.run() == 4 and slow.run() is None
    update_performance(calm, one, "churn", evening)
    update_performance(calm, two, "churn", morning)
    assert everything(one) == everything(two)
    # It was refused, and begins anew where the other one ended.
    late = Work(calm, two, "churn", START + 13 * DAY, policy)
    update_performance(calm, two, "churn", START + 14 * DAY)
    assert late.run() is None
    update_performance(calm, one, "churn", START + 14 * DAY)
    assert everything(one) == everything(two)


def test_a_flip_in_one_segment_is_found_and_named(flipped: Project) -> None:
    now = START + (DAYS + HORIZON) * DAY
    signals = performance_signals(flipped, ledger_of(flipped), "churn", now)
    ringing = [one for one in by_subject(signals, "VGW203").values() if one.rings and one.subject != "all"]
    assert [one.subject for one in ringing] == ["people_country = XX"]
    assert START + (CHANGE - HORIZON) * DAY <= ringing[0].since <= START + (CHANGE + 8) * DAY
    assert ringing[0].evidence < 0.2 and ringing[0].area is Area.PERFORMANCE
    auc = by_subject(signals, "VGW201")["auc"]
    assert auc.size > auc.limit and auc.details["concept"][2] < 0
    value = by_subject(signals, "VGW202")["value"]
    # As many of XX stay who were to go as go who were to stay: nothing is lost, and nothing is said to be.
    assert not value.rings and value.details["lost_a_day"][1] < value.loss < value.details["lost_a_day"][2]


def test_outcomes_of_who_was_acted_on_do_not_count_where_there_is_a_hold_out(tmp_path: Path) -> None:
    """The campaign works: those who are contacted order three times as often. That says nothing against the scores."""
    now = START + (DAYS + HORIZON) * DAY
    blind = project_in(tmp_path / "blind", effect=3.0)
    fooled = by_subject(performance_signals(blind, ledger_of(blind), "churn", now), "VGW203")["all"]
    assert fooled.rings and fooled.details["shift"] < -0.5 and not fooled.details["unbiased"]
    wise = project_in(tmp_path / "wise", effect=3.0, holdout=0.3)
    found = performance_signals(wise, ledger_of(wise), "churn", now)
    told = by_subject(found, "VGW203")["all"]
    assert not told.rings and abs(told.details["shift"]) < 0.25 and told.details["unbiased"]
    auc = by_subject(found, "VGW201")["auc"].details
    p = chances(np.random.default_rng(5))
    wins = (p[:, None] > p[None, :]) * p[:, None] * (1 - p[None, :])
    truth = wins.sum() / (p.sum() * (1 - p).sum() - (p * (1 - p)).sum())
    # A third of 240 customers speaks for them all.
    assert auc["value"] == pytest.approx(truth, abs=0.1) and auc["low"] < auc["value"] < auc["high"]


def test_a_hold_out_that_is_turned_on_does_not_speak_for_cohorts_that_had_none(calm: Project, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(calm.settings.root, tmp_path / "later"))
    (folder / "vigie.toml").write_text(TOML + "[rollout]\nholdout = 0.05\n")
    later, now = Project.open(folder, "", calm.clock), START + 12 * DAY
    one, two = ledger_at(tmp_path / "one.db"), ledger_at(tmp_path / "two.db")
    plain, found = performance_signals(calm, one, "churn", now), performance_signals(later, two, "churn", now)
    assert everything(one) == everything(two) and [repr(one) for one in plain] == [repr(one) for one in found]
    assert by_subject(found, "VGW201")["auc"].details["unbiased"] is False


@pytest.mark.parametrize("told", [True, False])
def test_a_run_over_the_base_has_the_hold_out_that_it_was_made_with(tmp_path: Path, told: bool) -> None:
    from vigie.lifecycle import score

    project = project_in(tmp_path / "batch", until=0)
    then = Project.open(tmp_path / "batch", "", FixedClock(START + 20 * DAY))
    with pytest.MonkeyPatch.context() as patch:
        if not told:  # as runs were made before they said so
            made = score._metadata
            patch.setattr(
                score, "_metadata", lambda *a, **k: {x: y for x, y in made(*a, **k).items() if x != "holdout"}
            )
        score.score_base(then, then.score("churn"))
    toml = tmp_path / "batch" / "vigie.toml"
    toml.write_text(toml.read_text() + "[rollout]\nholdout = 0.3\n")
    project = Project.open(tmp_path / "batch", "", project.clock)
    rows = frame_between(project, "churn", START + 20 * DAY, START + 21 * DAY)
    assert held_share(rows) == 0.0 and set(rows["arm"]) == {"champion"} and len(rows) == N
    then = Project.open(tmp_path / "batch", "", FixedClock(START + 21 * DAY))
    score.score_base(then, then.score("churn"))
    rows = frame_between(project, "churn", START + 21 * DAY, START + 22 * DAY)
    assert held_share(rows) == 0.3 and 0.2 < (rows["arm"] == "holdout").mean() < 0.4


def test_a_version_that_is_gone_blinds_nobody_to_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.tracking import MlflowClient

    from vigie.lifecycle.watching import look

    project = project_in(tmp_path / "gone", until=0)
    project.registry.log(TrainingRun(replace(bundle(), title="another"), {}, {}, {}, {}), alias="champion")
    p = chances(np.random.default_rng(5))
    journal = PredictionJournal(project.journal_folder)
    for day in range(6):
        model = "1" if day < 2 else "2"
        journal.append(
            [msgspec.structs.replace(said(i, float(p[i]), START + day * DAY), model=model) for i in range(N)]
        )
    journal.close()
    MlflowClient(project.registry.tracking_uri).delete_model_version("churn", "1")
    ledger, now = ledger_of(project), START + 13 * DAY

    def unreachable(name: str) -> tuple[object, ...]:
        raise RegistryError("the registry answered: no")

    with monkeypatch.context() as patch:
        patch.setattr(project.registry, "versions", unreachable)
        with pytest.raises(RegistryError, match="answered: no"):
            update_performance(project, ledger, "churn", now)
    assert everything(ledger) == {topic: {} for topic in everything(ledger)}
    signals = look(project, ledger, "churn", now, ["performance"])
    assert not [one for one in signals if one.code == "VGW490" and one.rings]
    assert (
        by_subject(signals, "VGW202")["value"].model == "2"
        and by_subject(signals, "VGW202")["value"].details["rows"] == 4 * N
    )
    assert "480 scored by version 1 are left out" in next(one.words for one in signals if one.code == "VGW207")
    assert update_performance(project, ledger, "churn", now + DAY) == 0


def test_a_challenger_has_no_hold_out_and_the_champion_has_that_of_all(tmp_path: Path) -> None:
    """Half of the customers who are not held out are given to a challenger, whom nobody left alone speaks for."""
    from vigie.release import HoldOut
    from vigie.watch.realised import Tally, figures_of

    project = project_in(tmp_path / "rollout", until=0, holdout=0.3)
    project.registry.log(TrainingRun(replace(bundle(), title="another"), {}, {}, {}, {}), alias="challenger")
    p, held = chances(np.random.default_rng(5)), HoldOut("churn", 0.3)
    rows = []
    for i in range(N):
        one = said(i, float(p[i]), START, held.holds(f"c{i}"), 0.3)
        if i % 2 and not held.holds(f"c{i}"):
            one = msgspec.structs.replace(one, model="2", arm="challenger")
        rows.append(one)
    journal = PredictionJournal(project.journal_folder)
    journal.append(rows)
    journal.close()
    ledger = ledger_of(project)
    for day in (1, HORIZON + 1):
        update_performance(project, ledger, "churn", START + day * DAY + DAY // 2)
    (estimates,) = ledger.facts(estimates_topic("churn")).values()
    (by,) = [one["by"] for one in ledger.facts(topic_of("churn")).values()]
    assert by["2"]["blind"] and not by["2"]["checks"] and not by["1"]["blind"] and by["1"]["checks"]
    # Those whom the challenger acts on count in what is expected of it: else nobody would be acted on at all.
    for one in estimates.values():
        assert one["estimate"]["figures"]["f1"][0] > 0.5
    # All that the champion's rows stand for are all customers, though it had half of them.
    assert figures_of(Tally.from_data(by["1"]["untouched"])).rows == pytest.approx(N, rel=0.15)


def _watched_with(source: Project, folder: Path, arrives: Callable[[int], int]) -> tuple[Project, Ledger, list[Signal]]:
    """Look at three in the morning of each day; orders of a day are delivered at two in the morning of the day *arrives*."""
    project = Project.open(Path(shutil.copytree(source.settings.root, folder)), "", source.clock)
    head, *lines = (folder / "orders.csv").read_text().splitlines()
    (folder / "orders.csv").unlink()
    shutil.rmtree(project.lake.path("orders"))
    by_day: dict[int, list[str]] = {}
    for line in lines:
        day = max((parse_moment(line.split(",")[1]) - START) // DAY, 7)
        by_day.setdefault(arrives(day), []).append(line)
    ledger, signals = ledger_of(project), []
    for day in range(8, 15):
        if day in by_day:
            (folder / f"orders_{day}.csv").write_text("\n".join([head, *by_day[day], ""]))
            ingest_sources(Project.open(folder, "", FixedClock(START + day * DAY + DAY // 12)))
        then = Project.open(folder, "", FixedClock(START + day * DAY + DAY // 8))
        signals += performance_signals(then, ledger, "churn", then.clock.now())
    return project, ledger, signals


def test_outcomes_are_learned_when_they_came(tmp_path: Path) -> None:
    source = project_in(tmp_path / "source", until=10)
    _, punctual, quiet = _watched_with(source, tmp_path / "punctual", lambda day: day + 1)
    _, late, told = _watched_with(source, tmp_path / "late", lambda day: 13 if 8 <= day < 12 else day + 1)
    one, two = (ledger.facts(state_topic("churn")) for ledger in (punctual, late))
    assert one["clock"] == two["clock"] == {"until": START + 14 * DAY + DAY // 8}
    assert one["version 1"]["bets"] == two["version 1"]["bets"]
    assert one["version 1"]["estimator"]["cohorts"] == two["version 1"]["estimator"]["cohorts"]
    facts, others = (ledger.facts(topic_of("churn")) for ledger in (punctual, late))
    assert len(facts) == 7 and {key: fact["by"]["1"]["tally"] for key, fact in facts.items()} == {
        key: fact["by"]["1"]["tally"] for key, fact in others.items()
    }
    words = [one.words for one in told if one.code == "VGW207"]
    assert (
        any("outcomes of 4 cohorts wait for a delivery of orders" in one for one in words) and "wait" not in words[-1]
    )
    assert not any("wait" in one.words for one in quiet)


def test_what_never_comes_is_not_waited_for_longer_than_grace(tmp_path: Path) -> None:
    source = project_in(tmp_path / "source", until=3)
    project, ledger, _ = _watched_with(source, tmp_path / "never", lambda day: 8 if day == 7 else 99)
    assert list(ledger.facts(topic_of("churn"))) == ["2026-01-05"]
    assert ledger.facts(state_topic("churn"))["clock"]["waiting"][:2] == ["2026-01-06", "2026-01-07"]
    update_performance(project, ledger, "churn", START + 16 * DAY)
    found = ledger.facts(topic_of("churn"))
    assert {key: fact.get("late") for key, fact in found.items()} == {"2026-01-05": None, "2026-01-06": "orders"}
    (one,) = [one for one in performance_signals(project, ledger, "churn", START + 17 * DAY) if one.code == "VGW207"]
    assert "2 cohorts were worked out without one of orders" in one.words


def test_late_events_are_taken_in_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_in(tmp_path / "late", until=3)
    ledger = ledger_of(project)
    now = START + 10 * DAY
    update_performance(project, ledger, "churn", now)
    before = ledger.facts(topic_of("churn"))["2026-01-07"]["by"]["1"]
    lines = "".join(f"c{i},2026-01-08T12:00:00\n" for i in range(N))
    (tmp_path / "late" / "orders_late.csv").write_text("id,at\n" + lines)
    ingest_sources(project)
    read: list[int] = []
    monkeypatch.setattr(
        watch_scored, "frame_between", lambda *a, **k: read.append(a[3] - a[2]) or frame_between(*a, **k)
    )
    assert update_performance(project, ledger, "churn", now) == 3 and read == [3 * DAY]
    after = ledger.facts(topic_of("churn"))["2026-01-07"]["by"]["1"]
    assert _positives(before) > 0 and _positives(after) == 0
    (tmp_path / "late" / "orders_later.csv").write_text("id,at\nc1,2026-01-08T13:00:00\n")
    ingest_sources(project)
    assert [update_performance(project, ledger, "churn", now + later) for later in (DAY // 2, DAY, DAY, 8 * DAY)] == [
        0,
        3,
        0,
        0,
    ]


def _positives(fact: dict[str, dict[str, list[float]]]) -> float:
    from vigie.watch.realised import Tally

    return Tally.from_data(fact["tally"]).total("positives")


def test_a_customer_counts_once_a_day_and_the_lake_says_the_same_as_the_journal(tmp_path: Path) -> None:
    project = project_in(tmp_path / "twice", until=2)
    journal = PredictionJournal(project.journal_folder)
    again = [
        msgspec.structs.replace(said(i, 0.99, START), id=f"again-{i}", as_of=START + 3600, at=START + 3601)
        for i in range(N)
    ]
    journal.append(again)
    journal.close()
    now = START + 10 * DAY
    from vigie.journal.ledger_open import open_ledger

    one = open_ledger("", default=tmp_path / "one.db", root=tmp_path)
    two = open_ledger("", default=tmp_path / "two.db", root=tmp_path)
    update_performance(project, one, "churn", now)
    assert one.facts(estimates_topic("churn"))["2026-01-05"]["1"]["rows"] == N
    assert one.facts(estimates_topic("churn"))["2026-01-05"]["1"]["estimate"]["figures"]["outcome_rate"][0] < 0.9
    ship(project)
    update_performance(project, two, "churn", now)
    assert one.facts(topic_of("churn")) == two.facts(topic_of("churn"))


def test_nothing_predicted_says_nothing(tmp_path: Path) -> None:
    project = project_in(tmp_path / "none", until=0)
    assert performance_signals(project, ledger_of(project), "churn", START + 30 * DAY) == []


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('cohort = "month"', "day or week"),
        ("auc = -1", "above 0"),
        ('window = "soon"', "such as 28d"),
        ("auk = 1", "auc"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, line: str, match: str) -> None:
    (tmp_path / "churn.py").write_text(FILE)
    (tmp_path / "vigie.toml").write_text(TOML + f"[watch.performance]\n{line}\n")
    opening: Callable[[], object] = lambda: performance_policy(Project.open(tmp_path, "", FixedClock(START)))  # noqa: E731
    with pytest.raises(SettingsError, match=match):
        opening()


def test_weeks_are_worked_out_anew_where_there_were_days(tmp_path: Path) -> None:
    project = project_in(tmp_path / "weeks", until=14)
    ledger, now = ledger_of(project), START + 22 * DAY
    before = performance_signals(project, ledger, "churn", now)
    toml = tmp_path / "weeks" / "vigie.toml"
    toml.write_text(toml.read_text() + '[watch.performance]\ncohort = "week"\n')
    weeks = Project.open(tmp_path / "weeks", "", project.clock)
    signals = performance_signals(weeks, ledger, "churn", now)
    facts = ledger.facts(topic_of("churn", "week"))
    assert {key: fact["by"]["1"]["rows"] for key, fact in facts.items()} == {"2026-01-05": N, "2026-01-12": N}
    # A customer counts once a week, and by no day besides.
    assert by_subject(signals, "VGW202")["value"].details["rows"] == 2 * N
    estimates = ledger.facts(estimates_topic("churn", "week"))
    assert not math.isnan(estimates["2026-01-12"]["1"]["estimate"]["figures"]["auc"][0])
    assert by_subject(before, "VGW202")["value"].details["rows"] == 14 * N
    assert [repr(one) for one in performance_signals(project, ledger, "churn", now)] == [repr(one) for one in before]


def test_batches_count_with_inputs_that_are_computed_again(tmp_path: Path) -> None:
    """A run over the base keeps no values; those that make groups come from the lake, as of its moment."""
    from vigie.lifecycle.score import score_base

    project = project_in(tmp_path / "batch", until=0, holdout=0.3)
    then = Project.open(tmp_path / "batch", "", FixedClock(START + 20 * DAY))
    base = score_base(then, then.score("churn"))
    ledger = ledger_of(project)
    assert update_performance(project, ledger, "churn", START + 30 * DAY) == 2
    fact = ledger.facts(topic_of("churn"))["2026-01-25"]["by"]["1"]
    assert fact["rows"] == base.rows == N and set(fact["arms"]) == {"champion", "holdout"}
    counted = {name: figures[0] for name, figures in fact["groups"].items()}
    assert sum(counted[f"people_country = {one}"] for one in ("FR", "DE", "XX")) == counted["all"] > 0


def test_a_score_at_events_is_told_of_by_the_outcomes_of_its_events(calm: Project, tmp_path: Path) -> None:
    """Everybody visits at the beginning of each day and is scored then: the same as to score everybody every day."""
    now = calm.clock.now()
    with closing(ledger_of(calm)) as ledger:
        update_performance(calm, ledger, "churn", now)
        expected = ledger.facts(topic_of("churn"))
    folder = Path(shutil.copytree(calm.settings.root, tmp_path / "events"))
    text = FILE.replace("every\n", "every, at\n", 1).replace('every("day")', "at(visits)")
    (folder / "churn.py").write_text(
        text.replace("churn = Score", 'visits = Events("visits", key="id", time="at")\nchurn = Score')
    )
    (folder / "vigie.toml").write_text(TOML + '[sources.visits]\npath = "visits.csv"\n')
    days = [str(np.datetime64("2026-01-05") + day) for day in range(DAYS)]
    (folder / "visits.csv").write_text("id,at\n" + "".join(f"c{i},{day}\n" for day in days for i in range(0, N, 2)))
    project = Project.open(folder, "", FixedClock(now))
    ingest_sources(project)
    with closing(ledger_of(project)) as ledger:
        for topic in (topic_of("churn"), estimates_topic("churn"), state_topic("churn")):
            ledger.drop_facts(topic, "~")
        signals = performance_signals(project, ledger, "churn", now)
        found = ledger.facts(topic_of("churn"))
    assert {one.code for one in signals} >= {"VGW201", "VGW202", "VGW204", "VGW207"}
    (silent,) = [one for one in signals if one.code == "VGW207"]
    assert silent.rings and silent.size == 0.5 and silent.subject == "visits.outcome"
    with closing(ledger_of(project)) as ledger:
        follow(project, ledger, "churn", [silent], now)
        (incident,) = standing_of(ledger, "churn").ongoing
    assert "Is visits whole?" in playbook(project, incident) and "{" not in playbook(project, incident)
    assert list(found) == list(expected) and len(found) == DAYS
    for key, fact in found.items():
        one, other = (told["by"]["1"] for told in (fact, expected[key]))
        # Those who never visited were scored at no event: it is not known what became of them.
        assert one["rows"] == other["rows"] == N and one["tally"]["unknown"] == N // 2
        sums, whole = (Tally.from_data(told["tally"]).sums for told in (one, other))
        assert sums[:, 0].sum() == N // 2 and (sums[:, :2] <= whole[:, :2]).all() and sums[:, 1].sum() > 0
