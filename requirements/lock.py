"""Resolves the dependencies of pyproject.toml into exact lock files, without addresses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LOCKS = {
    "base.txt": [],
    "demo.txt": ["--extra", "demo", "--extra", "postgres"],
    "dev.txt": ["--extra", "all", "--group", "test", "--group", "check", "--group", "docs"],
}
OPTIONS = ["--universal", "--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url"]


def main() -> None:
    """Write every lock file; all agree, since each is constrained by the largest."""
    uv = Path(sys.executable).parent / "uv"
    for name in sorted(LOCKS, key=lambda name: -len(LOCKS[name])):
        largest = HERE / "dev.txt"
        constraint = ["--constraint", str(largest)] if name != "dev.txt" else []
        command = [uv, "pip", "compile", "pyproject.toml", *LOCKS[name], *OPTIONS, *constraint, "--quiet"]
        subprocess.run([*command, "-o", HERE / name], check=True, cwd=HERE.parent)  # noqa: S603


if __name__ == "__main__":
    main()
