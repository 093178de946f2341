"""Spark equals the reference in every row of the matrix: a file of its own, for a Spark job takes seconds however little it does."""

from __future__ import annotations

from typing import Any

from parity_engines import Spark
from parity_matrix import OUTCOMES, compare, compare_training, truth
from parity_sample import sample


def test_spark_equals_the_reference(spark: Any) -> None:
    found = sample(1, customers=12, moments=4)
    engine = Spark(spark)
    cells = compare(engine, found, truth(found)) | compare_training(engine, found, OUTCOMES[:1])

    assert {name: cell.example for name, cell in cells.items() if cell.different} == {}
    assert sum(cell.compared for cell in cells.values()) > 20_000
