"""From a definition to inputs and plain data, and what importing the room loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vigie.bundle import inputs_of, portable_features, portable_rule
from vigie.bundle.signature import restored
from vigie.definition import Campaign, Kind, Score, Table
from vigie.errors import BundleError, DefinitionError

TABLE = Table("t", key="id")
SCHEMA = {"t": {"a": Kind.NUMBER, "b": Kind.CATEGORY, "clv": Kind.NUMBER, "size": Kind.NUMBER, "left": Kind.BOOLEAN}}


def score(features, **changes):
    money = changes.pop("money", TABLE["clv"])
    decision = Campaign(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=money)
    return Score("churn", outcome=TABLE["left"] == True, features=features, decision=decision, **changes).bound(SCHEMA)


def test_features_come_first_then_what_the_money_and_the_rule_need():
    bound = score([TABLE["a"], TABLE["b"]], rule=TABLE["size"] > 3)
    found = {given.name: (given.role, given.required, given.kind) for given in inputs_of(bound, SCHEMA)}
    assert found == {
        "t_a": ("feature", False, Kind.NUMBER),
        "t_b": ("feature", False, Kind.CATEGORY),
        "t_clv": ("extra", True, Kind.NUMBER),
        "t_size": ("extra", False, Kind.NUMBER),
    }


def test_what_is_a_feature_too_is_given_once():
    found = inputs_of(score([TABLE["clv"], TABLE["b"]]), SCHEMA)
    assert [(g.name, g.role, g.required) for g in found] == [("t_clv", "feature", True), ("t_b", "feature", False)]


def test_one_name_for_two_meanings_is_refused():
    with pytest.raises(DefinitionError, match="rename the feature"):
        inputs_of(score([TABLE["a"].named("t_clv")]), SCHEMA)


def test_a_definition_comes_back_or_is_refused():
    bound = score([TABLE["a"]], rule=TABLE["size"] > 3)
    stored = portable_features(bound, SCHEMA)[0]
    assert stored["name"] == "t_a" and stored["kind"] == "number"
    assert restored(stored, "here").fingerprint == TABLE["a"].fingerprint
    assert portable_rule(score([TABLE["a"]])) is None
    with pytest.raises(BundleError, match="here: the definition means something else"):
        restored({**stored, "fingerprint": "0" * 16}, "here")
    with pytest.raises(BundleError, match="cannot be read"):
        restored({"expression": {"node": "code"}}, "here")
    with pytest.raises(BundleError, match="cannot be read"):
        restored({}, "here")


def test_the_room_loads_no_learning_library():
    program = (
        "import sys, numpy\n"
        "import vigie.bundle, vigie.economics\n"
        "heavy = {'lightgbm', 'sklearn', 'scipy', 'pandas', 'polars', 'pyarrow', 'mlflow', 'interpret', 'pickle'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # NumPy itself imports pickle for its own arrays.
    assert run.stdout.strip() in ("[]", "['pickle']")


def test_no_module_of_the_room_reads_pickles():
    import vigie.bundle

    folder = vigie.bundle.__path__[0]
    found = subprocess.run(
        ["grep", "-rlE", r"pickle|joblib|eval\(|exec\(", "--include=*.py", folder], capture_output=True, text=True
    )
    assert found.stdout == ""
