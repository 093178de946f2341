"""A rehearsal knows no more than its day did, adds up what its decisions were worth, and goes on where it was killed."""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from renewal_shop import START, make_project, opened, visits

from vigie.bundle import Scorer, load_bundle
from vigie.cli.program import program
from vigie.clock import DAY, iso, parse_moment
from vigie.errors import DefinitionError, InputError, SettingsError, TrainingError
from vigie.features.training_set import build_feature_set, outcomes_at
from vigie.lifecycle import rehearse_models
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.rehearse import Outcome, Rehearsal, rehearse
from vigie.lifecycle.rehearse_ground import Ground, ground_of
from vigie.lifecycle.rehearse_models import Models, rehearsal_options
from vigie.lifecycle.rehearse_page import rehearsal_page
from vigie.lifecycle.rehearse_policy import length_of, period_moment, rule_of, rules_of
from vigie.lifecycle.rehearse_records import PolicyRun
from vigie.lifecycle.rehearse_run import Conduct, rehearsed
from vigie.training.gate import GateOptions

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
    seen = []
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


def test_the_gate_looks_at_rows_that_neither_model_learned_from(
    ground: Ground, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vigie.lifecycle import rehearse_run

    looked = []
    judge = rehearse_run.judge

    def spied(
        challenger: object, champion: object, labels: np.ndarray, customers: np.ndarray, **more: object
    ) -> object:
        looked.append((labels, customers))
        return judge(challenger, champion, labels, customers, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(rehearse_run, "judge", spied)
    run = rehearsed(ground, models, rule_of("monthly", {}), Conduct(gate=GateOptions(margin=0.0)))
    assert [e.kind for e in run.events if e.kind in ("trained", "refused")][:2] == ["trained", "refused"]
    now = parse_moment("2024-07-01")
    later = max(models.at(BEGIN).learned_until, models.at(now).learned_until)
    rows = (ground.rows.moments > later) & (ground.rows.moments + 30 * DAY <= now)
    assert rows.sum() > 50
    assert looked[0][1].tolist() == ground.codes[rows].tolist()
    assert looked[0][0].tolist() == ground.rows.labels[rows].tolist()
    assert models.at(now).bundle.lineage["split"]["train_until"] <= now - 30 * DAY


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


def test_alarms_are_told_true_from_false_by_a_change_that_is_known(ground: Ground, models: Models) -> None:
    from vigie.lifecycle.rehearse import _delay, _true
    from vigie.lifecycle.rehearse_records import Alarm

    def alarm(day: int, model: int = BEGIN) -> Alarm:
        return Alarm(START + day * DAY, None, "drift", ("VGW104",), model, START + day * DAY, "")

    change = START + 200 * DAY
    before, late, soon = alarm(180), alarm(230), alarm(204)
    assert [_true(one, [change], models) for one in (before, soon, late)] == [False, True, True]
    assert _delay([before, late, soon], change) == 4.0
    assert math.isnan(_delay([before], change)) and math.isnan(_delay([alarm(291)], change))
    learned = models.at(BEGIN).learned_until
    assert not _true(soon, [learned], models) and _true(soon, [learned + DAY], models)


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
    late = [one for one in never.alarms if one.at >= change]
    for one, told in zip(found.outcomes, found.to_data()["policies"], strict=True):
        # Outcomes of moments behind the change are known from day 230 on: no alarmed model has learned of them.
        after = [alarm for alarm in one.alarms if alarm.at >= change]
        assert one.true == told["true_alarms"] == len(after) and len(one.alarms) - len(after) <= 1
        assert one.delays == (min(alarm.at - change for alarm in after) / DAY,)
        assert told["detection_days"] == list(one.delays)
    realised = [one for one in late if one.area == "performance"]
    assert realised and all(one.confirmed for one in realised)
    assert realised[0].at >= START + 225 * DAY  # not before an outcome could be known
    assert never.true is not None and never.true >= len(late) >= 1
    assert 0 < never.delays[0] <= 90
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
