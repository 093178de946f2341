from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vigie.training
from vigie import Events, Table, days
from vigie.features.values import Kind, Values
from vigie.findings import Severity
from vigie.training.checks import classes, columns, drift, duplicates, running_numbers
from vigie.training.checks.alone import alone
from vigie.training.checks.codes import CODES
from vigie.training.checks.leakage import leakage
from vigie.training.diagnose import fit_in_words
from vigie.training.metrics import measure

N = 3000
clients, dated = Table("clients", key="id"), Table("dated", key="id", known_at="since")
orders = Events("orders", key="id", time="at", id="order")


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    return (np.random.default_rng(0).random(N) < 0.3).astype(np.int8)


def codes(definition, values: Values, y: np.ndarray) -> set[str]:
    return {found.code for found in leakage({definition.name: values}, [definition], y, seed=0)}


def test_honest_features_raise_nothing(y: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    strong = Values(Kind.NUMBER, rng.normal(size=N) + y)
    contract = Values.of(Kind.CATEGORY, np.where(rng.random(N) < 0.3 + 0.4 * y, "monthly", "yearly").tolist())
    assert codes(clients["spent"], strong, y) == set()
    assert codes(clients["contract"], contract, y) == set()


def test_one_feature_that_knows_it_all(y: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    (found,) = leakage(
        {clients["call"].name: Values(Kind.NUMBER, rng.normal(size=N) + 3 * y)}, [clients["call"]], y, seed=0
    )
    assert (found.code, found.severity, found.where) == ("VGL001", Severity.WARNING, "clients_call")
    (certain,) = leakage({clients["gone"].name: Values(Kind.NUMBER, y.astype(float))}, [clients["gone"]], y, seed=0)
    assert certain.severity is Severity.ERROR


def test_an_identifier_does_not_look_good_by_remembering(y: np.ndarray) -> None:
    measure = alone(Values.of(Kind.CATEGORY, [f"u{i}" for i in range(N)]), y, 0)
    assert measure.auc < 0.55


def test_values_that_decide(y: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    tag = np.where((y == 1) & (rng.random(N) < 0.3), "will sign", rng.choice(["a", "b"], N))
    assert codes(clients["remark"], Values.of(Kind.CATEGORY, tag.tolist()), y) == {"VGL002"}
    # Where the source says when a value became known, it cannot have come from later.
    assert codes(dated["remark"], Values.of(Kind.CATEGORY, tag.tolist()), y) == set()


def test_gaps_that_tell(y: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    numbers = rng.normal(size=N)
    numbers[rng.random(N) < np.where(y == 1, 0.2, 0.7)] = np.nan
    values = Values(Kind.NUMBER, numbers)
    assert codes(clients["survey"], values, y) == {"VGL003"}
    # No orders in the window, no sum: a null that is part of the history.
    assert codes(orders["amount"].sum(days(30)), values, y) == set()


def test_names_and_patterns(y: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    gaps = rng.random(N) < 0.4
    columns = {name: Values(Kind.NUMBER, np.where(gaps, np.nan, rng.normal(size=N))) for name in ("a", "b", "c")}
    found = leakage(
        {clients[name].name: values for name, values in columns.items()}, [clients[n] for n in columns], y, seed=0
    )
    assert [f.code for f in found] == ["VGL005"] and found[0].where == "clients_a, clients_b, clients_c"
    assert codes(clients["LastActivity"], Values(Kind.NUMBER, rng.normal(size=N)), y) == {"VGL004"}
    assert codes(clients["Lead Quality"], Values(Kind.NUMBER, rng.normal(size=N)), y) == {"VGL004"}
    assert codes(clients["blasted"], Values(Kind.NUMBER, rng.normal(size=N)), y) == set()


def test_checks_of_rows(y: np.ndarray) -> None:
    rng = np.random.default_rng(6)
    train, test, keys = np.arange(2000), np.arange(2000, N), np.array([f"k{i}" for i in rng.permutation(N)], object)
    assert [f.code for f in classes.few_rows(y[:200], y[:40])] == ["VGT002", "VGT002"]
    assert classes.few_rows(y[train], y[test]) == []
    constant = {"one": Values(Kind.NUMBER, np.ones(N)), "none": Values(Kind.NUMBER, np.full(N, np.nan))}
    (found,) = columns.constant({**constant, "x": Values(Kind.NUMBER, rng.normal(size=N))})
    assert found.where == "one, none"
    number = Values(Kind.NUMBER, rng.permutation(N).astype(float))
    pair = {"a": number, "b": Values(Kind.NUMBER, rng.normal(size=N))}
    assert duplicates.in_both_parts(pair, train, test) == []
    copied = {k: Values(v.kind, np.concatenate([v.data[:2900], v.data[:100]])) for k, v in pair.items()}
    assert [f.code for f in duplicates.in_both_parts(copied, train, test)] == ["VGT005"]
    drifting = {"t": Values(Kind.NUMBER, np.arange(N) + 0.5), "x": Values(Kind.NUMBER, rng.normal(size=N))}
    assert [f.where for f in drift.moved(drifting, train, test, in_time=True)] == ["t"]
    assert drift.moved(drifting, train, test, in_time=False) == []
    (apart,) = drift.told_apart(drifting, keys, train, test, in_time=True, seed=0)
    assert apart.where == "t" and "AUC of 1.00" in apart.explanation
    still = {"x": drifting["x"]}
    assert drift.told_apart(still, keys, train, test, in_time=True, seed=0) == []
    assert classes.unknown_outcomes(100, 10, 10) == []
    assert [f.code for f in classes.unknown_outcomes(100, 300, 10)] == ["VGT010"]


def test_few_rows_say_what_they_leave_of_an_auc_and_stop_where_nothing_can_be_learned() -> None:
    labels = np.repeat(np.array([1, 0], np.int8), [12, 600])
    training, test = classes.few_rows(labels, labels.copy())
    assert (training.severity, test.severity) == (Severity.ERROR, Severity.WARNING)
    assert "± 0.16" in training.explanation


def test_a_name_of_customers_a_running_number_and_an_amount(y: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    keys = np.array([f"k{i}" for i in range(N)], object)

    def say(values: Values, labels: np.ndarray = y, customers: np.ndarray = keys) -> list[tuple[str, Severity]]:
        found = running_numbers.running_numbers({"f": values}, labels, customers, seed=0)
        return [(f.code, f.severity) for f in found]

    drawn = Values(Kind.NUMBER, rng.permutation(N).astype(float))
    assert say(drawn) == [("VGT004", Severity.WARNING)]
    assert say(Values.of(Kind.CATEGORY, [f"u{i}" for i in range(N)])) == [("VGT004", Severity.WARNING)]
    # An income in whole units repeats rarely too, but it is not spread evenly.
    income = np.unique(rng.lognormal(11, 0.6, 3 * N).round())
    assert say(Values(Kind.NUMBER, rng.choice(income, N, replace=False))) == [("VGT004", Severity.NOTE)]
    assert say(Values(Kind.NUMBER, rng.normal(size=N))) == []
    assert say(Values(Kind.NUMBER, rng.integers(0, 2000, N).astype(float))) == []
    # Numbers were given out in order of arrival, and the outcome became rarer.
    later = (rng.random(N) < np.linspace(0.5, 0.1, N)).astype(np.int8)
    assert say(Values(Kind.NUMBER, 7000.0 + np.arange(N)), later) == [("VGL009", Severity.WARNING)]
    # The customer's number, the same at each of six moments.
    six = np.repeat(np.arange(N // 6), 6)
    assert say(Values(Kind.NUMBER, rng.permutation(N)[six].astype(float)), y, keys[six]) == [
        ("VGT004", Severity.WARNING)
    ]


def test_the_fit_in_words(y: np.ndarray) -> None:
    p = np.clip(0.3 + 0.3 * (y - 0.3) + np.random.default_rng(7).normal(0, 0.15, N), 0.01, 0.99)
    good = measure(y, p, p > 0.5, np.zeros(N))
    better = replace(good, auc=min(1.0, good.auc + 0.2))
    worse = replace(good, auc=0.55)
    assert fit_in_words(good, [good, good], good, good, learns=True).startswith("Good fit")
    low = replace(good, auc=0.75)
    assert "over-fitted" in fit_in_words(better, [low], low, low, learns=True)
    assert fit_in_words(worse, [worse], worse, worse, learns=True).startswith("Under-fitted")
    assert "worse than cross-validation" in fit_in_words(
        good, [good], good, replace(good, auc=good.auc - 0.1), learns=True
    )
    assert "nothing to over-fit" in fit_in_words(good, [good], good, good, learns=False)


def test_every_code_used_is_known_and_every_known_code_is_used() -> None:
    folder = Path(vigie.training.__file__).parent
    sources = [p for p in folder.rglob("*.py") if p.name != "codes.py" and "report" not in p.parts]
    used = {code for p in sources for code in re.findall(r'"(VG[LTEF]\d{3})"', p.read_text())}
    assert used == set(CODES)
