"""Rules of the house that a program can check."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
HEAVY = (
    "altair", "deltalake", "fastapi", "interpret", "lightgbm", "mlflow", "numpy", "pandas", "pandera", "polars",
    "pyarrow", "scipy", "sklearn", "sqlalchemy", "uvicorn",
)  # fmt: skip
SCORING_MAY_NOT_LOAD = (
    "altair", "deltalake", "interpret", "mlflow", "pandas", "pandera", "polars", "pyarrow", "sklearn", "sqlalchemy",
)  # fmt: skip


def modules(*but: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((SOURCE / "vigie").rglob("*.py")):
        if str(path.relative_to(SOURCE / "vigie")) not in but:
            yield path, ast.parse(path.read_text("utf-8"))


def attributes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}", node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def test_only_the_clock_knows_what_time_it_is() -> None:
    clocks = {
        "time.time", "time.time_ns", "time.perf_counter", "time.monotonic", "datetime.now", "datetime.utcnow",
        "datetime.today", "date.today",
    }  # fmt: skip
    found = [
        f"{p}:{line} {name}" for p, tree in modules("clock.py") for name, line in attributes(tree) if name in clocks
    ]

    assert found == []


def test_only_settings_read_the_environment() -> None:
    names = {"os.environ", "os.getenv", "os.putenv", "os.environb"}
    found = [
        f"{p}:{line} {name}" for p, tree in modules("settings.py") for name, line in attributes(tree) if name in names
    ]

    assert found == []


def test_nothing_is_pickled() -> None:
    pickles = {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve"}
    found = []
    for path, tree in modules():
        for node in ast.walk(tree):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path}:{node.lineno} {name}" for name in names if name.split(".")[0] in pickles]  # type: ignore[attr-defined]

    assert found == []


def test_no_file_grows_beyond_what_one_can_read() -> None:
    long = {str(p): len(p.read_text().splitlines()) for p in (SOURCE / "vigie").rglob("*.py")}

    assert {path: lines for path, lines in long.items() if lines > 500} == {}


def test_every_public_name_of_the_package_is_listed_in_order() -> None:
    import vigie

    assert sorted(vigie.__all__) == list(vigie.__all__)
    assert all(hasattr(vigie, name) for name in vigie.__all__)


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import vigie", HEAVY),
        ("import vigie.cli.program", HEAVY),
        ("import vigie.serving, vigie.bundle, vigie.journal", SCORING_MAY_NOT_LOAD),
    ],
)
def test_an_import_loads_no_more_than_it_needs(code: str, forbidden: tuple[str, ...]) -> None:
    script = f"{code}\nimport sys\nprint(*sorted({{m.split('.')[0] for m in sys.modules}} & set({forbidden!r})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_holding_contracts_loads_no_spark_and_binds_no_driver() -> None:
    code = (
        "import os, sys, vigie.data.checks; "
        "print([m for m in sys.modules if m.startswith('pyspark')], os.environ.get('SPARK_LOCAL_IP'))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "SPARK_LOCAL_IP"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)

    assert done.stdout.strip() == "[] None"
