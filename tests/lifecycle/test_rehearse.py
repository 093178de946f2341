"""A rehearsal knows no more than its day did, adds up what its decisions were worth, and goes on where it was killed."""

from __future__ import annotations

import json
import math
import shutil
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from renewal_shop import START, make_project, opened, visits

from vigie.bundle import Bundle, Scorer, load_bundle
from vigie.cli.program import program
from vigie.clock import DAY, iso, parse_moment
from vigie.definition import Score
from vigie.economics import PayoffValues
from vigie.errors import DefinitionError, InputError, SettingsError, TrainingError
from vigie.features.training_set import build_feature_set, outcomes_at
from vigie.lifecycle import gate as gate_room
from vigie.lifecycle import rehearse_gate, rehearse_models
from vigie.lifecycle.gate import GateRows, Sides
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rehearse import Outcome, Rehearsal, rehearse
from vigie.lifecycle.rehearse_alarms import (
    Ringing,
    allowed,
    by_chance,
    confirmed,
    found_after,
    known_to,
    ruled,
    span_of,
    verdict_of,
    worse,
)
from vigie.lifecycle.rehearse_ground import Ground, ground_of, taken
from vigie.lifecycle.rehearse_models import Model, Models, rehearsal_options
from vigie.lifecycle.rehearse_page import rehearsal_page
from vigie.lifecycle.rehearse_policy import length_of, period_moment, rule_of, rules_of
from vigie.lifecycle.rehearse_records import Alarm, Chance, PolicyRun, Stretch
from vigie.lifecycle.rehearse_run import Conduct, rehearsed
from vigie.lifecycle.renewal import Renewal, Renewals
from vigie.training.capacity import Capacity
from vigie.training.gate import GateOptions, GateVerdict
from vigie.training.metrics import auc
from vigie.watch.realised import figures_of, tally
from vigie.watch.signal import Area, Signal

