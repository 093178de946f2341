"""Environments of packages that do not go with ours, made once a machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CACHE = Path.home() / ".cache" / "vigie-tests"
UNREACHABLE = ("failed to fetch", "dns error", "connection refused", "timed out", "network is unreachable")


def own_environment(name: str, packages: list[str], then: Callable[[Path], None] = lambda _: None) -> Path:
    """Python of an environment with *packages*; only where no package index answers, a skip.

    Args:
        name: Of its folder; with the version of what is in it.
        packages: As ``pip install`` takes them.
        then: Given the folder of a new environment, once all is installed.
    """
    folder = CACHE / name
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        assert uv is not None, "uv is not installed"
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True)
        install = [uv, "pip", "install", "-q", "--python", str(python), *packages]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode and any(words in done.stderr.lower() for words in UNREACHABLE):
            pytest.skip("no package index answers")
        assert done.returncode == 0, done.stderr
        then(folder)
        (folder / "complete").touch()
    return python
