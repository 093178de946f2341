"""The page of what is watched: told from the ledger, in two languages, also where there is nothing to tell."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from scored_shop import HORIZON, START, N, project_in

from vigie.cli.program import program
from vigie.clock import DAY, FixedClock, iso
from vigie.lifecycle import watch_page_figures
from vigie.lifecycle.playbooks import commands_of, markup_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal import Renewal, Renewals
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.watch_page import watch_page
from vigie.lifecycle.watch_story import Story, mean_score, story
from vigie.lifecycle.watching import watch_once
from vigie.report import svg
from vigie.report.charts import watching as charts
from vigie.report.language import Translator
from vigie.watch.incident import Incident, Told
from vigie.watch.policy import Judged, RetrainPlan
from vigie.watch.profile import Layout
from vigie.watch.signal import Area
from vigie.watch.suspects import Deployment, Suspect

DAYS = 18
"""With predictions."""
LATE = START + (DAYS + HORIZON) * DAY + DAY // 4
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Days of predictions of a model whose features are nothing like its training."""
    made = project_in(tmp_path_factory.mktemp("story"), until=DAYS)
    return Project.open(made.settings.root, "", FixedClock(LATE))


@pytest.fixture(scope="module")
def told(project: Project) -> Iterator[tuple[Story, list[Any]]]:
    with closing(ledger_of(project)) as ledger:
        signals = watch_once(project, ledger, "churn", LATE)
        yield story(project, ledger, "churn", signals, LATE), signals


def test_a_story_is_what_the_ledger_knows(project: Project, told: tuple[Story, list[Any]]) -> None:
    found, signals = told
    assert found.version == "1" and found.currency == "EUR" and not found.batches
    assert [(one.begin, one.rows) for one in found.days] == [(START + day * DAY, N) for day in range(DAYS)]
    assert {one.version for one in found.days} == {"1"}
    # What is said of the last day that has rows is what the watch says now.
    last = {(one.code, one.subject): one for one in found.drifted if one.begin == found.days[-1].begin}
    drift = {
        (one.code, one.subject): one for one in signals if one.area is Area.DRIFT and (one.code, one.subject) in last
    }
    assert len(drift) >= 5 and any(one.rings for one in drift.values())
    for key, one in drift.items():
        assert last[key].rings is one.rings and last[key].ratio == pytest.approx(one.size / one.limit)
    assert [one.score for one in found.ongoing] == ["churn"] and found.playbooks[found.ongoing[0].id]
    assert found.plan is not None and not found.plan.when


def test_cohorts_have_what_was_estimated_and_then_what_came(told: tuple[Story, list[Any]]) -> None:
    found, signals = told
    mature = [one for one in found.came if not math.isnan(one.auc.value)]
    assert [one.begin for one in found.came] == [START + day * DAY for day in range(DAYS)]
    assert len(mature) == DAYS  # all are, seven days after the last
    for one in mature[10:]:
        assert one.auc.low < one.auc.value < one.auc.high and one.expected_auc.low < one.expected_auc.high
        assert one.lost.low < one.lost.value < one.lost.high
        assert math.isnan(one.expected_lost.value)  # known, no more estimated
    (short,) = (one for one in signals if one.code == "VGW202")
    # The watch tells the mean of the same days, of as many customers a day.
    days = [one for one in mature if short.since <= one.begin < short.until]
    assert np.mean([one.lost.value for one in days]) == pytest.approx(short.loss, rel=0.02)


def test_what_lies_ahead_is_estimated(project: Project) -> None:
    now = START + 15 * DAY + DAY // 4
    early = Project.open(project.settings.root, "", FixedClock(now))
    with closing(ledger_of(early)) as ledger:
        found = story(early, ledger, "churn", [], now, days=10)
    assert [one.begin for one in found.days] == [START + day * DAY for day in range(5, 15)]
    assert [one.begin for one in found.came][-1] == START + 14 * DAY  # nothing of today


def test_a_mean_score_lies_within_the_bins() -> None:
    layout = Layout({}, np.array([0.2, 0.5]), "k")
    counted = layout.count({}, ["a", "b", "c", "d"], np.array([0.1, 0.3, 0.3, 0.9]))
    assert mean_score(layout, counted) == pytest.approx((0.1 + 0.35 * 2 + 0.75) / 4)
    assert math.isnan(mean_score(layout, layout.empty()))


