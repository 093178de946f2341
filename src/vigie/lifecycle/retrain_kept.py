"""What a renewal keeps of its training until it is registered, perhaps by a process that comes later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.errors import RegistryError

if TYPE_CHECKING:
    from vigie.lifecycle.train import Made
    from vigie.registry import TrainingRun

RUN = "run.json"
"""What the registry keeps of the run, beside the bundle: so that a process that comes later can register it."""
TAG = "vigie.renewal"
"""Of a version: key of the plan that it was trained for."""


def keep(made: Made, key: str) -> None:
    """Write what the registry will keep beside the bundle, whole or not at all."""
    run = made.run
    told = {
        "params": {name: str(value) for name, value in run.params.items()},
        "metrics": {name: value for name, value in run.metrics.items() if value == value},
        "tags": {**run.tags, TAG: key},
        "candidates": [
            {
                "name": one.name,
                "params": {name: str(value) for name, value in one.params.items()},
                "metrics": {name: value for name, value in one.metrics.items() if value == value},
                "steps": {name: [value for value in values if value == value] for name, values in one.steps.items()},
                "tags": dict(one.tags),
            }
            for one in run.candidates
        ],
        "datasets": dict(run.datasets),
        "files": {name: file.name for name, file in run.files.items()},
        "started": run.started,
        "seconds": run.seconds,
    }
    scratch = made.folder / f".{RUN}"
    scratch.write_text(json.dumps(told), "utf-8")
    scratch.replace(made.folder / RUN)


def kept(folder: Path) -> TrainingRun:
    """What :func:`keep` wrote.

    Raises:
        RegistryError: It is not there any more.
        BundleError: The bundle is damaged.
    """
    from vigie.bundle import load_bundle
    from vigie.registry import CandidateRun, TrainingRun

    try:
        told = json.loads((folder / RUN).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RegistryError(
            f"what was trained is not there any more: {error}",
            where=str(folder),
            remedy="`vigie retrain --abandon` ends this renewal; then plan again",
        ) from error
    return TrainingRun(
        bundle=load_bundle(folder / "bundle"),
        example={},
        params=told["params"],
        metrics=told["metrics"],
        tags=told["tags"],
        candidates=tuple(
            CandidateRun(
                one["name"],
                one["params"],
                one["metrics"],
                {name: tuple(values) for name, values in one["steps"].items()},
                one["tags"],
            )
            for one in told["candidates"]
        ),
        datasets=told["datasets"],
        files={name: folder / file for name, file in told["files"].items()},
        started=told["started"],
        seconds=told["seconds"],
    )
