"""What ``vigie init`` has to know before it can write a project: plain records, proposed by a look at the data or asked."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from vigie.definition import Kind

DecisionName = Literal["Campaign", "Lead", "Loan"]
DECISIONS: Mapping[DecisionName, str] = {
    "Campaign": "contact customers who are about to leave, with an offer that keeps some of them",
    "Lead": "call the leads most likely to become customers",
    "Loan": "refuse the borrowers whose default would cost more than their interest brings",
}
"""The decisions there are, and what each is about."""

SOURCES: Mapping[DecisionName, str] = {"Campaign": "customers", "Lead": "leads", "Loan": "applicants"}
"""What the rows of a table are called, by decision."""


@dataclass(frozen=True, slots=True)
class FileShape:
    """How the data file is read; goes into ``vigie.toml``.

    Attributes:
        path: The file, or a glob.
        delimiter: Of a CSV; ``None`` leaves it to be found out.
        encoding: Of a text file.
        nulls: Texts that mean no value, besides the empty one.
    """

    path: str
    delimiter: str | None = None
    encoding: str = "utf-8"
    nulls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableAnswers:
    """A project on one table with a target column.

    Attributes:
        name: Of the score and its file.
        file: Where the table is.
        key: Column that names the customer.
        target: Column of the outcome.
        positive: Its value that is predicted: a text, a number or a boolean, as its kind asks.
        decision: What is done with the score.
        known_at: Column with the moment a row came to be; ``None`` where there is none.
        left_out: Columns that are no features, with the reason for each.
        suspects: What looks as if it had been filled in after the outcome: columns, and why.
        value: Column of what a customer pays a month, is worth or borrows, as the decision asks; ``None`` for an assumption.
        value_factor: What the column is multiplied by.
        currency: ISO 4217 code.
    """

    name: str
    file: FileShape
    key: str
    target: str
    positive: str | float | bool
    decision: DecisionName
    known_at: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    suspects: tuple[tuple[tuple[str, ...], str], ...] = ()
    value: str | None = None
    value_factor: float = 1.0
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class EventAnswers:
    """A project on events, such as purchases: who will have none in the days to come?

    Attributes:
        name: Of the score and its file.
        file: Where the events are.
        source: What they are called.
        key: Column that names the customer.
        time: Column of the moment.
        id: Column that identifies an event; ``None`` where its content does.
        amount: Column of money; ``None`` where there is none.
        horizon_days: Days ahead that are predicted.
        active_days: Who had an event in so many days is scored.
        decision: What is done with the score: ``Campaign`` predicts that nothing follows, ``Lead`` that something does.
        currency: ISO 4217 code.
    """

    name: str
    file: FileShape
    source: str = "orders"
    key: str = "customer_id"
    time: str = "ordered_at"
    id: str | None = None
    amount: str | None = None
    horizon_days: int = 30
    active_days: int = 90
    decision: DecisionName = "Campaign"
    currency: str = "EUR"


Answers = TableAnswers | EventAnswers


@dataclass(frozen=True, slots=True)
class ColumnLook:
    """One column as a look at the data shows it.

    Attributes:
        name: As the ingest will call it.
        kind: What its values are.
        distinct: Different values, nulls left out.
        missing: Share of rows without a value, 0 … 1.
        examples: Up to three of its values.
    """

    name: str
    kind: Kind
    distinct: int
    missing: float
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a look at a file proposes.

    Attributes:
        path: The file.
        rows: Rows that were looked at.
        complete: Whether that were all.
        columns: All columns.
        answers: Ready to write; ``None`` where a question is open.
        reasons: Why, by what was decided: ``key``, ``target``, ``positive``, ``decision``, ``known_at``, ``events``.
        open: What has to be asked, by ``key`` or ``target``: the question with what it can be answered with.
    """

    path: Path
    rows: int
    complete: bool
    columns: tuple[ColumnLook, ...]
    answers: Answers | None
    reasons: Mapping[str, str]
    open: Mapping[str, str]


_TAKEN = frozenset(
    {"campaign", "lead", "loan", "score", "events", "table", "days", "every", "at", "once", "moment", "weeks", "hours"}
    | {"vigie", "vigie_demos", "tests", "test", "conftest", "setup", "recency"}
)


def python_name(text: str, otherwise: str = "project") -> str:
    """*text* as a name for a score, a file and a variable: ASCII, no keyword, shadowing nothing that is imported.

    >>> python_name("Données clients (2024)"), python_name("2024 leads"), python_name("random")
    ('donnees_clients_2024', 'score_2024_leads', 'random_score')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:50].strip("_") or otherwise
    if name[0].isdigit():
        name = f"score_{name}"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _TAKEN or name in sys.stdlib_module_names:
        name = f"{name}_score"
    return name
