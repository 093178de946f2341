"""What was done about customers yesterday does not teach the model of today."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.clock import DAY, FixedClock, parse_moment
from vigie.features.untouched import LEARNED, MOST, Assignments, copies_of, untouched, weights
from vigie.journal import Prediction
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal_actions import assignments, without_actions
from vigie.lifecycle.training_rows import training_set_of
from vigie.release import HoldOut
from vigie.training import TrainOptions
from vigie.training.task import Task

MONTH = 30 * DAY


def decisions(
    customers: list[str], moments: list[int], *, acted: list[bool] | None = None, held: list[bool] | None = None,
    would: list[bool] | None = None, share: float = 0.1, challenger: list[bool] | None = None, stays: list[float] | None = None,
    rollout: list[int] | None = None,
) -> Assignments:  # fmt: skip
    m = len(customers)
    no, all_of = [False] * m, [1.0] * m
    return Assignments(
        np.array(customers, object), np.array(moments, np.int64), np.array(acted or no), np.array(held or no),
        np.array(would or no), np.full(m, share), np.array(challenger or no), np.array(stays or all_of),
        np.array(rollout or [-1] * m),
    )  # fmt: skip


def weighed(customers: list[str], moments: list[int], about: Assignments, horizon: int = MONTH) -> list[float]:
    return weights(np.array(customers, object), np.array(moments, np.int64), about, horizon=horizon)[0].tolist()


def test_a_decision_concerns_the_rows_whose_outcome_it_can_change() -> None:
    t = 10 * MONTH
    for lag, concerned in (
        (0, True),
        (1, True),
        (MONTH - 1, True),
        (MONTH, False),
        (-MONTH + 1, True),
        (-MONTH, False),
    ):
        about = decisions(["a"], [t + lag], acted=[True])
        assert weighed(["a", "b"], [t, t], about) == [0.0 if concerned else 1.0, 1.0], lag
    assert weighed(["a"], [t], decisions(["a"], [t], acted=[True]), horizon=0) == [0.0]
    assert weighed(["a"], [t], decisions(["a"], [t + 1], acted=[True]), horizon=0) == [1.0]


def test_those_held_out_stand_for_those_acted_on_and_nobody_else_does() -> None:
    about = decisions(
        ["acted", "held", "calm", "left"], [5] * 4, acted=[True, False, False, False], held=[False, True, True, False],
        would=[True, True, False, False], share=0.05,
    )  # fmt: skip
    found = weighed(["acted", "held", "calm", "left", "never scored"], [5] * 5, about)
    assert found == pytest.approx([0.0, 20.0, 1.0, 1.0, 1.0])


def test_weighted_rows_are_all_rows_in_expectation_in_rollouts_too() -> None:
    """By enumeration of every draw: hold-out and arm, for each of the champion's and the challenger's decisions."""
    h, s = 0.2, 0.25
    for champion_acts in (False, True):
        for challenger_acts in (False, True):
            expected = 0.0
            for held, drawn, chance in (
                (True, False, h * (1 - s)), (True, True, h * s),
                (False, False, (1 - h) * (1 - s)), (False, True, (1 - h) * s),
            ):  # fmt: skip
                acts = not held and (challenger_acts if drawn else champion_acts)
                about = decisions(
                    ["a", "other"], [5, 5], acted=[acts, False], held=[held, False],
                    would=[champion_acts, False], share=h, challenger=[drawn and not held, False],
                    stays=[1.0 if held or drawn else 1 - s, 1 - s], rollout=[0, 0],
                )  # fmt: skip
                expected += chance * weighed(["a"], [5], about)[0]
            assert expected == pytest.approx(1.0), (champion_acts, challenger_acts)


def test_without_a_hold_out_those_acted_on_are_left_out_and_no_weight_is_made_up() -> None:
    about = decisions(["a", "b"], [5, 5], acted=[True, False], share=0.0)
    assert weighed(["a", "b"], [5, 5], about) == [0.0, 1.0]


def test_a_tiny_hold_out_makes_no_crowd_of_one() -> None:
    about = decisions(["a"], [5], held=[True], would=[True], share=1e-4)
    assert weighed(["a"], [5], about) == [MOST]


@given(st.integers(0, 1_000), st.integers(1, 60), st.integers(0, 80))
def test_weights_are_those_of_a_slow_reading(seed: int, n: int, m: int) -> None:
    r = np.random.default_rng(seed)
    customers = r.integers(0, 6, n).astype(str).astype(object)
    moments = r.integers(0, 40, n)
    held_ones = r.random(6) < 0.4
    who = r.integers(0, 8, m)
    held = np.append(held_ones, [False, False])[who]
    rollout = r.integers(-1, 2, m)
    drawn = ~held & (rollout >= 0) & (r.random(m) < 0.3)
    about = Assignments(
        who.astype(str).astype(object), r.integers(0, 40, m), ~held & (r.random(m) < 0.3), held, r.random(m) < 0.5,
        np.full(m, 0.25), drawn, np.where(held | drawn | (rollout < 0), 1.0, r.choice([0.9, 0.5], m)), rollout,
    )  # fmt: skip
    found, acted, left = weights(customers, moments, about, horizon=7)
    for i in range(n):
        near = [
            j
            for j in range(m)
            if about.customers[j] == customers[i] and abs(int(about.moments[j]) - int(moments[i])) < 7
        ]
        if any(about.acted[j] for j in near):
            assert found[i] == 0 and acted[i] and not left[i]
        elif any(about.challenger[j] for j in near):
            assert found[i] == 0 and left[i]
        elif any(about.would[j] and held[j] for j in near):
            assert found[i] == pytest.approx(4.0)
        else:
            stays = 1.0
            for one in {int(rollout[j]) for j in near} - {-1}:
                furthest = min(about.stays[j] for j in range(m) if rollout[j] == one)
                stays *= min(furthest if held[j] else about.stays[j] for j in near if rollout[j] == one)
            share = 0.25 if near else 1.0
            assert found[i] == pytest.approx(1 / (share + (1 - share) * stays) if near else 1.0)


@given(st.floats(0, 30), st.integers(0, 5))
def test_copies_are_the_weight_in_expectation(weight: float, seed: int) -> None:
    n = 400
    keys = np.array([f"{seed} {i}" for i in range(n)], object)
    copies = copies_of(np.full(n, weight), keys, np.zeros(n, np.int64))
    assert set(copies.tolist()) <= {int(weight), int(weight) + 1}
    assert copies.mean() == pytest.approx(weight, abs=5 * 0.5 / n**0.5 + 1e-9)
    assert (copies == copies_of(np.full(n, weight), keys, np.zeros(n, np.int64))).all()


# -- a project with records ----------------------------------------------------------------------------------------------

FILE = """
from vigie import Campaign, Events, Score, days, every

