"""The reference pages list what exists, all of it and nothing else."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import vigie
from vigie import definition, errors, settings
from vigie.data import codes as data
from vigie.definition.aggregate import FUNCTIONS
from vigie.definition.expression import OPERATIONS
from vigie.definition.kind import Kind
from vigie.definition.moments import CALENDAR_PERIODS
from vigie.lifecycle import check as project
from vigie.serving import app, metrics
from vigie.training.checks import codes as training


def names(rows: list[list[str]]) -> list[str]:
    return [row[0].strip("`") for row in rows]


def test_every_aggregation_has_a_row_and_every_row_an_aggregation(reference: dict[str, Any]) -> None:
    assert names(reference["language"].table_cells("Aggregations")) == list(FUNCTIONS)


def test_the_row_of_an_aggregation_says_which_kinds_it_takes(reference: dict[str, Any]) -> None:
    for name, _, takes, *_ in reference["language"].table_cells("Aggregations"):
        kinds = FUNCTIONS[name.strip("`")].takes
        said = {"events": "", "any": ", ".join(Kind)}.get(takes, takes)
        assert kinds == frozenset(map(Kind, filter(None, said.split(", ")))), name


def test_every_operation_has_a_row_and_every_row_an_operation(reference: dict[str, Any]) -> None:
    listed = names(reference["language"].table_cells("Operations"))
    assert sorted(listed) == sorted(OPERATIONS)


def test_every_kind_and_calendar_period_is_explained(reference: dict[str, Any]) -> None:
    page = reference["language"]
    assert names(page.table_cells("Kinds")) == [kind.value for kind in Kind]
    assert all(f'"{period}"' in page.text for period in CALENDAR_PERIODS)


def test_every_public_name_occurs_in_the_language_reference(reference: dict[str, Any]) -> None:
    missing = [
        n for n in vigie.__all__ if not n.startswith("__") and not re.search(rf"\b{n}\b", reference["language"].text)
    ]
    assert not missing


@pytest.mark.parametrize("noun", ["Table", "Events", "Score", "Fairness", "Campaign", "Lead", "Loan"])
def test_every_argument_of_the_nouns_occurs(reference: dict[str, Any], noun: str) -> None:
    for argument in inspect.signature(getattr(definition, noun)).parameters:
        if argument not in ("condition", "given_name"):  # set by .where() and .named()
            assert f"`{argument}`" in reference["language"].text, f"{noun}({argument}=)"


@pytest.mark.parametrize("noun", [definition.Feature, definition.FeatureGroup, definition.Events])
def test_every_method_occurs(reference: dict[str, Any], noun: type) -> None:
    not_for_users = {"walk", "meaning", "slug", "words", "kind"}
    for method, value in inspect.getmembers(noun, callable):
        if not method.startswith("_") and method not in not_for_users and inspect.isfunction(value):
            assert f".{method}(" in reference["language"].text, f"{noun.__name__}.{method}"


@pytest.mark.parametrize("table", settings.OPTIONS)
def test_every_setting_has_a_row_and_every_row_a_setting(reference: dict[str, Any], table: str) -> None:
    heading = "`[sources.NAME]`" if table == "sources" else f"`[{table}]`"
    assert names(reference["settings"].table_cells(heading)) == list(settings.OPTIONS[table])


def test_every_error_is_in_the_tree_and_in_the_table(reference: dict[str, Any]) -> None:
    page = reference["errors"]
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, errors.VigieError)]
    tree = next(block.body for block in page.blocks if block.body.startswith("VigieError"))
    assert {c.__name__ for c in classes} == set(re.findall(r"\b\w+Error\b", tree)) - {"ImportError"}
    assert {c.__name__ for c in classes} - {"VigieError"} == set(names(page.table_cells("Errors")))


def every_code() -> dict[str, tuple[str, str, str]]:
    return {code: (severity.label, title, remedy) for code, (severity, title, remedy) in data.CODES.items()} | {
        code: (known.severity.label, known.title, known.remedy) for code, known in training.CODES.items()
    }


def test_every_finding_stands_in_the_reference_with_severity_title_and_remedy(reference: dict[str, Any]) -> None:
    sections = re.split(r"^### ", reference["findings"].text, flags=re.MULTILINE)[1:]
    written = {section.split()[0]: section for section in sections}
    assert sorted(written) == sorted([*every_code(), *project.CODES])
    for code, title in project.CODES.items():
        assert written[code].startswith(f"{code} {title}\n"), code
    for code, (severity, title, remedy) in every_code().items():
        assert written[code].startswith(f"{code} {title}\n"), code
        assert f"**{severity}** · " in written[code], code
        assert f"→ {remedy}\n" in written[code] + "\n", code


def test_every_route_of_the_server_is_in_the_reference(reference: dict[str, Any]) -> None:
    source = Path(app.__file__).read_text("utf-8")
    routes = set(re.findall(r'"(/[a-z0-9/{}_]+)"', source))
    listed = set(names(reference["api"].table_cells("HTTP API")))
    assert routes - {"/v1/scores/{name}/score"} <= listed
    assert {"/v1/score", "/invocations", "/ping", "/healthz", "/readyz", "/metrics"} <= listed


def test_every_metric_of_the_server_is_in_the_reference(reference: dict[str, Any]) -> None:
    series = set(re.findall(r'"(vigie_[a-z_]+)"', Path(metrics.__file__).read_text("utf-8")))
    missing = [name for name in series if name not in reference["api"].text]
    assert series and not missing
