"""What commands make of the arguments that they share, and of `[train]`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.cli.arguments import open_project
from vigie.clock import DAY, AcceleratedClock, FixedClock, SystemClock, parse_moment
from vigie.errors import SettingsError, TrainingError
from vigie.lifecycle.project import Project
from vigie.lifecycle.train_options import train_options
from vigie.lifecycle.up import accelerated, keep

FILE = """
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="customer", time="at")
churn = Score("churn", moments=every("month"), outcome=orders.count(next=days(30)) == 0, features=[orders.count(days(30))],
              decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=100))
"""
TOML = '[project]\nfiles = ["churn.py"]\n[sources.orders]\npath = "orders.csv"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "churn.py").write_text(FILE)
    (tmp_path / "vigie.toml").write_text(TOML)
    return tmp_path


def trained_by(folder: Path, said: str) -> Project:
    (folder / "vigie.toml").write_text(TOML + "[train]\n" + said)
    return Project.open(folder, "", FixedClock(0))


def test_where_a_faster_stack_lives_every_command_lives_by_its_clock(folder: Path) -> None:
    begin, real = parse_moment("2011-03-01"), SystemClock().now()
    assert isinstance(open_project(folder, "").clock, SystemClock)
    state = folder / ".vigie"
    state.mkdir()
    keep(state, accelerated(state, begin, 86_400.0, FixedClock(real - 10_000_000)))

    opened = open_project(folder, "")
    assert isinstance(opened.clock, AcceleratedClock)
    assert 10 * DAY <= opened.clock.now() - begin < 300 * DAY
    assert open_project(folder, "", "2012-01-01").clock.now() == parse_moment("2012-01-01")


def test_a_training_does_what_it_is_told_else_what_the_settings_say_else_the_usual(folder: Path) -> None:
    said = 'models = ["lightgbm"]\nsplit = 0.3\ntrials = 0\nmethod = "random"\nstack = false\nseed = 3\n'
    options = train_options(trained_by(folder, said), seed=5, stack=None, imbalance="weights")

    assert (options.models, options.split, options.trials, options.method) == (("lightgbm",), 0.3, 0, "random")
    assert (options.seed, options.stack, options.select, options.imbalance) == (5, False, True, "weights")
    assert (options.threads, options.workers) == (2, 2)


@pytest.mark.parametrize(
    ("said", "error", "match"),
    [
        ('models = "lightgbm"', SettingsError, "no list"),
        ('models = ["lightgbn"]', TrainingError, "lightgbn"),
        ('method = "bayes"', SettingsError, "bayes"),
        ("stack = 1", SettingsError, "neither"),
        ("trials = -1", SettingsError, "whole number"),
        ('split = "a fifth"', SettingsError, "share"),
        ("split = 2", TrainingError, "share"),
    ],
)
def test_what_a_training_cannot_mean_is_told(folder: Path, said: str, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        train_options(trained_by(folder, said))