@pytest.fixture
def rich(told: tuple[Story, list[Any]]) -> Story:
    """A story in which everything that can happen did."""
    found, _ = told
    cause = Told("churn", "VGW101", HOSTILE, "drift", 0.3, 0.1, found.begin, 120.0, f"{HOSTILE} drifts", "1", ("high",))
    one = Incident(
        "churn-7", "churn", cause, (cause,), (Suspect("feature", HOSTILE, 1.0, f"{HOSTILE} moved"),), "critical", 1_234.0,
        found.now - 20 * DAY, found.now - 18 * DAY, found.now, 3, by="ana", acknowledged=found.now, quiet=found.now,
    )  # fmt: skip
    over = replace(one, id="churn-2", severity="info", loss=math.nan, resolved=found.now - 2 * DAY, reason="holiday")
    plan = RetrainPlan(True, True, (Judged("auc < 0.75", "met", "auc is 0.7, below 0.75"),), (Judged("incident(data)", "unknown", "x"),),
                       (), ("auc is 0.7",), False, found.now, "1")  # fmt: skip
    renewals = Renewals(2, tuple(Renewal(f"k{i}", found.now - i * 9 * DAY, ("why",), "1", outcome=outcome)  # type: ignore[arg-type]
                                 for i, outcome in enumerate(["", "promoted", "rolled back", "inconclusive", "refused", "waiting", "failed"])))  # fmt: skip
    return replace(
        found, incidents=[*found.incidents, over, one], plan=plan, renewals=renewals,
        playbooks={**found.playbooks, "churn-7": f"# Do\n\n{HOSTILE}\n\n1. `vigie check`\n"},
        releases=[Deployment(found.now - 9 * DAY, "version 2 was promoted"), Deployment(found.now, "a rollout of version 3 began")],
    )  # fmt: skip


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_page_loads_nothing_and_believes_nobody(rich: Story, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[Translator] = []
    made = Translator.__init__

    def noted(self: Translator, name: str) -> None:
        made(self, name)
        used.append(self)

    monkeypatch.setattr(Translator, "__init__", noted)
    html = watch_page([rich], language=language)
    assert "<script" not in html and "http://" not in html and "https://" not in html and "src=" not in html
    assert "&lt;script&gt;" in html and f'<html lang="{language}">' in html
    assert "<code>vigie check</code>" in html and "€1,234" in html.replace("1\u202f234\u202f€", "€1,234")
    assert not re.search(r"\bnan\b|None|\{[a-z]+\}", re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
    assert {one.language for one in used} == {language} and not set().union(*(one.missing for one in used))


def test_the_state_is_told_in_one_line(rich: Story) -> None:
    assert "2 incidents are open; they cost about €1,234 a day." in watch_page([rich])
    worst = rich.ongoing
    assert [one.severity for one in worst] == ["critical", "warning"]
    fine = replace(rich, incidents=[], signals=[replace(one, rings=False) for one in rich.signals])
    looked = sum(one.code != "VGW490" for one in rich.signals)
    assert f"Healthy: {looked} things were looked at, and no incident is open." in watch_page([fine])
    one = replace(rich, incidents=[replace(worst[0], loss=math.nan)])
    assert "One incident is open; what it costs is not known." in watch_page([one])


def test_several_scores_have_an_index(rich: Story) -> None:
    calm = replace(rich, score="loans & more", incidents=[])
    html = watch_page([calm, rich])
    assert 'href="#score-churn"' in html and 'id="score-loans---more"' in html
    assert html.index('href="#score-churn">churn</a></th>') < html.index("loans &amp; more</a></th>")  # the worse first
    ids = re.findall(r' id="(score-[^"]+)"', html)
    assert len(ids) == len(set(ids)) > 10


def test_another_version_is_marked_where_the_ledger_says_nothing(rich: Story) -> None:
    days = [replace(one, version="1" if i < 9 else "2") for i, one in enumerate(rich.days)]
    seen = watch_page_figures.switches_of(replace(rich, days=days))
    assert seen == [START + 9 * DAY, rich.now - 9 * DAY]
    told = [Deployment(START + 9 * DAY + 60_000_000, "version 2 was promoted")]
    assert watch_page_figures.switches_of(replace(rich, days=days, releases=told)) == [told[0].at]


def test_columns_that_rang_are_in_the_strip(rich: Story) -> None:
    one = rich.drifted[0]
    many = [replace(one, code="VGW101", subject=f"f{i:02}", ratio=0.1, rings=i == 39) for i in range(40)]
    weight = {f"f{i:02}": i / 100 for i in range(39)}
    shown = watch_page_figures.strip_of(replace(rich, drifted=[*rich.drifted, *many], importance=weight))
    assert len(shown) == watch_page_figures.ROWS and shown[:3] == ["VGW107", "VGW104", "VGW105"]
    assert "f39" in shown and shown[-1] > "f20"


def test_panels_are_drawn_safe_and_in_the_colours_of_the_page() -> None:
    frame = charts.Frame(START, START + 3 * DAY, (START + DAY,), 860)
    points = [
        charts.Point(START + i * DAY, START + (i + 1) * DAY, v, v - 1, v + 1)
        for i, v in enumerate([1.0, math.nan, 3.0])
    ]
    names = [HOSTILE + "a", HOSTILE + "b", "short"]
    panels = [
        charts.lanes(frame, (HOSTILE, "b", "c"), [charts.Span(START, START, "critical")], [(START, True), (START, False)]),
        charts.counts(frame, "n", points),
        charts.shares(frame, "s", [replace(one, value=0.5) for one in points]),
        charts.shares(frame, "none", []),
        charts.expected_and_realised(frame, "v", points, points, currency="EUR"),
        charts.lost(frame, "l", "CHF", points, []),
        charts.strip(frame, names, [charts.Square(names[0], START, 0.5, False), charts.Square("short", START, math.nan, False)]),
        charts.strip(frame, [], []),
    ]  # fmt: skip
    charts.column(panels).to_dict(validate=True)
    drawn = svg.inline(charts.column(panels), HOSTILE).markup
    assert "<script" not in drawn and "NaN" not in drawn and "http" not in drawn
    assert not re.findall(r'(?:fill|stroke)="(?:#|rgb|black|white)', drawn)
    assert drawn.count("short") == 1


def test_a_playbook_is_shown_and_its_commands_are_listed() -> None:
    text = "# Title\n\n1. `vigie check` and `vigie watch churn`\n2. `ls`\n\n```console\n$ vigie check\n$ vigie train\n```\n\n<img src=x>\n"
    assert commands_of(text) == ["vigie check", "vigie watch churn", "vigie train"]
    html = markup_of(text + "[x](javascript:alert(1))").markup
    assert "<h4>Title</h4>" in html and "<img" not in html and 'href="javascript' not in html


def test_the_command_writes_the_page(project: Project, tmp_path: Path) -> None:
    folder = project.settings.root
    base = ["watch", "--project", str(folder), "--as-of", iso(LATE), "--no-tell"]
    done = CliRunner().invoke(program, [*base, "--page", "--days", "14", "--language", "fr"])
    assert done.exit_code == 0, done.output
    page = (project.reports_folder / "watch.html").read_text("utf-8")
    assert "Surveillance de « churn »" in page.replace("\u202f", " ").replace("\u00a0", " ")
    other = tmp_path / "deep" / "page.html"
    done = CliRunner().invoke(program, [*base, "--json", "-o", str(other)])
    assert done.exit_code == 0 and other.exists() and done.stdout.startswith("{")
    done = CliRunner().invoke(program, [*base, "-o", str(other / "no.html")])
    assert done.exit_code == 1 and "cannot be written" in str(done.exception)
    done = CliRunner().invoke(program, [*base, "--page", "--language", "de"])
    assert done.exit_code == 1 and "'de' is not known" in str(done.exception)


def test_a_score_that_was_never_trained_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(
        "from vigie import Campaign, Events, Score, days, every\n"
        'orders = Events("orders", key="id", time="at")\n'
        'churn = Score("churn", moments=every("day"), outcome=orders.count(next=days(7)) == 0, features=[orders.count(days(30))],\n'
        "              decision=Campaign(contact_cost=1, offer_cost=2, accepted=0.5, customer_value=20))\n"
    )
    (tmp_path / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n[sources.orders]\npath = "orders.csv"\n')
    done = CliRunner().invoke(program, ["watch", "--project", str(tmp_path), "--page", "--as-of", iso(LATE)])
    assert done.exit_code == 0, done.output
    page = next(tmp_path.rglob("watch.html")).read_text("utf-8")
    assert (
        "vigie train churn" in page
        and "Drift is told once a model is in use" in page
        and "No criterion is declared" in page
    )


def test_where_nothing_was_ever_seen_it_is_said_from_when_on_there_is_something(rich: Story) -> None:
    none = replace(rich, days=[], came=[], incidents=[], drifted=[], signals=[], plan=None, unjudged="no such table")
    page = watch_page([none])
    assert "There is nothing to show yet" in page and "Nothing could be judged yet." in page and "no such table" in page
    assert "vigie serve" in page
