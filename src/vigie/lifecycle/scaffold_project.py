"""Writes the project file: Python that a person would have written, with what is assumed marked as such."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from vigie.errors import DefinitionError
from vigie.lifecycle.scaffold_answers import (
    SOURCES,
    Answers,
    DecisionName,
    EventAnswers,
    TableAnswers,
    python_name,
)

ASSUMPTION = "ASSUMPTION"
"""The word that marks every sum and share that nobody has told."""

_WIDTH = 120
_TABLE_QUESTION: dict[DecisionName, str] = {
    "Campaign": "Which customers will leave?",
    "Lead": "Which leads will become customers?",
    "Loan": "Which applicants will default?",
}
_MONEY: dict[DecisionName, Sequence[tuple[str, str, str]]] = {
    "Campaign": (
        ("contact_cost", "1", "cost of contacting one customer"),
        ("offer_cost", "10", "cost of the offer when it is taken"),
        ("accepted", "0.3", "share of leaving customers who stay because of the offer"),
        ("customer_value", "200", "what a customer who stays is worth"),
    ),
    "Lead": (
        ("contact_cost", "10", "cost of working on one lead"),
        ("deal_value", "150", "margin of a deal that is won"),
    ),
    "Loan": (
        ("amount", "10_000", "the sum lent"),
        ("interest", "0.1", "share of the sum that a repaid loan earns over its life"),
        ("loss_given_default", "0.75", "share of the sum that is lost in a default"),
    ),
}
_VALUED = {"Campaign": "customer_value", "Lead": "deal_value", "Loan": "amount"}


def project_text(answers: Answers) -> str:
    """The project file.

    Raises:
        DefinitionError: The answers do not make a project: an outcome that is the key, or a name that cannot be a file.
    """
    for name in (answers.name, source_name(answers)):
        if python_name(name) != name:
            raise DefinitionError(f"'{name}' cannot be the name of a file", remedy=f"for example {python_name(name)}")
    return _events_text(answers) if isinstance(answers, EventAnswers) else _table_text(answers)


def quoted(text: str) -> str:
    r"""*text* as a Python literal in double quotes.

    >>> print(quoted('the "key"'))
    "the \\"key\\""
    """
    return json.dumps(text, ensure_ascii=False)


def _table_text(answers: TableAnswers) -> str:
    if answers.key == answers.target:
        raise DefinitionError(f"'{answers.key}' cannot be both the key and the outcome")
    rows = source_name(answers)
    dated = answers.known_at is not None
    imports = sorted([answers.decision, "Score", "Table", *(["at", "days"] if dated else [])], key=_import_order)
    known_at = f", known_at={quoted(answers.known_at)}" if answers.known_at else ""
    lines = [
        f'"""{_TABLE_QUESTION[answers.decision]}',
        "",
        "Say here in a few sentences what the business wants to know, and what it will do with the answer.",
        '"""',
        "",
        f"from vigie import {', '.join(imports)}",
        "",
        f"{rows} = Table({quoted(rows)}, key={quoted(answers.key)}{known_at})",
        "",
        f"{answers.name} = Score(",
        f"    {quoted(answers.name)},",
    ]
    if dated:
        lines += [
            *_comment("Each row is scored when it came to be, and the model is tried on the latest rows."),
            f"    moments=at({rows}),",
            *_comment(f"{ASSUMPTION}: after so many days a row without the outcome is taken for a no. Edit."),
            "    horizon=days(30),",
        ]
    lines += [f"    outcome={_outcome(rows, answers)},", *_features(rows, answers), *_rule(), *_decision(rows, answers)]
    return "\n".join([*lines, '    owner="",  # who answers for this score', ")"]) + "\n"


def _outcome(rows: str, answers: TableAnswers) -> str:
    column = f"{rows}[{quoted(answers.target)}]"
    if isinstance(answers.positive, bool):
        return column if answers.positive else f"~{column}"
    if isinstance(answers.positive, str):
        return f"{column} == {quoted(answers.positive)}"
    return f"{column} == {_number(answers.positive)}"


def _features(rows: str, answers: TableAnswers) -> list[str]:
    lines = _comment("Every column but the key and the outcome; free text is never a feature.")
    if answers.suspects:
        lines += _comment("")
        lines += _comment(
            "Look twice at these. They look as if they had been filled in after the outcome was known, or nearly; a model "
            "that reads them shines in the test and fails in use. `vigie train` will say so again. Add to but=[...] what "
            "is not known when the score is needed."
        )
        for columns, why in answers.suspects:
            lines += _comment(f"  {', '.join(columns)}: {why}", hanging="    ")
    if not answers.left_out:
        return [*lines, f"    features={rows},"]
    lines.append(f"    features={rows}.all(")
    lines.append("        but=[")
    for column, reason in answers.left_out.items():
        lines.append(f"            {quoted(column)},  # {reason}")
    return [*lines, "        ]", "    ),"]


