"""The example notebooks run from beginning to end, and the stored ones are what the texts say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from vigie.errors import SettingsError
from vigie_demos.notebooks import NOTEBOOKS, notebook, write_notebooks

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "examples" / "notebooks"


@pytest.fixture(scope="module")
def generate() -> Any:
    spec = importlib.util.spec_from_file_location("generate_notebooks", STORED / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_from_beginning_to_end(name: str, generate: Any) -> None:
    pytest.importorskip("nbclient", reason="pip install 'vigie[notebook]'")
    pytest.importorskip("ipykernel", reason="pip install 'vigie[notebook]'")
    written = json.loads(generate.executed(name))  # raises where a cell fails
    code = [cell for cell in written["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    pictures = [o for cell in code for o in cell["outputs"] if "image/svg+xml" in o.get("data", {})]
    assert len(pictures) >= 2


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_stored_notebook_has_the_cells_of_the_text_and_the_outputs_of_a_run(name: str) -> None:
    path = STORED / f"{name}.ipynb"
    stored, wanted = json.loads(path.read_text("utf-8")), notebook(name)
    assert [(c["cell_type"], c["id"], c["source"]) for c in stored["cells"]] == [
        (c["cell_type"], c["id"], c["source"]) for c in wanted["cells"]
    ], f"run: python examples/notebooks/generate.py {name}"
    assert all(cell["execution_count"] for cell in stored["cells"] if cell["cell_type"] == "code")
    assert not any(o["output_type"] == "error" for c in stored["cells"] for o in c.get("outputs", ()))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_stored_notebook_is_small_and_names_no_machine(name: str) -> None:
    text = (STORED / f"{name}.ipynb").read_text("utf-8")
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"/(?:root|home|tmp|Users)/|\.venv|site-packages", text)


def test_notebooks_are_written_once_and_never_over_somebodys_work(tmp_path: Path) -> None:
    paths = write_notebooks(tmp_path / "mine")
    assert [path.name for path in paths] == ["EDA.ipynb", "algo_pipeline_demo.ipynb"]
    paths[0].write_text("changed", "utf-8")
    assert write_notebooks(tmp_path / "mine") == paths and paths[0].read_text("utf-8") == "changed"
    nbformat = pytest.importorskip("nbformat", reason="pip install 'vigie[notebook]'")
    nbformat.validate(nbformat.read(paths[1], as_version=4))


def test_a_notebook_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="no notebook"):
        notebook("eda")