BEGIN, END = START + 160 * DAY, START + 240 * DAY
OPTIONS = replace(rehearsal_options(["logistic_regression"]), folds=2)
OPEN = Conduct(bake=3 * DAY, gate=None)
"""Whatever is trained comes to answer."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("rehearse")
    make_project(target, days=300)
    return target


@pytest.fixture(scope="module")
def project(folder: Path) -> Project:
    return opened(folder, START + 300 * DAY)


@pytest.fixture(scope="module")
def ground(project: Project) -> Ground:
    return ground_of(project, project.score("churn"), OPTIONS, begin=BEGIN, end=END)


@pytest.fixture(scope="module")
def models(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(ground, OPTIONS, tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def found(project: Project, models: Models) -> Rehearsal:
    return rehearse(
        project, project.score("churn"), begin=BEGIN, end=END, policies=["monthly", "on-drift"], conduct=OPEN, options=OPTIONS,
        changes=[START + 200 * DAY], folder=models.folder,
    )  # fmt: skip


# -- what it is worth --------------------------------------------------------------------------------------------------


def test_never_is_worth_what_the_first_model_alone_would_have_brought(
    project: Project, models: Models, found: Rehearsal
) -> None:
    """The slow way: each moment by itself as `vigie score --as-of` sees it, each outcome looked up, money added up by hand."""
    declared = project.score("churn")
    schema = project.schema(declared)
    score = declared.bound(schema)
    bundle = load_bundle(models.made(BEGIN))
    scorer = Scorer(bundle)
    period, total, decisions = 15 * DAY, 0.0, 0
    for moment in range(BEGIN // period * period, END + 1, period):
        if not BEGIN <= moment <= END:
            continue
        for some in build_feature_set(score, project.lake, schema, as_of=moment):
            scores = scorer.score({**some.extras, **some.features}, len(some))
            act = bundle.decision.choose(scores.gain)
            y = outcomes_at(score, project.lake, schema, list(some.customers), some.moments, as_of=project.clock.now())
            for i in range(len(some)):
                if not math.isnan(y[i]):
                    # Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=20)
                    total += (0.5 * (20 - 1) - 1 if y[i] else -1 - 1) if act[i] else 0.0
                    decisions += 1
    never = found.outcomes[0]
    assert never.name == "never" and decisions == found.decisions > 500
    assert never.value == pytest.approx(total)
    assert sum(point.value for point in never.points) == pytest.approx(total)
    assert never.more.value == never.more.low == never.more.high == 0.0


def test_what_is_more_than_never_is_the_difference_of_the_same_decisions(found: Rehearsal) -> None:
    never, *others = found.outcomes
    assert all(one.released for one in others)
    for one in others:
        assert one.more.value == pytest.approx(one.value - never.value)
        assert one.more.low <= one.more.value <= one.more.high
        assert one.points[-1].total == pytest.approx(one.value)
        assert [p.rows for p in one.points] == [p.rows for p in never.points]
    assert found.best.value == max(one.value for one in found.outcomes)


def test_an_interval_of_the_difference_resamples_customers_and_not_rows(ground: Ground) -> None:
    from vigie.lifecycle.rehearse import _more
    from vigie.training.bootstrap import Resampling

    r = np.random.default_rng(0)
    difference = np.repeat(r.normal(0.2, 1.0, 200), 10)  # ten rows of a customer are one
    place = np.tile(np.arange(10), 200)
    alone = _more(difference, place, 10, Resampling(np.arange(2_000), 0))[-1]
    clustered = _more(difference, place, 10, Resampling(np.repeat(np.arange(200), 10), 0))[-1]
    assert (clustered.high - clustered.low) / (alone.high - alone.low) == pytest.approx(np.sqrt(10), rel=0.1)


def test_the_sums_of_many_decisions_take_a_number_for_a_customer_and_cohort_and_not_for_a_decision() -> None:
    from vigie.lifecycle.rehearse import _more
    from vigie.training.bootstrap import Resampling

    r = np.random.default_rng(0)
    n, cohorts = 100_000, 200
    difference, place, customers = r.normal(0.2, 1.0, n), r.integers(0, cohorts, n), r.integers(0, 500, n)
    few, dense = slice(0, 2_000), np.arange(cohorts)
    small = Resampling(customers[few], 0)
    by_row = np.cumsum(np.where(place[few, None] == dense, difference[few, None], 0.0), axis=1)
    expected = small.estimates(by_row[:, [0, -1]], [lambda sums: sums[:, 0], lambda sums: sums[:, 1]])
    found = _more(difference[few], place[few], cohorts, small)
    for one, other in zip((found[0], found[-1]), expected, strict=True):
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))
    whole = Resampling(customers, 0, draws=200)
    tracemalloc.start()
    _more(difference, place, cohorts, whole)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < n * cohorts  # bytes: an eighth of a number for each decision and cohort


# -- what is known on a day --------------------------------------------------------------------------------------------


def told(run: PolicyRun, ground: Ground, until: int) -> list[object]:
    """All that was said and done up to a day."""
    rows = (ground.rows.moments >= ground.begin) & (ground.rows.moments <= until)
    return [
        list(zip(ground.rows.customers[rows], ground.rows.moments[rows].tolist(), run.act[rows].tolist(), strict=True)),
        [one for one in run.events if one.at <= until],
        [(one.begin, one.model, one.acted, one.estimate.to_data()) for one in run.cohorts if one.begin <= until],
        [(one.at, one.codes, one.since, one.words) for one in run.alarms if one.at <= until],
    ]


@pytest.mark.parametrize(("seed", "name"), [(1, "on-drift"), (2, "project")])
def test_another_future_changes_nothing_before_it(tmp_path: Path, seed: int, name: str) -> None:
    """Two worlds are alike up to a day and unlike after it, in who comes, how often, and who is new."""
    day = int(np.random.default_rng(seed).integers(195, 215))
    rule = rule_of(name, {"when": ["age > 20d", "psi(score) > 0.1", "auc < 0.9"], "at_most": "10d"})
    seen, rings = [], []
    for world, customers in ((0, 250), (1, 400)):
        folder = tmp_path / str(world)
        folder.mkdir()
        make_project(folder, days=day)
        if world == 0:
            visits(folder, "2", day, 300, seed=seed)
        else:
            visits(folder, "2", day, 300, customers=customers, seed=seed + 50)
        project = opened(folder, START + 300 * DAY)
        ingest_sources(project)
        ground = ground_of(project, project.score("churn"), OPTIONS, begin=BEGIN, end=END, watched=150)
        run = rehearsed(ground, Models(ground, OPTIONS, folder / "models"), rule, OPEN)
        seen.append((told(run, ground, START + day * DAY), told(run, ground, END)))
        models, change = Models(ground, OPTIONS, folder / "models"), START + day * DAY
        rings.append({(one.at, one.code, one.subject): ruled(one, change, models, allowed(ground))[0]
                      for alarm in run.alarms for one in alarm.things})  # fmt: skip
    # What both worlds tell of the same thing on the same day comes from before they part.
    assert all(rings[i][one] != "true" for one in set(rings[0]) & set(rings[1]) for i in (0, 1))
    assert {one for one in rings[0] if one[0] <= change} == {one for one in rings[1] if one[0] <= change}
    assert len(seen[0][0][0]) > 200 and seen[0][0][2]  # type: ignore[arg-type]
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]  # else the worlds would not differ at all


def test_an_outcome_is_known_at_its_horizon_and_not_before(ground: Ground) -> None:
    moments = ground.rows.moments
    now = BEGIN + 20 * DAY
    labels = ground.labels(now)
    assert np.isnan(labels[moments + 30 * DAY > now]).all() and not np.isnan(labels[moments + 30 * DAY <= now]).any()
    learned = ground.learnable(now)
    assert learned.as_of == now and learned.moments.max() <= now - 30 * DAY
    assert learned.immature == np.count_nonzero((moments <= now) & (moments + 30 * DAY > now))


LATE = """
from vigie import Campaign, Events, Score, days, every
visits = Events("visits", key="id", time="at", known_at="known", id="number")
churn = Score("churn", moments=every(days(15)), population=visits.count(days(60)) > 0, outcome=visits.count(next=days(30)) == 0,
              features=[visits.count(days(7, 30, 60)), visits.days_since_last()],
              decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=20))
