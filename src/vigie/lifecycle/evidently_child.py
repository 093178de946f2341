"""Makes Evidently's report of two files, in the environment that has Evidently; nothing of Vigie is imported.

    python -I evidently_child.py FOLDER

FOLDER has ``live.parquet``, ``reference.parquet`` and ``asked.json`` (``numbers``, ``categories``, ``classification``, ``page``);
``told.json`` is written into it, and the pages where ``asked.json`` says.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

OUTCOME, SCORE = "outcome", "score"


def main(folder: Path) -> None:
    """Make the pages, and say what stands in them."""
    asked = json.loads((folder / "asked.json").read_text("utf-8"))
    evidently, presets, pandas = (import_module(one) for one in ("evidently", "evidently.presets", "pandas"))
    frames = [pandas.read_parquet(folder / f"{name}.parquet") for name in ("live", "reference")]
    for frame in frames:
        for name in asked["categories"]:
            frame[name] = frame[name].astype(object)
    drift = _made(evidently, frames, asked, presets.DataDriftPreset(), asked["page"])
    told: dict[str, Any] = {"version": version("evidently"), "drift": drift, "classification": []}
    if asked["classification"]:
        known = [frame[frame[OUTCOME].notna()].copy() for frame in frames]
        for frame in known:
            frame[OUTCOME] = frame[OUTCOME].astype(int)
        told["classification"] = _made(
            evidently, known, asked, presets.ClassificationPreset(), asked["classification"], classified=True
        )
    (folder / "told.json").write_text(json.dumps(told), "utf-8")


def _made(
    evidently: Any, frames: list[Any], asked: dict[str, Any], preset: Any, page: str, *, classified: bool = False
) -> list[dict[str, Any]]:
    """Write one page; its metrics as plain data."""
    columns: dict[str, Any] = {"numerical_columns": asked["numbers"], "categorical_columns": asked["categories"]}
    if classified:
        target = evidently.BinaryClassification(target=OUTCOME, prediction_probas=SCORE, pos_label=1)
        columns = {"classification": [target]}
        frames = [frame[[OUTCOME, SCORE]] for frame in frames]
    definition = evidently.DataDefinition(**columns)
    live, reference = (evidently.Dataset.from_pandas(one, data_definition=definition) for one in frames)
    made = evidently.Report([preset]).run(live, reference)
    made.save_html(page)
    metrics: list[dict[str, Any]] = json.loads(made.json())["metrics"]
    return metrics


if __name__ == "__main__":
    main(Path(sys.argv[1]))
