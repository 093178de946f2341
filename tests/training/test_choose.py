from __future__ import annotations

import numpy as np
import pytest

from vigie.bundle import Calibration
from vigie.economics import Threshold
from vigie.errors import TrainingError
from vigie.training.candidates import CANDIDATES, chosen_candidates
from vigie.training.choose import choose_winner
from vigie.training.cross_validate import CrossValidation

CUSTOMERS = np.arange(1000)
BY_NAME = {candidate.name: candidate for candidate in CANDIDATES}


def found(money: np.ndarray, loss: np.ndarray) -> CrossValidation:
    n = len(money)
    threshold = Threshold(0.0, "theoretical", 0.0, 0.0, 0.0, 0.0)
    zeros = np.zeros(n)
    return CrossValidation((), np.arange(n), zeros, money, loss, Calibration.identity(), threshold, zeros, zeros)


def test_money_decides_where_it_differs() -> None:
    noise = np.random.default_rng(0).normal(0, 1, 1000)
    winner, why = choose_winner(
        {name: BY_NAME[name] for name in ("dummy", "lightgbm")},
        {"dummy": found(noise, np.full(1000, 0.1)), "lightgbm": found(noise + 0.2, np.full(1000, 0.9))},
        CUSTOMERS,
    )
    assert winner == "lightgbm" and "most money" in why


def test_equal_money_goes_to_the_lower_log_loss_and_equal_log_loss_to_the_simpler() -> None:
    rng = np.random.default_rng(1)
    money, loss = rng.normal(0, 1, 1000), rng.random(1000)
    tried = {name: BY_NAME[name] for name in ("logistic_regression", "ebm", "lightgbm")}
    sharper = {
        "logistic_regression": found(money, loss + 0.1),
        "ebm": found(money, loss),
        "lightgbm": found(money, loss),
    }
    winner, why = choose_winner(tried, sharper, CUSTOMERS)
    assert winner == "ebm" and "log loss" in why
    same = {name: found(money, loss) for name in tried}
    assert choose_winner(tried, same, CUSTOMERS)[0] == "logistic_regression"


def test_a_difference_within_one_standard_error_is_a_tie() -> None:
    rng = np.random.default_rng(2)
    money = rng.normal(0, 1, 1000)
    rival = money + rng.normal(0, 1, 1000)
    rival += money.mean() - rival.mean() + 0.01
    winner, _ = choose_winner(
        {name: BY_NAME[name] for name in ("logistic_regression", "lightgbm")},
        {"logistic_regression": found(money, np.full(1000, 0.3)), "lightgbm": found(rival, np.full(1000, 0.3))},
        CUSTOMERS,
    )
    assert winner == "logistic_regression"


def test_rows_of_one_customer_are_not_a_thousand_witnesses() -> None:
    of = np.repeat(np.arange(10), 100)
    gain = np.random.default_rng(4).normal(0, 1, 10)
    gain += 0.25 - gain.mean()
    tried = {name: BY_NAME[name] for name in ("dummy", "lightgbm")}
    cv = {"dummy": found(np.zeros(1000), np.full(1000, 0.3)), "lightgbm": found(gain[of], np.full(1000, 0.3))}
    assert choose_winner(tried, cv, CUSTOMERS)[0] == "lightgbm"
    assert choose_winner(tried, cv, of)[0] == "dummy"


def test_named_candidates_come_with_what_they_have_to_beat() -> None:
    names = [candidate.name for candidate in chosen_candidates(["lightgbm"], has_rule=True)]
    assert names == ["dummy", "rule", "lightgbm"]
    everything = [candidate.name for candidate in chosen_candidates(None, has_rule=False)]
    learners = ["logistic_regression", "ebm", "random_forest", "neural_network", "lightgbm", "xgboost", "catboost"]
    assert everything == ["dummy", *learners]
    assert [c.complexity for c in CANDIDATES] == sorted(c.complexity for c in CANDIDATES)
    with pytest.raises(TrainingError, match="did you mean 'random_forest'"):
        chosen_candidates(["random_forrest"], has_rule=False)
    with pytest.raises(TrainingError, match="no rule"):
        chosen_candidates(["rule"], has_rule=False)