"""


def test_what_became_known_late_is_learned_late(tmp_path: Path) -> None:
    """A visit that was told of fifty days later makes the outcome false then, and not at the horizon."""
    make_project(tmp_path, days=1)
    (tmp_path / "churn.py").write_text(LATE)
    visits(tmp_path, "1", 0, 200)
    lines = (tmp_path / "visits-1.csv").read_text().splitlines()
    late = [lines[0] + ",known"]
    for line in lines[1:]:
        customer, at, number = line.split(",")
        wait = 50 * DAY if int(number.split("-")[1]) % 3 == 0 else 0
        late.append(f"{customer},{at},{number},{iso(parse_moment(at) + wait)}")
    (tmp_path / "visits-1.csv").write_text("\n".join(late) + "\n")
    for one in (tmp_path / "contracts").glob("*"):
        one.unlink()
    shutil.rmtree(tmp_path / ".vigie", ignore_errors=True)
    project = opened(tmp_path, START + 260 * DAY)
    ingest_sources(project)
    found = ground_of(project, project.score("churn"), OPTIONS, begin=START + 120 * DAY, end=START + 190 * DAY)
    assert found.lake is not None
    then, later = found.labels(START + 120 * DAY), found.labels(START + 180 * DAY)
    both = ~np.isnan(then) & ~np.isnan(later)
    assert np.count_nonzero(then[both] > later[both]) > 5 and not np.any(then[both] < later[both])


EVENTS = """
from vigie import Campaign, Events, Score, at, days
visits = Events("visits", key="id", time="at", id="number")
churn = Score("churn", moments=at(visits), outcome=visits.count(next=days(30)) == 1,  # its own alone
              features=[visits.count(days(7, 30, 60)), visits.days_since_last()],
              decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=20))
"""


def test_customers_who_are_scored_at_an_event_are_decided_alone_and_known_when_the_day_is_over(tmp_path: Path) -> None:
    make_project(tmp_path, days=230)
    (tmp_path / "churn.py").write_text(EVENTS)
    project = opened(tmp_path, START + 230 * DAY)
    found = ground_of(project, project.score("churn"), OPTIONS, begin=BEGIN, end=START + 200 * DAY)
    assert found.by_event and len(found.cohorts) == 41 and found.over(int(found.cohorts[0])) == BEGIN + DAY
    run = rehearsed(found, Models(found, OPTIONS, tmp_path / "models"), rule_of("never", {}), OPEN)
    # Events of a day are answered when it is over: those of the last day are not, on its first moment.
    assert [one.begin for one in run.cohorts] == found.cohorts[:-1].tolist()
    rows = (found.rows.moments >= BEGIN) & (found.rows.moments < START + 200 * DAY)
    assert run.decided.tolist() == rows.tolist() and run.act.sum() > 0


# -- going on ----------------------------------------------------------------------------------------------------------


def as_data(found: Rehearsal) -> str:
    return json.dumps({**found.to_data(), "seconds": 0})


def test_killed_anywhere_it_goes_on_and_finds_the_same(
    project: Project, found: Rehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies while it writes its third model; begun again it trains those that are missing and no other."""
    from vigie.training import train as room

    def again(folder: Path) -> Rehearsal:
        return rehearse(
            project, project.score("churn"), begin=BEGIN, end=END, policies=["monthly", "on-drift"], conduct=OPEN,
            options=OPTIONS, changes=[START + 200 * DAY], folder=folder,
        )  # fmt: skip

    write, made = rehearse_models.write_bundle, []

    def dying(bundle: object, place: Path) -> str:
        made.append(place)
        if len(made) == 3:
            raise KeyboardInterrupt
        return write(bundle, place)  # type: ignore[arg-type]

    monkeypatch.setattr(rehearse_models, "write_bundle", dying)
    with pytest.raises(KeyboardInterrupt):
        again(tmp_path)
    assert sum(one.is_dir() for one in tmp_path.iterdir()) == 2
    trained = []
    train = room.train
    monkeypatch.setattr(
        room, "train", lambda rows, *rest, **more: trained.append(rows.as_of) or train(rows, *rest, **more)
    )
    assert as_data(again(tmp_path)) == as_data(found)
    assert len(trained) == len(set(trained)) == sum(one.is_dir() for one in tmp_path.iterdir()) - 2
    trained.clear()
    assert as_data(again(tmp_path)) == as_data(found)
    assert trained == []


def test_releases_and_alarms_are_the_projects_where_nothing_else_is_said(folder: Path, tmp_path: Path) -> None:
    target = Path(shutil.copytree(folder, tmp_path / "shop"))
    with (target / "vigie.toml").open("a") as toml:
        toml.write("[watch.drift]\nfeature = -1\n")
    project = opened(target, START + 300 * DAY)
    with pytest.raises(SettingsError, match="feature"):
        rehearse(project, project.score("churn"), begin=BEGIN, end=END, options=OPTIONS)


