"""Calls of a bank, from the ``empulse`` wheel (MIT) to ``data/leads.csv``, with the year that the original leaves out."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl

from vigie.errors import SourceError
from vigie_demos.wheel import installed_file

AS_OF = "2011-01-01"
NOTES = (
    "45,211 clients whom a Portuguese bank called between May 2008 and November 2010, in date order "
    "(Moro, Cortez and Rita 2014); 11.7 % opened a deposit.",
    "The year is inferred: it goes up where the month goes back. Of the dates so made, one in nine hundred is a weekend.",
    "The world changed on the way: 5 % said yes in 2008 and 52 % in 2010. A test in time order is honest, a random one is not.",
)
SETTINGS = """\
[project]
files = ["lead.py"]
state = ".vigie"

[sources.leads]
path = "data/leads.csv"
delimiter = ";"

[serve]
host = "127.0.0.1"
port = 8000
"""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
FIRST_YEAR = 2008


def write_data(directory: Path, *, seed: int) -> None:  # noqa: ARG001 - real data have no seed
    """Write ``leads.csv``: lead_id, contacted_at and the columns of the original but day and month.

    Raises:
        MissingExtraError: ``empulse`` is not installed.
        SourceError: The file is not the one with 45,211 calls.
    """
    file = installed_file("empulse", "empulse/datasets/data/bankmarketing.csv.gz")
    calls = pl.read_csv(io.BytesIO(gzip.decompress(file.read_bytes())), separator=";", infer_schema_length=None)
    if calls.height != 45_211:
        raise SourceError(f"{calls.height:,} calls instead of 45,211", where=str(file))
    month = pl.col("month").replace_strict(_MONTHS, return_dtype=pl.Int32)
    # Rows are in date order, so a month below the one before begins a new year.
    year = FIRST_YEAR + (month.diff() < 0).fill_null(value=False).cum_sum().cast(pl.Int32)
    leads = calls.with_row_index("lead_id", offset=1).with_columns(contacted_at=pl.date(year, month, pl.col("day")))
    columns = [c for c in calls.columns if c not in ("day", "month")]
    leads.select("lead_id", "contacted_at", *columns).write_csv(directory / "leads.csv", separator=";")
