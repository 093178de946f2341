"""Reads a table never seen before and proposes a project: key, outcome, decision, what to leave out, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from vigie.definition import Kind, Table
from vigie.errors import DefinitionError, did_you_mean
from vigie.lifecycle.scaffold_answers import (
    SOURCES,
    Answers,
    ColumnLook,
    DecisionName,
    EventAnswers,
    Proposal,
    TableAnswers,
    python_name,
)
from vigie.lifecycle.scaffold_look import ROWS, Look, look_at
from vigie.training.checks.leakage import leakage

_KEY = re.compile(r"^(id|key|uuid|guid|number|no|nr|num|code|identifier|kennung|numero)$")
_CUSTOMER = re.compile(
    r"^(customer|client|user|member|subscriber|account|lead|prospect|applicant|borrower|person|kunde)s?$"
)
_TIME = re.compile(
    r"^(created|submitted|requested|registered|contacted|signup|applied|opened|ordered|invoice|purchased?|time|date|at|timestamp|datetime|when|day)$"
)
_NOT_A_BEGINNING = re.compile(
    r"^(birth|born|dob|updated?|modified|last|latest|end|ended|closed|expires?|expiry|expiration|effective|due|until|to)$"
)
_MONEY = re.compile(r"^(amount|price|revenue|sales|spend|value|dollars|euros|total|paid)$")

_OUTCOME: dict[DecisionName, re.Pattern[str]] = {
    "Campaign": re.compile(r"churn|exited|^exit$|attrition|^left$|cancel|^lost$|departed|kündig|resili|abgang"),
    "Lead": re.compile(
        r"conver|subscri|^won$|purchas|^bought$|^response$|respond|^sold$|^deal$|accepted|signed|^y$|buy"
    ),
    "Loan": re.compile(r"default|delinq|dlq|^bad$|fraud|bankrupt|charged_?off|arrears|insolv"),
}
_PLAIN_OUTCOME = re.compile(r"^(target|label|class|outcome|result|y)$")
_ABOUT: dict[DecisionName, re.Pattern[str]] = {
    "Campaign": re.compile(r"churn|retention|subscriber|attrition"),
    "Lead": re.compile(r"lead|market|prospect|campaign|funnel|sales"),
    "Loan": re.compile(r"credit|loan|borrow|lending|mortgage|applicant"),
}
_TRUE = re.compile(r"^(yes|y|true|t|1|1\.0|oui|ja|si|sí|churned|churn|left|exited|converted|won|bad|default|defaulted|positive|subscribed|late)$", re.IGNORECASE)  # fmt: skip

_COUNTED = re.compile(r"^(number|num|n|count|no|nb)_")
_VALUE: dict[DecisionName, tuple[tuple[re.Pattern[str], float], ...]] = {
    "Campaign": (
        (re.compile(r"(^|_)(clv|ltv|lifetime_value|customer_value)(_|$)"), 1.0),
        (re.compile(r"month.*(charge|fee|revenue|bill|price|spend)|(^|_)(mrr|arpu)(_|$)"), 12.0),
    ),
    "Lead": ((re.compile(r"(deal|contract|order)_?(value|amount|size)"), 1.0),),
    "Loan": ((re.compile(r"(loan|credit)_?(amount|amt|sum|line|limit)|^(amount|loan|credit_line)$"), 1.0),),
}


def inspect_table(
    path: Path,
    *,
    name: str | None = None,
    key: str | None = None,
    target: str | None = None,
    decision: DecisionName | None = None,
    rows: int = ROWS,
) -> Proposal:
    """Look at a file and propose a project for it.

    A table has one row a customer and an outcome with two values. Where no column can be that, but a customer comes more
    than once and there is a time, the rows are events.

    Args:
        path: CSV, Parquet or JSON lines, compressed or not.
        name: Of the score; left out, after the file.
        key: Column of the customer, if known.
        target: Column of the outcome, if known.
        decision: What the score is for, if known.
        rows: How many rows to look at.

    Raises:
        SourceError: The file does not exist, cannot be read or is empty.
        DefinitionError: *key* or *target* is not a column, or the target does not have two values.
    """
    look = look_at(path, rows)
    names = look.frame.columns
    for given in (key, target):
        if given is not None and given not in names:
            raise DefinitionError(f"no column '{given}'", where=path.name, remedy=did_you_mean(given, names))
    name = name or python_name(path.name.split(".")[0])
    reasons: dict[str, str] = {}
    questions: dict[str, str] = {}
    target = _target(look, target, path, reasons, questions)
    answers: Answers | None = None
    if target is None:
        answers = _events(look, name, key, decision, reasons)
        if answers is not None:
            questions.clear()
    else:
        key = _key(look, key, target, reasons, questions)
        if key is not None:
            answers = _table(look, name, key, target, decision, path, reasons)
    return Proposal(path, look.frame.height, look.complete, look.columns, answers, reasons, questions)


def _table(
    look: Look,
    name: str,
    key: str,
    target: str,
    decision: DecisionName | None,
    path: Path,
    reasons: dict[str, str],
) -> TableAnswers:
    chosen = decision or _decision(target, path, look.frame.columns, reasons)
    positive = positive_value(look, target, reasons)
    known_at = _known_at(look, target, reasons)
    left_out = _left_out(look, {key, target, *([known_at] if known_at else [])})
    taken = {key, target, known_at, *left_out}
    features = [c.name for c in look.columns if c.name not in taken and c.kind not in (Kind.TEXT, Kind.TIME)]
    value = _value(look, chosen, features)
    return TableAnswers(
        name,
        look.shape,
        key,
        target,
        positive,
        chosen,
        known_at,
        left_out,
        _suspects(look, features, target, positive, known_at),
        *(value or (None, 1.0)),
    )


def _words(column: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column).lower())


def _joined(column: str) -> str:
    return "_".join(_words(column))


def _two_valued(column: ColumnLook) -> bool:
    return column.distinct == 2 and column.missing < 0.5 and column.kind not in (Kind.TEXT, Kind.TIME)


def _target(
    look: Look, given: str | None, path: Path, reasons: dict[str, str], questions: dict[str, str]
) -> str | None:
    if given is not None:
        if not _two_valued(look[given]):
            raise DefinitionError(
                f"'{given}' has {look[given].distinct} different values; an outcome has two",
                where=path.name,
                remedy="name a column with two values, such as yes and no",
            )
        reasons["target"] = f"the outcome is {given}: you named it"
        return given
    possible = [c.name for c in look.columns if _two_valued(c)]
    named = [
        c for c in possible if any(p.search(_joined(c)) for p in _OUTCOME.values()) or _PLAIN_OUTCOME.match(_joined(c))
    ]
    # A bank's table has "default" and "y": the outcome stands at an end of a table more often than inside.
    ends = [c for c in named if c in (look.frame.columns[0], look.frame.columns[-1])]
    if len(named) == 1 or len(ends) == 1:
        chosen = (named if len(named) == 1 else ends)[0]
        where = " at an end of the table" if len(named) > 1 else ""
        reasons["target"] = f"the outcome is {chosen}: two values, and a name that says an outcome{where}"
        return chosen
    if not named and len(possible) == 1 and possible[0] == look.frame.columns[-1]:
        reasons["target"] = f"the outcome is {possible[0]}: the last column, and the only one with two values"
        return possible[0]
    questions["target"] = (
        f"which column is the outcome? With two values: {', '.join(named or possible)}"
        if possible
        else "no column has two values: which is the outcome? A project on events needs none"
    )
    return None


def _key(look: Look, given: str | None, target: str, reasons: dict[str, str], questions: dict[str, str]) -> str | None:
    if given is not None:
        reasons["key"] = f"the customer is {given}: you named it"
        return given
    unique = [c for c in look.columns if _unique(look, c) and c.name != target]
    if not unique:
        questions["key"] = (
            "no column has another value in each row: which one names the customer? Add one if there is none"
        )
        return None
    best = max(unique, key=lambda c: (_id_likeness(c.name), -look.frame.columns.index(c.name)))
    reasons["key"] = f"the customer is {best.name}: another value in each row" + (
        "" if look.complete else f" of the first {look.frame.height:,}"
    )
    return best.name


def _unique(look: Look, column: ColumnLook) -> bool:
    if column.kind is Kind.TIME or column.missing > 0 or column.distinct < look.frame.height:
        return False
    if column.kind is Kind.NUMBER:
        numbers = look.frame[column.name].cast(pl.Float64)
        return bool((numbers == numbers.round()).all()) or bool(_id_likeness(column.name))
    return True


def _id_likeness(column: str) -> int:
    words = _words(column)
    return 2 * any(_KEY.match(w) for w in words) + any(_CUSTOMER.match(w) for w in words) + (words[-1:] == ["id"])


def _left_out(look: Look, taken: set[str]) -> dict[str, str]:
    out: dict[str, str] = {}
    for column in look.columns:
        if column.name in taken or column.kind is Kind.TEXT:
            continue  # free text is never a feature
        # On few rows a measurement may differ everywhere, too.
        numbered = column.kind is not Kind.NUMBER or _id_likeness(column.name) or look.frame.height >= 100
        if _unique(look, column) and numbered:
            out[column.name] = "another value in each row: an identifier"
        elif column.name in look.ambiguous:
            out[column.name] = "dates whose day and month cannot be told apart: say which in the contract"
    return out


def _decision(target: str, path: Path, columns: Sequence[str], reasons: dict[str, str]) -> DecisionName:
    for decision, pattern in _OUTCOME.items():
        if _joined(target) != "y" and pattern.search(_joined(target)):
            reasons["decision"] = f"the decision is {decision}: the outcome is called {target}"
            return decision
    for words, said in (
        (_joined(path.name), "the file's name points to it"),
        (" ".join(map(_joined, columns)), "names of columns point to it"),
    ):
        for decision, pattern in _ABOUT.items():
            if pattern.search(words):
                reasons["decision"] = f"the decision is {decision}: {said}"
                return decision
    reasons["decision"] = "the decision is Campaign: nothing points to another"
    return "Campaign"


def positive_value(look: Look, target: str, reasons: dict[str, str]) -> str | float | bool:
    """Which of the two values of *target* is the outcome; why is added to *reasons*."""
    series = look.frame[target].drop_nulls()
    counts = series.value_counts(sort=True)
    values = counts[target].to_list()
    affirmed = [v for v in values if _TRUE.match(_shown(v))]
    chosen = affirmed[0] if len(affirmed) == 1 else values[-1]
    share = int((series == chosen).sum()) / max(len(series), 1)
    said = "it affirms the outcome" if len(affirmed) == 1 else "the rarer of the two"
    reasons["positive"] = f"predicted is {_shown(chosen)}: {said}; {share:.1%} of the rows"
    return chosen  # type: ignore[no-any-return]


def _shown(value: str | float | bool) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _known_at(look: Look, target: str, reasons: dict[str, str]) -> str | None:
    times = [c for c in look.columns if c.kind is Kind.TIME and c.missing == 0 and c.name != target]
    named = [
        c
        for c in times
        if any(_TIME.match(w) for w in _words(c.name)) and not any(_NOT_A_BEGINNING.match(w) for w in _words(c.name))
    ]
    if len(named) != 1:
        return None
    reasons["known_at"] = f"rows came to be at {named[0].name}: the only date in every row whose name says a beginning"
    return named[0].name


def _value(look: Look, decision: DecisionName, features: Sequence[str]) -> tuple[str, float] | None:
    for pattern, factor in _VALUE[decision]:
        for name in features:
            if _COUNTED.match(_joined(name)):
                continue
            if look[name].kind is Kind.NUMBER and pattern.search(_joined(name)):
                lowest = look.frame[name].min()
                if isinstance(lowest, float) and lowest >= 0:
                    return name, factor
    return None


def _suspects(
    look: Look, features: Sequence[str], target: str, positive: str | float | bool, known_at: str | None
) -> tuple[tuple[tuple[str, ...], str], ...]:
    """What the leakage checks of training say of the columns alone."""
    known = look.frame[target].is_not_null().to_numpy()
    labels = (look.frame[target] == positive).fill_null(value=False).to_numpy()[known].astype(np.int8)
    if not 0 < labels.sum() < len(labels):
        return ()
    table = Table("rows", key="\0", known_at=known_at)
    definitions = [table[name].named(f"c{i}") for i, name in enumerate(features)]
    called = {f"c{i}": name for i, name in enumerate(features)}
    index = np.flatnonzero(known)
    values = {f"c{i}": look.values(name).take(index) for i, name in enumerate(features)}
    found = leakage(values, definitions, labels, seed=0)
    return tuple(
        (tuple(called[part] for part in finding.where.split(", ") if part in called), finding.explanation)
        for finding in found
    )


def _events(
    look: Look, name: str, key: str | None, decision: DecisionName | None, reasons: dict[str, str]
) -> EventAnswers | None:
    times = [c for c in look.columns if c.kind is Kind.TIME and c.missing < 0.05 and c.distinct > 1]
    repeated = [
        c
        for c in look.columns
        if 1 < c.distinct < 0.9 * look.frame.height
        and any(_CUSTOMER.match(w) for w in _words(c.name))
        and (len(_words(c.name)) == 1 or any(_KEY.match(w) for w in _words(c.name)))
    ]
    customer = look[key] if key else max(repeated, key=lambda c: (_id_likeness(c.name), c.distinct), default=None)
    if not times or customer is None or customer.distinct >= look.frame.height:
        return None
    time = max(times, key=lambda c: (any(_TIME.match(w) for w in _words(c.name)), c.distinct))
    money = [
        c.name
        for c in look.columns
        if c.kind is Kind.NUMBER and c.name != customer.name and any(_MONEY.match(w) for w in _words(c.name))
    ]
    ids = [c.name for c in look.columns if _unique(look, c) and _id_likeness(c.name) and c.name != time.name]
    reasons["events"] = (
        f"no column can be the outcome, {customer.name} repeats and {time.name} is a time: the rows are events"
    )
    chosen: DecisionName = decision or "Campaign"
    source = python_name(look.shape.path.replace("\\", "/").split("/")[-1].split(".")[0], "events")
    return EventAnswers(
        name if name != source else f"{source}_{'churn' if chosen == 'Campaign' else 'score'}",
        look.shape,
        source,
        customer.name,
        time.name,
        ids[0] if ids else None,
        money[0] if money else None,
        decision=chosen,
    )


assert set(SOURCES) == set(_OUTCOME) == set(_ABOUT) == set(_VALUE)
