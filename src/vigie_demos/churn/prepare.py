"""CDNOW's purchases, from the ``lifetimes`` wheel (MIT) to ``data/purchases.csv``."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from vigie.errors import SourceError
from vigie_demos.wheel import installed_file

AS_OF = "1998-07-01"
NOTES = (
    "CDNOW's 23,570 first-time buyers of the first quarter of 1997 and all they bought until June 1998 "
    "(Fader and Hardie 2001).",
    "Dates are days: purchases of one day are told apart by their line in the file, and 255 are equal but for it.",
    "The sums of money are assumptions; churn.py says which.",
)
SETTINGS = """\
[project]
files = ["churn.py"]
state = ".vigie"

[sources.purchases]
path = "data/purchases.csv"

[serve]
host = "127.0.0.1"
port = 8000
"""


def write_data(directory: Path, *, seed: int) -> None:  # noqa: ARG001 - real data have no seed
    """Write ``purchases.csv``: purchase_id, customer_id, date, items, dollars.

    The original is text in columns, ``00001 19970101  1   11.77``. The line's number becomes ``purchase_id``: without it
    two equal purchases of one day would be taken for one that was delivered twice.

    Raises:
        MissingExtraError: ``lifetimes`` is not installed.
        SourceError: The file is not the one with 69,659 purchases.
    """
    file = installed_file("lifetimes", "lifetimes/datasets/CDNOW_master.txt")
    rows = [line.split() for line in file.read_text("ascii").splitlines()[1:] if line.strip()]
    if len(rows) != 69_659 or any(len(row) != 4 for row in rows):
        raise SourceError(f"{len(rows):,} purchases instead of 69,659", where=str(file))
    customers, dates, items, dollars = zip(*rows, strict=True)
    frame = pl.DataFrame({"customer_id": customers, "date": dates, "items": items, "dollars": dollars}).with_row_index(
        "purchase_id", offset=1
    )
    frame.select(
        "purchase_id",
        "customer_id",
        pl.col("date").str.to_date("%Y%m%d"),
        pl.col("items").cast(pl.Int64),
        pl.col("dollars").cast(pl.Float64),
    ).write_csv(directory / "purchases.csv")
