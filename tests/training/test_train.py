from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vigie.bundle import Bundle, load_bundle, write_bundle
from vigie.errors import TrainingError
from vigie.features.training_set import TrainingSet
from vigie.training import TrainingResult, TrainOptions
from vigie.training.capacity import Capacity
from vigie.training.train import train

FAST = TrainOptions(models=("logistic_regression", "lightgbm"), folds=3, threads=1, trials=0, stack=False, select=False)


@pytest.fixture(scope="module")
def once(once_set) -> TrainingResult:
    return train(once_set(), FAST)


@pytest.fixture(scope="module")
def monthly(monthly_set) -> TrainingResult:
    return train(monthly_set(), FAST)


def hash_of(bundle: Bundle, folder) -> str:
    return write_bundle(bundle, folder)


def test_a_plain_run(once: TrainingResult) -> None:
    assert [c.name for c in once.candidates] == ["dummy", "rule", "logistic_regression", "lightgbm"]
    assert once.winner in ("logistic_regression", "lightgbm")
    assert once.split.kind == "stratified" and once.split.test_rows == 300
    assert list(once.strategies) == ["nobody", "everybody", "rule", "threshold_0.5", "vigie"]
    assert once.best.test.auc > 0.75 > once.candidate("rule").test.auc > once.candidate("dummy").test.auc == 0.5
    assert once.strategies["vigie"].value == pytest.approx(once.best.test.value)
    assert once.strategies["vigie"].value > max(once.strategies[s].value for s in ("nobody", "everybody"))
    assert once.importance[0][0] == "clients_visits" and once.importance[0][1] > 0.05
    assert once.best.probability_test.shape == once.test_labels.shape == once.test_moments.shape
    assert once.best.diagnosis and once.choice
    assert not [f for f in once.findings if f.code.startswith("VGL")]


def test_out_of_time(monthly: TrainingResult) -> None:
    split = monthly.split
    assert split.kind == "out_of_time" and split.gap == 30 * 86_400_000_000
    assert split.train_until + split.gap <= split.test_from <= split.test_until
    assert monthly.training_set.moments[monthly.test_index].min() == split.test_from
    assert monthly.best.test.auc > 0.75


def test_the_test_rows_choose_nothing(monthly_set) -> None:
    data = monthly_set()
    honest = train(data, FAST)
    rng = np.random.default_rng(9)
    labels = data.labels.copy()
    labels[honest.test_index] = rng.permutation(labels[honest.test_index])
    other = train(replace(data, labels=labels), FAST)
    assert other.winner == honest.winner and other.best.test.auc != honest.best.test.auc
    one, two = honest.bundle, other.bundle
    assert one.model.to_files() == two.model.to_files()
    assert (one.calibration, one.decision, one.segments) == (two.calibration, two.decision, two.segments)
    assert one.encoder.to_data() == two.encoder.to_data() and one.profile == two.profile


def test_the_same_inputs_and_seed_give_the_same_bundle(monthly_set, tmp_path) -> None:
    first = train(monthly_set(), FAST)
    again = train(replace(monthly_set(), as_of=9 * 10**17), replace(FAST, threads=2))
    seeded = train(monthly_set(), replace(FAST, seed=1))
    one, two = hash_of(first.bundle, tmp_path / "1"), hash_of(again.bundle, tmp_path / "2")
    assert one == two == load_bundle(tmp_path / "1").hash
    assert hash_of(seeded.bundle, tmp_path / "3") != one
    lineage = first.bundle.lineage
    assert lineage["data"] == {"clients": 3, "orders": 3} and lineage["seed"] == 0
    assert lineage["definition"] == first.training_set.score.fingerprint and lineage["libraries"]["numpy"]


def test_model_and_split_as_on_the_command_line(once_set) -> None:
    result = train(once_set(), TrainOptions(models=("random_forest",), split=0.1, folds=2, threads=1, trials=0))
    assert [c.name for c in result.candidates] == ["dummy", "rule", "random_forest"]
    assert result.split.test_rows == 120
    assert "over-fitted" in result.candidate("random_forest").diagnosis


def test_capacity_is_kept_at_every_moment_and_in_its_share_of_a_random_test(monthly_set, once_set) -> None:
    result = train(monthly_set(capacity=20), FAST)
    p, payoff = result.best.probability_test, result.test_payoff
    act = result.bundle.decision.choose(payoff.gain(p), result.test_moments)
    for moment in np.unique(result.test_moments):
        assert act[result.test_moments == moment].sum() <= 20
    assert result.best.test.acted == pytest.approx(act.mean())
    for name in ("everybody", "rule", "threshold_0.5", "vigie"):
        assert result.strategies[name].acted <= 20 / 150 + 1e-9
    assert result.bundle.decision.capacity == 20 and result.bundle.decision.request_min_gain > 0
    drawn = train(once_set(capacity=100), FAST)
    assert drawn.best.test.acted == pytest.approx(25 / 300)


def test_capacity_of_a_part_is_its_share() -> None:
    moments = np.repeat([1, 2], [100, 50])
    capacity = Capacity.of(10, moments)
    part = np.concatenate([np.arange(0, 50), np.arange(100, 110)])
    assert capacity.allowed(part)[[0, -1]].tolist() == [5, 2]
    act = capacity.act(np.ones(len(part)), 0.0, part)
    assert act[:50].sum() == 5 and act[50:].sum() == 2


def test_leads_decided_one_by_one_have_no_capacity(lead_set) -> None:
    result = train(lead_set, FAST)
    assert "VGE001" in {f.code for f in result.findings}
    assert result.bundle.decision.capacity is None
    assert result.split.kind == "out_of_time" and result.best.test.auc > 0.6


def test_customers_of_unknown_worth_count_as_nothing_and_are_named(once_set) -> None:
    result = train(once_set(missing_value=True), FAST)
    assert next(f for f in result.findings if f.code == "VGE003").explanation.startswith("for 40 of 1,200 rows")
    assert np.isfinite([m.value for m in result.strategies.values()]).all()


def test_progress_only_goes_forward(once_set) -> None:
    seen: list[float] = []

    def tell(stage: str, share: float) -> None:
        assert stage
        seen.append(share)

    train(once_set(400), replace(FAST, folds=2), progress=tell)
    assert seen == sorted(seen) and seen[0] == 0.0 and seen[-1] == 1.0


def test_what_cannot_be_learned_is_refused(once_set) -> None:
    data: TrainingSet = once_set(400)
    with pytest.raises(TrainingError, match="true on all 400 rows"):
        train(replace(data, labels=np.ones(400, np.int8)), FAST)
    few = np.arange(30)
    with pytest.raises(TrainingError, match="30 rows with a known outcome"):
        train(
            replace(
                data,
                customers=data.customers[few],
                moments=data.moments[few],
                labels=data.labels[few],
                features={k: v.take(few) for k, v in data.features.items()},
                extras={k: v.take(few) for k, v in data.extras.items()},
            ),
            FAST,
        )
    with pytest.raises(TrainingError, match="no model is called 'xgbost'"):
        train(data, TrainOptions(models=("xgbost",)))