def test_two_processes_find_what_one_does(project: Project, found: Rehearsal, tmp_path: Path) -> None:
    both = rehearse(
        project, project.score("churn"), begin=BEGIN, end=END, policies=["monthly"], conduct=OPEN, options=OPTIONS,
        changes=[START + 200 * DAY], folder=tmp_path, workers=2,
    )  # fmt: skip
    assert both.to_data()["policies"] == found.to_data()["policies"][:2]


# -- what happens ------------------------------------------------------------------------------------------------------


def by_name(found: Rehearsal, name: str) -> Outcome:
    return next(one for one in found.outcomes if one.name == name)


def test_a_calendar_trains_at_the_beginning_of_each_month_and_the_model_answers_after_its_time(
    found: Rehearsal,
) -> None:
    monthly = by_name(found, "monthly")
    trained = [iso(e.at)[:10] for e in monthly.events if e.kind == "trained"]
    assert trained == ["2024-07-01", "2024-08-01"]
    assert monthly.trainings == 2
    released = [e for e in monthly.events if e.kind == "released" and e.at > BEGIN]
    assert released and all(e.at == parse_moment(e.model) + 3 * DAY for e in released)
    assert monthly.released == len(released)
    assert not [
        e
        for e in found.outcomes[0].events
        if e.kind in ("trained", "refused") or (e.kind == "released" and e.at > BEGIN)
    ]


def test_the_gate_judges_on_the_test_of_the_training_and_on_nothing_that_shares_an_outcome_with_it(
    ground: Ground, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[tuple[Scorer, Scorer, GateRows, Sides]] = []
    beside = rehearse_gate.beside

    def spied(challenger: Scorer, champion: Scorer, score: Score, rows: GateRows) -> Sides:
        looked.append((challenger, champion, rows, beside(challenger, champion, score, rows)))
        return looked[-1][-1]

    monkeypatch.setattr(rehearse_gate, "beside", spied)
    run = rehearsed(ground, models, rule_of("monthly", {}), Conduct(gate=GateOptions(margin=0.0)))
    assert [e.kind for e in run.events if e.kind in ("trained", "refused")][:2] == ["trained", "refused"]
    for day, (new, old, rows, both) in zip(("2024-07-01", "2024-08-01"), looked, strict=True):
        split = new.bundle.lineage["split"]
        assert len(rows.labels) == split["test_rows"] and rows.window == (split["test_from"], split["test_until"])
        judged = rows.moments[both.rows]
        assert len(judged) > 50 and judged.max() + 30 * DAY <= parse_moment(day)
        for one in (new, old):
            # The outcome of the last row learned from was over when the first judged one began.
            assert judged.min() >= one.bundle.lineage["split"]["train_until"] + 30 * DAY


def weekly(ground: Ground, customers: int = 2_000, weeks: int = 30) -> Ground:
    """Customers who come by chance, every day alike: what a row has in common with a later one is the days of both outcomes."""
    r = np.random.default_rng(0)
    quiet = r.random((customers, weeks * 7 + 31)) >= 0.0523  # so that one in five stays away for 30 days
    day = np.repeat(np.arange(weeks) * 7, customers)
    who = np.tile(np.arange(customers), weeks)
    since = np.cumsum(quiet, axis=1)
    away = since[who, day + 30] - since[who, day] == 30
    rows = replace(
        taken(ground.rows, np.resize(np.arange(len(ground.rows)), len(who))),
        customers=np.array([f"{one:05d}" for one in who], dtype=object), moments=START + day * DAY, labels=away.astype(np.int8),
    )  # fmt: skip
    return replace(ground, rows=rows, daily=rows, begin=START + 120 * DAY, end=START + weeks * 7 * DAY, _late={})


class Sayer:
    """A model that says what it is told to."""

    def __init__(self, bundle: Bundle, said: np.ndarray) -> None:
        self.bundle, self.said = bundle, said

    def probability(self, *_: object) -> np.ndarray:
        return self.said


def test_who_only_remembers_the_outcomes_it_learned_does_not_pass(ground: Ground, models: Models) -> None:
    first = models.at(BEGIN).bundle
    ground = weekly(ground)
    rows = rehearse_gate.tested(ground, Models(ground, OPTIONS, models.folder), START + 200 * DAY)
    moments = ground.rows.moments
    until = int(moments[moments <= rows.moments.min() - 30 * DAY].max())
    last = moments == until
    away = dict(zip(ground.codes[last].tolist(), ground.rows.labels[last].tolist(), strict=True))

    def verdict(rows: GateRows, until: int) -> GateVerdict:
        remembered = np.array([away[one] for one in rows.customers.tolist()])
        bundle = replace(first, lineage={"split": {"kind": "out_of_time", "train_until": until}})
        memory, base = Sayer(bundle, np.where(remembered, 0.25, 0.18)), Sayer(bundle, np.full(len(remembered), 0.2))
        both = gate_room.beside(memory, base, ground.score, rows)  # type: ignore[arg-type]
        return gate_room.judged(both, rows.payoff, tries=1, options=GateOptions(), currency="")

    assert len(np.unique(rows.moments)) >= 4 and not verdict(rows, until).passes
    # On the rows of the next two weeks, which are on the way to the same outcome, it would have.
    near = np.flatnonzero((moments > until) & (moments <= until + 14 * DAY))
    columns = {name: one.take(near) for name, one in {**ground.rows.extras, **ground.rows.features}.items()}
    shared = GateRows(
        columns, rows.payoff.take(np.zeros(len(near), dtype=np.int64)), ground.rows.labels[near], moments[near], ground.codes[near],
        Capacity.of(None, moments).take(near),
    )  # fmt: skip
    assert verdict(shared, START - 365 * DAY).passes
    assert verdict(shared, until).rows == 0


def test_tries_are_counted_as_in_production(ground: Ground, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    """Passed or refused, each that was judged on mostly the same rows is one."""
    first, passes, told = models.at(BEGIN), iter([False, True, False, True] * 9), []

    def said(*_: object, tries: int, **__: object) -> GateVerdict:
        told.append(tries)
        return GateVerdict(next(passes), (), 1, 1, tries, 0.0, "champion")

    judged_on = []
    tested = rehearse_gate.tested

    def looked(*arguments: Any) -> GateRows:
        judged_on.append(tested(*arguments).window)
        return tested(*arguments)

    monkeypatch.setattr(models, "at", lambda moment: replace(first, trained=moment))
    monkeypatch.setattr(rehearse_gate, "judged", said)
    monkeypatch.setattr(rehearse_gate, "tested", looked)
    rehearsed(ground, models, rule_of("weekly", {}), Conduct(bake=DAY))
    production: list[int] = []
    for i, window in enumerate(judged_on):
        before = Renewals(all=tuple(Renewal("", 0, (), "", window=one) for one in judged_on[:i]))
        production.append(before.tries(window))
    assert told == production and len(told) >= 10 and max(told) > 2 and len(set(judged_on)) > 2


def test_estimates_are_checked_against_what_came(found: Rehearsal) -> None:
    checked, held = found.outcomes[0].coverage["value"]
    assert (
        checked == len(found.outcomes[0].points) - sum(p.moment + 30 * DAY > END for p in found.outcomes[0].points) >= 3
    )
    assert 0.0 <= held <= 1.0
    assert all(low <= value <= high for value, low, high in (p.estimated for p in found.outcomes[0].points))


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "what", "remedy"),
    [
        (START - 30 * DAY, END, "nothing before it to learn from", "begin after 2024-0"),
        (START + 35 * DAY, END, "5 of the rarer kind: too few to learn from", "begin on 2024-0"),
        (BEGIN, BEGIN + 20 * DAY, "shorter than one horizon, 30 days", "longer period"),
        (BEGIN, START + 400 * DAY, "when the data end", "--as-of"),
    ],
)  # fmt: skip
def test_a_period_that_does_not_fit_the_data_is_told_with_what_would(
    project: Project, begin: int, end: int, what: str, remedy: str
) -> None:
    with pytest.raises(InputError) as error:
        ground_of(project, project.score("churn"), OPTIONS, begin=begin, end=end)
    assert what in error.value.what and remedy in error.value.remedy


