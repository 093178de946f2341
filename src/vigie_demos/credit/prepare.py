"""Give Me Some Credit, from the ``empulse`` wheel (MIT) to ``data/applicants.parquet``, with a credit line for each."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import polars as pl

from vigie.errors import SourceError
from vigie_demos.wheel import installed_file

AS_OF = "2011-09-19"
NOTES = (
    "150,000 borrowers of the competition Give Me Some Credit (Kaggle, September 2011); 6.7 % were 90 days late or worse "
    "within two years.",
    "The file has no dates: the test is a stratified sample. The dates of the project only say that two years are over.",
    "The credit line is not in the file: it is derived from income and debt after Correa Bahnsen et al. (2014).",
)
SETTINGS = """\
[project]
files = ["credit.py"]
state = ".vigie"

[sources.applicants]
path = "data/applicants.parquet"

[serve]
host = "127.0.0.1"
port = 8000
"""

YEARLY_INTEREST = 0.0479
MONTHS = 24
LARGEST_LINE = 25_000
INCOMES = 3


def write_data(directory: Path, *, seed: int) -> None:  # noqa: ARG001 - real data have no seed
    """Write ``applicants.parquet``: the columns of the original and ``credit_line``.

    The credit line follows Correa Bahnsen, Aouada and Ottersten (2014), *Example-dependent cost-sensitive logistic
    regression for credit scoring*, with the parameters of empulse: the least of three monthly incomes, 25,000, and what
    the income that debts leave free can pay back in 24 months at 4.79 % a year. It is null where income is missing.

    Raises:
        MissingExtraError: ``empulse`` is not installed.
        SourceError: The file is not the one with 150,000 borrowers.
    """
    file = installed_file("empulse", "empulse/datasets/data/creditscoring1.csv.gz")
    text = io.BytesIO(gzip.decompress(file.read_bytes()))
    borrowers = pl.read_csv(text, null_values=["", "NA"], infer_schema_length=None)
    if borrowers.height != 150_000:
        raise SourceError(f"{borrowers.height:,} borrowers instead of 150,000", where=str(file))
    borrowers.with_columns(credit_line=credit_line()).write_parquet(directory / "applicants.parquet")


def credit_line() -> pl.Expr:
    """The sum that can be lent, from the columns ``MonthlyIncome`` and ``DebtRatio``."""
    monthly = YEARLY_INTEREST / 12
    payment = monthly / (1 - (1 + monthly) ** -MONTHS)  # each month, for each unit lent
    income = pl.col("MonthlyIncome")
    affordable = income * (1 - pl.col("DebtRatio")).clip(0, 1) / payment
    line = pl.min_horizontal(INCOMES * income, pl.lit(float(LARGEST_LINE)), affordable)
    return pl.when(income.is_not_null()).then(line.round(2))