def _rule() -> list[str]:
    return [
        *_comment("The rule in use today, true or high for those it would act on. The model has to beat it:"),
        "    # rule=...,",
    ]


def _decision(rows: str, answers: TableAnswers) -> list[str]:
    given: dict[str, str] = {}
    if answers.value is not None:
        column = f"{rows}[{quoted(answers.value)}]"
        given[_VALUED[answers.decision]] = (
            column if answers.value_factor == 1 else f"{_number(answers.value_factor)} * {column}"
        )
    return _money(answers.decision, given, answers.currency)


def _money(decision: DecisionName, given: dict[str, str], currency: str) -> list[str]:
    lines = [
        *_comment(f"Threshold and choice of model follow from these sums. Edit what is marked {ASSUMPTION}."),
        f"    decision={decision}(",
    ]
    for name, value, meaning in _MONEY[decision]:
        said = f"{meaning}: check" if name in given else f"{ASSUMPTION}: {meaning}"
        lines.append(f"        {name}={given.get(name, value)},  # {said}")
    lines += [
        "        # capacity=1_000,  # how many can be acted on at one moment; without it, no limit",
        f"        currency={quoted(currency)},",
        "    ),",
    ]
    return lines


def _events_text(answers: EventAnswers) -> str:
    if answers.decision == "Loan":
        raise DefinitionError(
            "a default cannot be told from events alone",
            remedy="choose Campaign or Lead, or give a table with the outcome of each loan",
        )
    events, gone = answers.source, answers.decision == "Campaign"
    variable = "rows" if events == answers.name else events
    identified = f", id={quoted(answers.id)}" if answers.id else ""
    windows = sorted({7, 30, answers.active_days, 365})
    amount = f"{variable}[{quoted(answers.amount)}]" if answers.amount else ""
    called = events.replace("_", " ")
    none, some = (
        (f"no {called}", called) if called.endswith("s") else (f"nothing in {called}", f"something in {called}")
    )
    ahead = f"in the next {answers.horizon_days} days?"
    question = (
        f"Which active customers will have {none} {ahead}" if gone else f"Which customers will have {some} {ahead}"
    )
    lines = [
        f'"""{question}',
        "",
        "Say here in a few sentences what the business wants to know, and what it will do with the answer.",
        '"""',
        "",
        f"from vigie import {answers.decision}, Events, Score, days, every, moment",
        "",
        f"{variable} = Events({quoted(events)}, key={quoted(answers.key)}, time={quoted(answers.time)}{identified})",
        f"recency = {variable}.days_since_last()",
        "",
        f"{answers.name} = Score(",
        f"    {quoted(answers.name)},",
        '    moments=every("month"),  # everybody is scored on the first of each month',
        f"    population={variable}.count(days({answers.active_days})) > 0,  # those who are still active",
        f"    outcome={variable}.count(next=days({answers.horizon_days})) {'== 0' if gone else '> 0'},",
        "    features=[",
        "        recency,",
        f"        {variable}.count(days({', '.join(map(str, windows))})),",
    ]
    if amount:
        lines += [
            f"        {amount}.sum(days({', '.join(map(str, windows[1:]))})),",
            f"        {amount}.mean(days(365)),",
        ]
    lines += [
        f"        {variable}.days_since_first(),",
        f"        {variable}.mean_gap(),",
        f'        (recency / {variable}.mean_gap()).named("overdue"),',
        '        moment.month().named("calendar_month"),',
        "    ],",
        *_comment("The rule of thumb that the model has to beat, high for those it would act on. Edit."),
        f"    rule={'recency' if gone else '-recency'},",
        *_money(answers.decision, {}, answers.currency),
        '    owner="",  # who answers for this score',
        ")",
    ]
    return "\n".join(lines) + "\n"


def source_name(answers: Answers) -> str:
    """What the source is called in the project file and in ``vigie.toml``."""
    if isinstance(answers, EventAnswers):
        return answers.source
    rows = SOURCES[answers.decision]
    return f"{rows}_table" if rows == answers.name else rows


def _comment(text: str, hanging: str = "") -> list[str]:
    if not text:
        return ["    #"]
    shown = " ".join(text.split()) if not text.startswith("  ") else "  " + " ".join(text.split())
    return textwrap.wrap(
        shown, _WIDTH, initial_indent="    # ", subsequent_indent=f"    # {hanging}", break_on_hyphens=False
    )


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _import_order(name: str) -> tuple[bool, str]:
    return (name[0].islower(), name)
