"""From Markdown with Python blocks to a notebook (nbformat 4.5)."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from vigie.errors import SettingsError, did_you_mean

NOTEBOOKS = ("EDA", "algo_pipeline_demo")
"""Names of the notebooks."""

_CODE = re.compile(r"^```python\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)


def notebook(name: str) -> dict[str, Any]:
    """A notebook without outputs, as plain data.

    Args:
        name: One of :data:`NOTEBOOKS`.

    Raises:
        SettingsError: There is no such notebook.
    """
    if name not in NOTEBOOKS:
        raise SettingsError(f"no notebook '{name}'", remedy=did_you_mean(name, NOTEBOOKS))
    text = files("vigie_demos.notebooks").joinpath(f"{name}.md").read_text("utf-8")
    cells = []
    behind = 0
    for block in _CODE.finditer(text):
        cells += _prose(text[behind : block.start()])
        cells.append({"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": block[1]})
        behind = block.end()
    cells += _prose(text[behind:])
    for number, cell in enumerate(cells, 1):
        cell["id"] = f"{name.lower()[:4]}-{number:03d}"
        cell["source"] = str(cell["source"]).strip("\n").splitlines(keepends=True)
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _prose(text: str) -> list[dict[str, Any]]:
    """A cell for each part that begins with a heading: what is read together stays together."""
    parts = [part.strip("\n") for part in re.split(r"^(?=#+ )", text, flags=re.MULTILINE)]
    return [{"cell_type": "markdown", "metadata": {}, "source": part} for part in parts if part.strip()]


def write_notebooks(folder: Path) -> list[Path]:
    """Write the notebooks into *folder*, which is made where it is missing; those that are there stay as they are.

    Returns:
        Their paths.

    Raises:
        SettingsError: The folder cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in NOTEBOOKS:
            path = folder / f"{name}.ipynb"
            if not path.exists():
                path.write_text(dump(notebook(name)), "utf-8")
            paths.append(path)
    except OSError as error:
        raise SettingsError(f"the notebooks cannot be written: {error.strerror}", where=str(folder)) from error
    return paths


def dump(content: dict[str, Any]) -> str:
    """A notebook as Jupyter writes it to a file."""
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