def test_the_day_that_an_error_proposes_is_one_that_works(project: Project) -> None:
    with pytest.raises(InputError) as error:
        ground_of(project, project.score("churn"), OPTIONS, begin=START + 35 * DAY, end=END)
    day = error.value.remedy.split()[2]
    assert ground_of(project, project.score("churn"), OPTIONS, begin=parse_moment(day), end=END).begin


def test_a_score_without_days_and_unknown_policies_are_refused(project: Project) -> None:
    from vigie.definition import once
    from vigie.definition.score import replace_score

    with pytest.raises(DefinitionError, match="scored once"):
        ground_of(project, replace_score(project.score("churn"), moments=once()), OPTIONS, begin=BEGIN, end=END)
    with pytest.raises(SettingsError, match="no policy is called 'on_drift'") as error:
        rules_of(["on_drift"], {})
    assert "on-drift" in error.value.remedy
    with pytest.raises(SettingsError, match="declares no policy"):
        rules_of(["project"], {})
    with pytest.raises(SettingsError, match="not a length"):
        length_of("soon", "--bake")
    assert [rule.name for rule in rules_of(["monthly", "never", "monthly"], {})] == ["never", "monthly"]
    assert period_moment("2011-03", "--from") == parse_moment("2011-03-01")
    with pytest.raises(InputError, match="not a day"):
        period_moment("March", "--from")


