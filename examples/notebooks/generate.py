"""Makes the notebooks beside this file: the texts of ``vigie_demos.notebooks``, executed, without paths of this machine.

    python examples/notebooks/generate.py

Needs ``vigie[notebook,demo]``. A test holds the cells of the stored notebooks against the texts.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from vigie_demos.notebooks import NOTEBOOKS, notebook
from vigie_demos.notebooks.convert import dump

HERE = Path(__file__).resolve().parent
SECONDS = 600
"""Most time of one cell."""


def executed(name: str) -> str:
    """The notebook *name* after running all of its cells in an empty folder, as Jupyter stores it.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    content = nbformat.reads(dump(notebook(name)), as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            content, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute()
        written: str = nbformat.writes(cleaned(content, folder))
    return written + "\n"


def cleaned(content: dict[str, Any], folder: str) -> dict[str, Any]:
    """Without times, counters that differ, and names of folders of this machine."""
    import nbformat

    content["metadata"] = {key: content["metadata"][key] for key in ("kernelspec", "language_info")}
    content["metadata"]["language_info"] = {"name": "python"}
    for cell in content["cells"]:
        cell["metadata"] = {}
        if cell["cell_type"] != "code":
            continue
        kept = []
        for output in cell["outputs"]:
            if output["output_type"] == "stream" and output["name"] == "stderr":
                continue  # warnings of libraries about this machine
            kept.append(_without(output, folder))
        cell["outputs"] = nbformat.from_dict(kept)
    return content


def _without(value: Any, folder: str) -> Any:
    if isinstance(value, str):
        return re.sub(r"/(?:root|home|tmp|Users)/[^\s\"'<>]*", "…", value.replace(folder, "…"))
    if isinstance(value, list):
        return [_without(one, folder) for one in value]
    if isinstance(value, dict):
        return {key: _without(one, folder) for key, one in value.items()}
    return value


def main(names: list[str]) -> None:
    """Make the notebooks called *names*, or all."""
    for name in names or NOTEBOOKS:
        path = HERE / f"{name}.ipynb"
        path.write_text(executed(name), "utf-8")
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1e3:,.0f} kB\n")


if __name__ == "__main__":
    main(sys.argv[1:])