visits = Events("visits", key="id", time="at")
churn = Score("churn", moments=every(days(30)), population=visits.count(days(60)) > 0, outcome=visits.count(next=days(30)) == 0,
              features=[visits.count(days(30, 60)), visits.days_since_last()],
              decision=DECISION)
"""
CAMPAIGN = "Campaign(contact_cost=1, offer_cost=1, accepted=0.5, customer_value=20)"
NOW = parse_moment("2024-12-20")
HELD = 0.2


@pytest.fixture
def project(tmp_path: Path) -> Project:
    r = np.random.default_rng(4)
    lines = ["id,at"]
    start = parse_moment("2024-01-01")
    for customer in range(200):
        for day in np.flatnonzero(r.random(340) < (0.02 + 0.08 * (customer % 3))).tolist():
            when = np.datetime64(start + day * DAY, "us")
            lines.append(f"{customer},{when}")
    (tmp_path / "visits.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "churn.py").write_text(FILE.replace("DECISION", CAMPAIGN))
    (tmp_path / "vigie.toml").write_text(
        '[project]\nfiles = ["churn.py"]\n[sources.visits]\npath = "visits.csv"\n[rollout]\nholdout = 0.2\n'
    )
    made = Project.open(tmp_path, "", FixedClock(NOW))
    ingest_sources(made)
    return made


def record(project: Project, rows: list[tuple[str, int, str, float, str]]) -> None:
    """Requests on record: customer, moment, decision, gain, arm."""
    import msgspec

    folder = project.journal_folder
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for i, (customer, moment, decision, gain, arm) in enumerate(rows):
        one = Prediction(
            id=f"{i:08d}", request_id="r", score="churn", customer=customer, as_of=moment, at=moment + 5, model="1",
            bundle="b", values={}, probability=0.5, decision=decision, gain=gain, expected_value=0.0, segment="low",
            threshold=0.0, arm=arm, assignment_probability=HELD if arm == "holdout" else 1 - HELD,
        )  # fmt: skip
        lines.append(msgspec.json.encode(one) + b"\n")
    (folder / "20240101T000000Z-1-0000-00000000.jsonl").write_bytes(b"".join(lines))


def test_rows_of_the_records_are_left_out_and_stood_for(project: Project) -> None:
    score = project.score("churn")
    everybody = training_set_of(project, score, TrainOptions(), as_of=NOW, everybody=True)
    assert everybody.untouched is None
    assert training_set_of(project, score, TrainOptions(), as_of=NOW).untouched is None  # nothing is on record
    moment = int(np.unique(everybody.moments)[-3])
    there = everybody.customers[everybody.moments == moment].tolist()
    holds = HoldOut("churn", HELD).holds
    rows = [
        (one, moment, "leave" if holds(one) or i % 2 else "contact", -1.0 if i % 2 else 3.0, "holdout" if holds(one) else "champion")
        for i, one in enumerate(there)
    ]  # fmt: skip
    # What was decided about a later moment, or after the training set was made, is not known to it.
    rows += [(one, NOW + DAY, "contact", 3.0, "champion") for one in there]
    record(project, rows)
    found = training_set_of(project, score, TrainOptions(), as_of=NOW)
    acted = {one for one, _, decision, _, _ in rows[: len(there)] if decision == "contact"}
    standing = [one for one, _, _, gain, arm in rows[: len(there)] if arm == "holdout" and gain > 0]
    assert found.untouched is not None and found.untouched.acted == len(acted) and len(acted) > 30
    assert found.untouched.standing == len(standing) and found.untouched.copies == 5 * len(standing)
    at = found.moments == moment
    assert not acted & set(found.customers[at]) and acted & set(found.customers[~at])
    assert all(int((found.customers[at] == one).sum()) == 5 for one in standing)
    # About as many rows as the moment has customers; others are as they were.
    assert abs(int(at.sum()) - len(there)) < 0.5 * len(there)
    assert (~at).sum() == (everybody.moments != moment).sum()
    order = list(zip(found.customers.tolist(), found.moments.tolist(), strict=True))
    assert order == sorted(order, key=lambda one: (everybody.customers.tolist().index(one[0]), one[1]))


def test_copies_test_in_full_and_are_learned_from_a_few_times(project: Project) -> None:
    score = project.score("churn")
    everybody = training_set_of(project, score, TrainOptions(), as_of=NOW, everybody=True)
    about = decisions(
        everybody.customers.tolist(), everybody.moments.tolist(), held=[True] * len(everybody),
        would=[i % 10 == 0 for i in range(len(everybody))], share=0.05,
    )  # fmt: skip
    rows = untouched(everybody, about)
    task = Task.of(rows, TrainOptions())
    keys = [list(zip(part.customers, rows.moments[part.index], strict=True)) for part in (task.train, task.test)]
    most = [max(map(part.count, set(part))) for part in keys]
    assert most == [LEARNED, 20]
    assert task.split.description.train_rows == len(task.train.index)
    assert not set(keys[0]) & set(keys[1])
    for fold in task.folds:
        a, b = ({keys[0][i] for i in some.tolist()} for some in (fold.train, fold.valid))
        assert not a & b


@pytest.mark.parametrize("now", [HELD, 2 * HELD, 0.0])
def test_batches_are_on_record_too_and_their_hold_out_is_that_of_their_run(project: Project, now: float) -> None:
    import polars as pl

    toml = project.settings.root / "vigie.toml"
    toml.write_text(toml.read_text().replace("holdout = 0.2", f"holdout = {now}"))
    project = Project.open(project.settings.root, "", FixedClock(NOW))

    moment, holds = NOW - 40 * DAY, HoldOut("churn", HELD).holds
    everybody = [str(i) for i in range(200)]
    gain = {one: float(i % 7) for i, one in enumerate(everybody)}
    frame = pl.DataFrame(
        {
            "customer": everybody,
            "moment": pl.Series([moment] * 200).cast(pl.Datetime("us", "UTC")),
            "decision": ["contact" if gain[one] >= 4 and not holds(one) else "leave" for one in everybody],
            "gain": [gain[one] for one in everybody],
            "run": ["x"] * 200,
        }
    )
    project.lake.append("scores_churn", frame.to_arrow(), metadata={"run": "x", "holdout": HELD}, moment=moment + 1)
    found = assignments(project, project.score("churn"), NOW)
    assert set(found.share.tolist()) == {HELD}
    assert len(found) == 200 and found.held.tolist() == [holds(str(one)) for one in found.customers]
    for one, acted, held, would in zip(found.customers, found.acted, found.held, found.would, strict=True):
        assert would == (gain[one] >= 4) and acted == (would and not held)
    assert len(assignments(project, project.score("churn"), moment)) == 0


def test_a_lead_is_not_corrected(project: Project) -> None:
    score = project.score("churn")
    everybody = training_set_of(project, score, TrainOptions(), as_of=NOW, everybody=True)
    record(project, [(one, NOW - 60 * DAY, "contact", 1.0, "champion") for one in set(everybody.customers)])
    assert without_actions(project, everybody).untouched is not None
    from vigie import Lead
    from vigie.definition.score import replace_score

    lead = replace(everybody, score=replace_score(everybody.score, decision=Lead(contact_cost=1, deal_value=9)))
    assert without_actions(project, lead) is lead


# -- against the truth -----------------------------------------------------------------------------------------------------


def world(seed: int, h: float, works: float = 0.8, n: int = 3_000, months: int = 6) -> dict[str, np.ndarray]:
    """Customers whose risk is known, acted on above 0.4 from the third month on; *works*: share whom the action keeps."""
    r = np.random.default_rng(seed)
    held, x, parts = r.random(n) < h, r.normal(size=(n, 3)), []
    for month in range(months):
        x = 0.8 * x + 0.6 * r.normal(size=x.shape)
        risk = 1 / (1 + np.exp(1.2 - 1.4 * x[:, 0] - 0.6 * x[:, 1] * (x[:, 1] > 0)))
        alone = r.random(n) < risk
        would = (risk > 0.4) & (month >= 2)
        acted = would & ~held
        seen = alone & ~(acted & (r.random(n) < works))
        parts.append((np.arange(n).astype(str), np.full(n, month * MONTH), x, risk, alone, seen, acted, would, held))
    names = ("customer", "moment", "x", "risk", "alone", "seen", "acted", "would", "held")
    return {name: np.concatenate(column) for name, column in zip(names, zip(*parts, strict=True), strict=True)}


def of_world(w: dict[str, np.ndarray], share: float) -> Assignments:
    n = len(w["moment"])
    return Assignments(
        w["customer"].astype(object), w["moment"], w["acted"], w["held"], w["would"], np.full(n, share), np.zeros(n, bool),
        np.ones(n), np.full(n, -1),
    )  # fmt: skip


def test_naive_training_learns_that_high_risk_stays_and_this_does_not() -> None:
    from lightgbm import LGBMClassifier

    h = 0.1
    w, later = world(1, h), world(2, 1.0)
    weight, _, _ = weights(w["customer"].astype(object), w["moment"], of_world(w, h), horizon=MONTH)
    copies = np.minimum(copies_of(weight, w["customer"], w["moment"]), LEARNED)

    def said(index: np.ndarray) -> np.ndarray:
        model = LGBMClassifier(
            n_estimators=80, learning_rate=0.05, num_leaves=15, min_child_samples=40, n_jobs=1, verbosity=-1
        )
        model.fit(w["x"][index], w["seen"][index])
        return np.asarray(model.predict_proba(later["x"])[:, 1])

    naive = said(np.arange(len(weight)))
    ours = said(np.repeat(np.arange(len(weight)), copies))
    high = later["risk"] > 0.6
    assert naive[high].mean() < 0.45 < 0.6 < later["risk"][high].mean()
    assert ours[high].mean() == pytest.approx(later["risk"][high].mean(), abs=0.06)
    worth = [np.where(p > 0.4, np.where(later["alone"], 0.6, -0.4), 0.0).mean() for p in (naive, ours, later["risk"])]
    assert worth[1] > 0.9 * worth[2] and worth[0] < 0.5 * worth[2]


def test_the_weighted_mean_is_that_of_a_world_without_actions() -> None:
    """Risk and value of any policy, over 40 worlds: without bias beyond chance, where naive figures are off by a lot."""
    h, found = 0.1, []
    for seed in range(40):
        w = world(seed, h, n=1_000)
        weight, _, _ = weights(w["customer"].astype(object), w["moment"], of_world(w, h), horizon=MONTH)
        act = w["x"][:, 0] > 0.5
        worth = np.where(act, np.where(w["seen"], 0.6, -0.4), 0.0)
        truth = np.where(act, np.where(w["alone"], 0.6, -0.4), 0.0)
        found.append(
            (
                np.average(w["seen"], weights=weight) - w["alone"].mean(),
                np.average(worth, weights=weight) - truth.mean(),
                w["seen"].mean() - w["alone"].mean(),
                worth.mean() - truth.mean(),
            )
        )
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / len(found) ** 0.5
    assert (np.abs(mean[:2]) < 3.5 * error[:2]).all() and (error[:2] < 0.005).all()
    assert mean[2] < -0.05 and mean[3] < -0.05