def test_a_model_that_cannot_be_learned_on_the_way_is_told_and_the_old_one_answers_on(
    ground: Ground, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = models.at

    def failing(moment: int) -> object:
        if moment > BEGIN:
            raise TrainingError("the outcome is false on all rows")
        return at(moment)

    monkeypatch.setattr(models, "at", failing)
    run = rehearsed(ground, models, rule_of("monthly", {}), OPEN)
    assert [e.kind for e in run.events if e.kind in ("trained", "failed")] == ["failed", "failed"]
    assert run.trainings == run.released == 0 and {one.model for one in run.cohorts} == {BEGIN}


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_prints_json_and_writes_a_report(folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "out" / "rehearsal.html"
    asked = ["rehearse", "--project", str(folder), "--from", "2024-06-15", "--to", "2024-08-20", "--policy", "never,monthly",
             "--model", "logistic_regression", "--workers", "1", "--as-of", iso(START + 300 * DAY)[:10], "-o", str(report)]  # fmt: skip
    done = CliRunner().invoke(program, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [one["policy"] for one in found["policies"]] == ["never", "monthly"]
    assert found["from"] == "2024-06-15T00:00:00Z" and found["horizon_days"] == 30.0
    assert json.loads(report.with_suffix(".json").read_text())["decisions"] == found["decisions"]
    page = report.read_text()
    assert "<script" not in page and "Which policy would have paid" in page
    again = CliRunner().invoke(program, [*asked, "--language", "fr"])
    assert again.exit_code == 0, again.output
    assert "more than never" in again.stdout and "Quelle politique aurait payé" in report.read_text()


def test_the_command_says_what_it_needs(folder: Path) -> None:
    done = CliRunner().invoke(program, ["rehearse", "--project", str(folder)])
    assert done.exit_code != 0 and isinstance(done.exception, InputError)
    assert "--from 2011-03" in done.exception.remedy


# -- what is known to have changed -------------------------------------------------------------------------------------


CHANGE = START + 200 * DAY
WITHIN = (90 + 30 + 15) * DAY


def stretch(
    at: int, looks: list[tuple[int, float, float]], code: str = "VGW104", *, until: int | None = None, began: int | None = None,
    subject: str = "", model: int = BEGIN,
) -> Stretch:  # fmt: skip
    """Days after the change, all of them: when it began, and looks with the time that each tells of."""

    def moment(day: float) -> int:
        return CHANGE + round(day * DAY)

    told = tuple((moment(one), moment(begin), moment(end)) for one, begin, end in looks)
    area = "performance" if code == "VGW202" else "drift"
    return Stretch(
        moment(at), None if until is None else moment(until), code, subject, area, model, moment(at if began is None else began), told
    )  # fmt: skip


def daily(at: int, days: int = 1, **more: Any) -> Stretch:
    """A feature that drifts, by windows of a week."""
    return stretch(at, [(day, day - 7, day - 1) for day in range(at, at + days)], until=at + days, **more)


@pytest.mark.parametrize(
    ("one", "is_", "after"),
    [
        (stretch(3, [(3, -28, 2)], "VGW202", until=10), "early", None),  # two of its thirty days lie behind the change
        (stretch(3, [(3, -28, 2), (17, -13, 17)], "VGW202"), "true", 17),
        (daily(0, 9), "already", None),
        (daily(-9, 9), "", None),  # silent again on the last look before it
        (daily(1, 2), "early", None),
        (daily(1, 9), "true", 5),  # the middle of the window is behind it from then on
        (daily(2, 9, began=-20), "already", None),  # under the model before
        (daily(200, 9), "", None),
        (stretch(130, [(130, 100, 130), (140, 110, 140)], "VGW202"), "true", 130),
    ],
)  # fmt: skip
def test_what_rings_is_about_a_change_where_most_of_what_it_was_taken_from_lies_behind_it(
    models: Models, one: Stretch, is_: str, after: float | None
) -> None:
    said, days = ruled(one, CHANGE, models, WITHIN)
    assert said == is_ and (math.isnan(days) if after is None else days == after)


def test_a_model_that_has_learned_of_a_change_does_not_tell_of_it(ground: Ground, models: Models) -> None:
    model = models.at(BEGIN)
    moments, rows = model.learned
    half = int(np.repeat(moments, rows)[rows.sum() // 2])
    assert known_to(model, half - 20 * DAY, "VGW101") > 0.5 > known_to(model, half + 20 * DAY, "VGW101")
    # Outcomes run on for a horizon behind the row.
    assert known_to(model, half + 10 * DAY, "VGW202") > 0.5 > known_to(model, half + 40 * DAY, "VGW202")
    assert known_to(model, CHANGE, "VGW101") == 0.0 == known_to(model, CHANGE, "VGW202")
    soon = half - 20 * DAY
    one = replace(
        daily(1, 9), at=soon + DAY, began=soon + DAY, looks=((soon + 9 * DAY, soon + 2 * DAY, soon + 8 * DAY),)
    )
    assert ruled(one, soon, models, WITHIN)[0] == ""


def test_a_long_horizon_leaves_time_enough_to_find_a_change(ground: Ground, models: Models) -> None:
    long = replace(ground, horizon=120 * DAY)
    one = stretch(110, [(110, -10, 110)], "VGW202")
    assert allowed(long) == (90 + 120 + 15) * DAY and allowed(ground) == WITHIN
    assert found_after([one], CHANGE, models, allowed(long)) == 110


def test_what_always_rings_does_not_hide_what_begins(models: Models) -> None:
    always, second = daily(-30, 60, subject="calendar"), daily(4, 20, subject="price")
    assert math.isnan(found_after([always], CHANGE, models, WITHIN))
    assert found_after([always, second], CHANGE, models, WITHIN) == 5

    def alarm(*things: Stretch, confirmed: bool | None = False) -> str:
        made = Alarm(things[0].at, None, "drift", (), BEGIN, 0, "", things=things, confirmed=confirmed)
        return verdict_of(made, [CHANGE], models, WITHIN)

    assert alarm(second) == alarm(daily(2, 30, began=-30), second) == "true"
    assert alarm(always, second) == "already"  # what joins it is found, and nobody is told anew
    assert [alarm(one) for one in (always, daily(1, 2), daily(-9, 9))] == ["already", "early", "false"]
    assert alarm(daily(-9, 9), confirmed=True) == "confirmed"


def test_how_soon_a_change_was_found_stands_beside_how_soon_other_days_are(ground: Ground, models: Models) -> None:
    long = replace(ground, begin=START, end=START + 400 * DAY)
    rings = [daily(day, 10) for day in range(-200, 200, 20)]  # every twenty days for ten
    assert found_after(rings, CHANGE, models, WITHIN) == 20  # what rang on its day rang already
    # Far enough away are days -200 to -120 and 120 to 190; half of them are followed by one within ten days.
    far = [*range(-200, -119), *range(120, 191)]
    unknown = [one for one in far if known_to(models.at(BEGIN), CHANGE + one * DAY, "VGW104") < 0.5]
    soon = [one for one in unknown if one % 20 >= 10 and one < 180]
    assert len(far) > len(unknown) > len(soon) > 20
    assert by_chance(rings, 10.0, [CHANGE], long, models) == Chance(len(soon) / len(far), len(far))
    assert by_chance(rings, 10.0, [CHANGE], ground, models).days == 0  # eighty days have no room
    assert by_chance(rings, math.nan, [CHANGE], long, models).days == 0


def signal(code: str, subject: str = "", *, rings: bool = True, area: Area = Area.DRIFT, **more: Any) -> Signal:
    given = {"size": 1.0, "limit": 0.5, "evidence": 0.0, "since": CHANGE, "until": CHANGE, **more}
    return Signal(score="churn", model="", area=area, code=code, subject=subject, rings=rings, **given)


def test_a_thing_that_rings_on_under_the_next_model_rang_already(ground: Ground) -> None:
    ringing = Ringing()

    def look(day: int, **rings: bool) -> None:
        told = [signal("VGW101", name, rings=one) for name, one in rings.items()]
        ringing.look(CHANGE + day * DAY, BEGIN, told, {(one.code, one.subject): (day, day + 1) for one in told})

    look(1, a=True, b=True, c=False)
    assert [one.area for one in ringing.release(CHANGE + 2 * DAY)] == ["drift"]
    look(3)  # nothing can be said yet
    look(4, a=True, b=False, c=True)
    look(5, a=True, b=True, c=False)
    first, second = ringing.all()
    assert [(one.subject, one.until) for one in first.things] == [(name, CHANGE + 2 * DAY) for name in "ab"]
    began = [(one.subject, (one.began - CHANGE) // DAY, (one.at - CHANGE) // DAY) for one in second.things]
    assert began == [("a", 1, 4), ("c", 4, 4), ("b", 5, 5)]


def test_a_signal_says_what_time_it_was_taken_from(ground: Ground) -> None:
    day, days = CHANGE // DAY, range(CHANGE // DAY - 40, CHANGE // DAY + 1)

    def span(one: Signal, days: Any = days) -> tuple[float, float]:
        begin, end = span_of(one, ground, days, CHANGE - 60 * DAY)
        return (begin - CHANGE) / DAY, (end - CHANGE) / DAY

    # Who is profiled on the day of the change is as he was when it began: nothing of it lies behind.
    assert span(signal("VGW101", details={"days": 1}, until=CHANGE + DAY)) == (0, 0)
    assert span(signal("VGW101", details={"days": 7}, until=CHANGE + DAY)) == (-6, 0)
    assert span(signal("VGW106", details={"days": 7}, until=CHANGE), days=[day - 30, day - 1]) == (-1, 29)
    seen = {"area": Area.PERFORMANCE, "since": CHANGE - 45 * DAY, "until": CHANGE - 29 * DAY}
    assert span(signal("VGW202", **seen)) == (-45, 0)
    assert span(signal("VGW206", **{**seen, "area": Area.ESTIMATE})) == (-60, 0)
    assert span(signal("VGW205", area=Area.ESTIMATE, since=CHANGE, until=CHANGE + DAY)) == (0, 0)


def test_a_model_that_is_sound_is_seldom_confirmed_to_be_worse() -> None:
    """A test of five hundred rows is as uncertain as what came afterwards."""
    r = np.random.default_rng(1)
    confirmed, worlds = 0, 300
    for _ in range(worlds):
        p = r.beta(2, 5, 2_500)
        y = (r.random(len(p)) < p).astype(float)
        test = {"n": 500.0, "auc": auc(y[:500], p[:500])}
        after, came = p[500:], y[500:]
        money = PayoffValues(*(np.full(len(after), one) for one in (8.5, -2.0, 0.0, 0.0)))
        told = tally(came, after, after > 0.19, money, r.integers(0, 64, len(after)), count=64)
        confirmed += worse(figures_of(told), test)
    assert confirmed / worlds <= 0.08
    came = (r.random(len(after)) < after * 0.5).astype(float)  # half as often as is said
    assert worse(figures_of(tally(came, after, after > 0.19, money, r.integers(0, 64, len(after)), count=64)), test)


def test_an_alarm_about_cohorts_that_lost_is_confirmed_by_them(ground: Ground, models: Models) -> None:
    """What rang was about the first six weeks; outcomes are as they were from then on."""
    cohorts = ground.cohorts
    lost = np.isin(ground.rows.moments, cohorts[:2])
    turned = replace(
        ground, rows=replace(ground.rows, labels=np.where(lost, 0, ground.rows.labels).astype(np.int8)), _late={}
    )
    theirs = Models(turned, OPTIONS, models.folder)
    theirs._open[BEGIN] = Model(BEGIN, models.at(BEGIN).bundle, turned)
    at = int(cohorts[1]) + 31 * DAY
    alarm = Alarm(at, None, "performance", ("VGW202",), BEGIN, 0, "", evidence=int(cohorts[0]))
    assert confirmed(alarm, turned, theirs) is True
    assert confirmed(replace(alarm, evidence=int(cohorts[2])), turned, theirs) is False
    assert confirmed(alarm, ground, models) is False
    assert confirmed(replace(alarm, evidence=END + DAY), ground, models) is None


def test_a_change_of_the_world_rings_and_outcomes_confirm_it(tmp_path: Path) -> None:
    """From day 200 on nobody comes any more but one in ten: scores that promise otherwise are soon wrong."""
    make_project(tmp_path, days=200)
    visits(tmp_path, "2", 200, 300, seed=9)
    lines = (tmp_path / "visits-2.csv").read_text().splitlines()
    (tmp_path / "visits-2.csv").write_text(
        "\n".join([lines[0], *(one for one in lines[1:] if int(one.split(",")[0]) % 10 == 0)]) + "\n"
    )
    project = opened(tmp_path, START + 300 * DAY)
    ingest_sources(project)
    change = START + 200 * DAY
    found = rehearse(
        project, project.score("churn"), begin=BEGIN, end=START + 255 * DAY, policies=["on-loss"], conduct=OPEN, options=OPTIONS,
        changes=[change],
    )  # fmt: skip
    never = found.outcomes[0]
    for one, told in zip(found.outcomes, found.to_data()["policies"], strict=True):
        assert sum(told["alarms_by_verdict"].values()) == len(one.alarms) and one.count("true") >= 1
        assert one.count("true") == told["alarms_by_verdict"]["true"]
        # Outcomes of moments behind the change are known from day 230 on: no alarmed model has learned of them.
        assert not any(
            alarm.verdict == "true" for alarm in one.alarms if alarm.until is not None and alarm.until <= change
        )
        assert told["detection_days"] == list(one.delays) and 0 < one.delays[0] <= 60
        assert told["found_as_soon_by_chance"] == [{"share": None, "days": 0}]  # three months have no room to say
    realised = [one for one in never.alarms if one.area == "performance" and one.at >= change]
    assert realised and all(one.confirmed and one.verdict in ("true", "confirmed") for one in realised)
    assert realised[0].at >= START + 225 * DAY  # not before an outcome could be known
    assert found.best is never and "No policy brought more" in found.words


def test_what_rings_in_a_sound_world_is_not_confirmed_by_its_outcomes(found: Rehearsal) -> None:
    alarms = [alarm for one in found.outcomes for alarm in one.alarms]
    assert all(alarm.confirmed is not None for alarm in alarms)
    assert not [alarm for alarm in alarms if alarm.area == "performance"]


# -- the page ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_browser_shows_the_page_on_desktop_and_phone(found: Rehearsal, tmp_path: Path, language: str) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = tmp_path / "rehearsal.html"
    path.write_text(rehearsal_page(found, language=language), "utf-8")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=quiet)
        for width in (390, 1280):
            tab = browser.new_page(viewport={"width": width, "height": 850})
            requests: list[str] = []
            tab.on("request", lambda request, seen=requests: seen.append(request.url))
            tab.goto(path.as_uri())
            tab.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            assert tab.evaluate("document.documentElement.scrollWidth") <= width and requests == [path.as_uri()]
            rows = (
                "[...document.querySelectorAll('#answer tbody tr')].map(r => [...r.children].map(c => c.textContent))"
            )
            told = tab.evaluate(rows)
            assert [int(row[4]) for row in told] == [one.trainings for one in found.outcomes]
            assert [int(row[6]) for row in told] == [len(one.alarms) for one in found.outcomes]
            assert tab.evaluate("document.querySelectorAll('#calendar details').length") == len(found.outcomes)
            shown = (
                "[...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().width > 0).length"
            )
            assert tab.evaluate(shown) == 3
        browser.close()


def test_the_page_says_all_of_its_sentences_in_french(found: Rehearsal) -> None:
    from vigie.report.language import speaking

    with speaking("fr") as french:
        page = rehearsal_page(found, language="fr")
    assert not french.missing and "Quelle politique aurait payé" in page and 'lang="fr"' in page
