"""Everything that the OpenAPI document allows, and what it does not: no answer is a failure of ours or unlike its schema.

Schemathesis makes requests from the document of a whole server: a model, features, events, MLflow's protocol and V2.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.failures import FailureGroup
from typer.testing import CliRunner

from vigie.cli.program import program
from vigie.clock import SystemClock
from vigie.lifecycle.project import Project
from vigie.lifecycle.serve import make_app, plan_project
from vigie.serving import ServingSettings

PROJECT = '''"""Which customers will not order in the next 30 days?"""
from vigie import Campaign, Events, Score, Table, days, every

customers = Table("customers", key="customer_id")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id")

churn = Score(
    "churn",
    moments=every("month"),
    outcome=orders.count(next=days(30)) == 0,
    features=[customers["country"], orders.count(days(30)), orders["amount"].sum(days(90)), orders.days_since_last()],
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.3, customer_value=orders["amount"].mean()),
)
'''
TOML = """
[project]
files = ["churn.py"]
[sources.customers]
path = "customers.csv"
[sources.orders]
path = "orders.csv"
"""
EXAMPLES = 12
"""Requests of each kind to each route."""
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.schemas.BaseSchema:
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / "churn.py").write_text(PROJECT)
    (folder / "vigie.toml").write_text(TOML)
    chance = random.Random(3)
    people, orders = ["customer_id,country"], ["order_id,customer_id,ordered_at,amount"]
    for customer in range(120):
        people.append(f"c{customer},{chance.choice(['FR', 'DE', 'Österreich'])}")
        for _ in range(chance.randint(1, 9)):
            when = f"2024-{chance.randint(1, 11):02}-{chance.randint(1, 28):02}"
            orders.append(f"{len(orders)},c{customer},{when},{chance.uniform(5, 120):.2f}")
    (folder / "customers.csv").write_text("\n".join(people) + "\n")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n")
    train = [
        "train",
        "--project",
        str(folder),
        "--model",
        "logistic_regression",
        "--trials",
        "0",
        "--no-select",
        "--workers",
        "1",
    ]
    done = CliRunner().invoke(program, train, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    app = make_app(plan_project(Project.open(Path(folder), "", SystemClock())), ServingSettings(max_rows=50))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def test_every_answer_is_as_described(document: schemathesis.schemas.BaseSchema) -> None:
    operations = [found.ok() for found in document.get_all_operations()]
    assert {"/v1/score", "/invocations", "/v1/events", "/v1/features", "/v2/models/{name}/infer", "/metrics"} <= {
        operation.path for operation in operations
    }
    failures = []
    for operation in operations:
        for mode in GenerationMode:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def asked(case: schemathesis.Case) -> None:
                case.call_and_validate(checks=list(CHECKS))

            try:
                asked()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # a route without input has nothing that could be wrong
            except FailureGroup as found:
                failures.append(f"{operation.label}, {mode.value}: {found}")
    assert not failures, "\n\n".join(failures)
