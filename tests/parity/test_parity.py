"""Every engine but Spark equals the reference in every row of the matrix, on generated histories; and the page says what there is."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity_engines import ENGINES, Batch, OneCustomer, Online
from parity_matrix import NAMES, compare, compare_training, truth
from parity_sample import ROWS, SCHEMA, operations_used, sample

from vigie.definition.aggregate import FUNCTIONS, Aggregate
from vigie.definition.expression import OPERATIONS
from vigie.definition.related import Related
from vigie.features.online.memory_store import MemoryStore

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = {seed: sample(seed, customers=12, moments=4) for seed in (1, 2)}
TRUTH = {seed: truth(found) for seed, found in SAMPLES.items()}


CASES = [(name, seed) for name in ENGINES for seed in SAMPLES if name != "Spark"]


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Any]:
    with ENGINES[request.param]() as opened:
        yield opened


@pytest.mark.parametrize(("engine", "seed"), CASES, indirect=["engine"])
def test_every_engine_equals_the_reference(engine, seed) -> None:
    cells = compare(engine, SAMPLES[seed], TRUTH[seed]) | compare_training(engine, SAMPLES[seed])

    assert {name: cell.example for name, cell in cells.items() if cell.different} == {}
    assert all(cell.compared for cell in cells.values())
    assert sum(cell.compared for cell in cells.values()) > 20_000


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(3, 2**32), st.integers(1, 6), st.integers(1, 4))
def test_batch_and_online_equal_the_reference_on_any_history(seed: int, customers: int, moments: int) -> None:
    found = sample(seed, customers, moments)
    expected = truth(found)
    for engine in (Batch(), Batch(1), Online(MemoryStore), OneCustomer(MemoryStore)):
        cells = compare(engine, found, expected)
        assert {name: cell.example for name, cell in cells.items() if cell.different} == {}


def test_the_rows_are_all_that_the_language_has() -> None:
    used = [node for features in ROWS.values() for feature in features for node in feature.walk()]
    assert {node.function for node in used if isinstance(node, Aggregate)} == FUNCTIONS.keys()
    assert {
        r.inner.function for r in used if isinstance(r, Related) and isinstance(r.inner, Aggregate)
    } == FUNCTIONS.keys()
    assert operations_used() == OPERATIONS
    assert FUNCTIONS.keys() <= set(NAMES)
    for name, function in FUNCTIONS.items():
        kinds = {f.value.kind(SCHEMA) for f in ROWS[name] if f.value is not None}
        assert kinds == function.takes, name


class Mistaken(Batch):
    """An engine that makes a negative zero of every zero."""

    def values(self, features, sample):
        return [
            [-0.0 if v == 0.0 and isinstance(v, float) else v for v in column]
            for column in super().values(features, sample)
        ]


def test_the_smallest_mistake_is_seen() -> None:
    cells = compare(Mistaken(), SAMPLES[1], TRUTH[1])

    assert cells["count"].different > 0
    assert "-0.0, not 0.0" in cells["count"].example
    assert cells["column as known then"].compared == 6 * len(SAMPLES[1].pairs)


def test_the_page_has_the_rows_and_columns_that_there_are() -> None:
    spec = importlib.util.spec_from_file_location("generate_parity", ROOT / "docs" / "generate_parity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = (ROOT / "docs" / "reference" / "parity.md").read_text("utf-8").splitlines()
    header = next(line for line in lines if line.startswith("| row"))
    rows = [line for line in lines if line.startswith(("| `", "| *"))]

    assert header == module.header(list(ENGINES))
    assert [row.split("|")[1].strip(" `*") for row in rows] == list(NAMES)
    assert all("differ" not in row for row in rows)
