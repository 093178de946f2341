"""Traces reach a collector, logs carry the ids, and the rules and dashboard name series that there are."""

from __future__ import annotations

import gzip
import json
import logging
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from vigie.clock import FixedClock, SystemClock, parse_moment
from vigie.errors import SettingsError
from vigie.journal import PredictionJournal
from vigie.serving import Served, ServingSettings, create_app
from vigie.serving.logs import RequestLog, set_up
from vigie.serving.refusal import KINDS
from vigie.serving.tracing import Tracing, TracingSettings

NOW = parse_moment("2026-11-04T10:15:30.25Z")
RULES = Path(__file__).parents[2] / "src" / "vigie" / "lifecycle" / "templates" / "observability"


class Collector:
    """A local OTLP collector over HTTP."""

    def __init__(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        self.spans: list[Any] = []
        self.services: set[str] = set()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                request = ExportTraceServiceRequest.FromString(body)
                for resource in request.resource_spans:
                    collector.services |= {
                        one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
                    }
                    for scope in resource.scope_spans:
                        collector.spans += scope.spans
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    collector = Collector()
    yield collector
    collector.server.shutdown()


def test_a_request_is_a_trace_down_to_model_and_record(
    collector: Collector, served: Served, journal: PredictionJournal, values: dict[str, Any]
) -> None:
    tracing = Tracing(TracingSettings(collector.url, service="shop"))
    app = create_app({"churn": served}, journal, SystemClock(), ServingSettings(), tracing=tracing)
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with TestClient(app) as client:
        plain = client.post("/v1/score", json={"values": values})
        traced = client.post(
            "/v1/score",
            json={"values": values},
            headers={"traceparent": f"00-{trace}-{parent}-01", "x-request-id": "mine"},
        )
        refused = client.post("/v1/score", json={"values": {}})
    assert (plain.status_code, traced.status_code, refused.status_code) == (200, 200, 422)
    own = {one.name: one for one in collector.spans if one.trace_id.hex() == trace}
    root = own["POST /v1/score"]
    assert root.parent_span_id.hex() == parent and collector.services == {"shop"}
    assert own["model"].parent_span_id == own["record"].parent_span_id == root.span_id
    assert root.start_time_unix_nano <= own["model"].start_time_unix_nano <= own["record"].start_time_unix_nano
    told = {one.key: one.value.string_value or one.value.int_value for one in root.attributes}
    assert told["http.response.status_code"] == 200 and told["vigie.request_id"] == "mine"
    assert len({one.trace_id for one in collector.spans}) == 3
    # Scores are the same whether somebody looks on or not.
    assert plain.json()["predictions"][0]["score"] == traced.json()["predictions"][0]["score"]


def test_reads_of_features_are_spans(collector: Collector, journal: PredictionJournal, served: Served) -> None:
    tracing = Tracing(TracingSettings(collector.url))
    app = create_app({"churn": served}, journal, FixedClock(NOW), ServingSettings(), tracing=tracing)
    with TestClient(app) as client:
        assert client.post("/v1/score", json={"customer_id": "7"}).status_code == 200
        text = client.get("/metrics").text
    assert "features" in {one.name for one in collector.spans}
    assert re.search(r"^vigie_feature_read_seconds_count 1\.0", text, re.MULTILINE)


def test_a_share_of_the_requests_is_traced(
    collector: Collector, served: Served, journal: PredictionJournal, values: dict[str, Any]
) -> None:
    tracing = Tracing(TracingSettings(collector.url, share=0.0))
    app = create_app({"churn": served}, journal, SystemClock(), ServingSettings(), tracing=tracing)
    with TestClient(app) as client:
        assert client.post("/v1/score", json={"values": values}).status_code == 200
    assert collector.spans == []


def test_without_tracing_nothing_is_wrapped(served: Served, journal: PredictionJournal) -> None:
    app: Any = create_app({"churn": served}, journal, SystemClock(), ServingSettings())
    assert app.observed is None


@pytest.fixture
def logs() -> Iterator[None]:
    root = logging.getLogger()
    level, own = root.level, logging.getLogger("vigie.request").level
    yield
    root.setLevel(level)
    logging.getLogger("vigie.request").setLevel(own)
    for one in [one for one in root.handlers if one.get_name() == "vigie"]:
        root.removeHandler(one)


def test_log_lines_are_json_with_the_ids(
    collector: Collector,
    served: Served,
    journal: PredictionJournal,
    values: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    logs: None,
) -> None:
    assert set_up({"format": "json", "level": "INFO", "requests": True})
    clock = SystemClock()
    app = create_app(
        {"churn": served}, journal, clock, ServingSettings(),
        requests=RequestLog(clock, lines=True), tracing=Tracing(TracingSettings(collector.url)),
    )  # fmt: skip
    with TestClient(app) as client:
        mine = client.post("/v1/score", json={"values": values}, headers={"x-request-id": "mine"})
        other = client.post("/v1/score", json={"values": {}})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    told = [line for line in lines if line["logger"] == "vigie.request"]
    assert [(one["status"], one["path"], one["request_id"]) for one in told] == [
        (200, "/v1/score", "mine"),
        (422, "/v1/score", other.headers["x-request-id"]),
    ]
    assert mine.headers["x-request-id"] == "mine" and all(len(one["trace_id"]) == 32 for one in told)
    assert all(one["ms"] > 0 and one["time"].endswith("Z") for one in told)
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("vigie.x").exception("it failed")
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert line["message"] == "it failed" and "ValueError: no" in line["exception"] and "request_id" not in line


@pytest.mark.parametrize(
    ("said", "says"),
    [({"format": "jsno"}, "did you mean 'json'"), ({"level": "LOUD"}, "level"), ({"requests": "yes"}, "requests")],
)
def test_logs_that_cannot_be_meant(said: dict[str, Any], says: str, logs: None) -> None:
    with pytest.raises(SettingsError, match="logs") as caught:
        set_up(said)
    assert says in str(caught.value)


@pytest.mark.parametrize(("endpoint", "share"), [("localhost:4318", 1.0), ("http://x", 2), ("http://x", True)])
def test_traces_that_cannot_be_meant(endpoint: str, share: Any) -> None:
    with pytest.raises(SettingsError, match="otel"):
        TracingSettings(endpoint, share)


# -- rules and dashboard -------------------------------------------------------------------------------------------


def series_of_the_code() -> set[str]:
    found: set[str] = set()
    for path in (RULES.parents[2] / "serving").glob("*metrics.py"):
        found |= set(re.findall(r'"(vigie_[a-z_]+)"', path.read_text("utf-8")))
    return found


def expressions() -> Iterator[str]:
    for name in ("recording.yml", "alerts.yml"):
        yield from re.findall(r"(?:expr: >?|^ {10})(.*vigie.*)$", (RULES / name).read_text("utf-8"), re.MULTILINE)
    for panel in json.loads((RULES / "grafana.json").read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def series_of_the_reference() -> dict[str, tuple[str, set[str]]]:
    """Kind and labels of each series; its names are held to the code's, and below to what a server tells."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text("utf-8")
    rows = re.findall(r"^\| `(vigie_[a-z_]+)` \| (\w+) \| ([a-z, ]*)\|", page, re.MULTILINE)
    return {name: (kind, set(re.findall(r"\w+", labels))) for name, kind, labels in rows}


def test_rules_and_dashboard_ask_for_series_that_there_are() -> None:
    known = dict[str, set[str]]()
    for name, (kind, labels) in series_of_the_reference().items():
        names = [f"{name}_{part}" for part in ("bucket", "count", "sum")] if kind == "histogram" else [name]
        known |= {one: labels | {"le", "job", "instance"} for one in names}
    recorded = set(re.findall(r"record: (\S+)", (RULES / "recording.yml").read_text("utf-8")))
    asked = list(expressions())
    assert len(asked) > 30
    for text in asked:
        names = re.findall(r"\bvigie_[a-z_]+", text)
        for name in names:
            assert name in known, name
        for name in re.findall(r"\bvigie:[a-z0-9_:]+", text):
            assert name in recorded, name
        if names:  # every label that is matched or summed by is one of theirs
            groups = re.findall(r"\bby \(([^)]*)\)", text) + re.findall(r"(\w+)=~?\"", text)
            labels = {label for group in groups for label in re.findall(r"\w+", group)}
            assert labels <= set.intersection(*(known[name] for name in names)), text


def test_a_server_tells_the_kinds_and_labels_of_the_reference(served: Served, journal: PredictionJournal) -> None:
    known = series_of_the_reference()
    with TestClient(create_app({"churn": served}, journal, SystemClock(), ServingSettings())) as client:
        families = list(text_string_to_metric_families(client.get("/metrics").text))
    told = [one for one in families if one.name.startswith("vigie_")]
    assert len(told) >= 10
    for family in told:
        name = {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
        kind, labels = known[name]
        # Prometheus' text format has no info: it is told as a gauge.
        assert family.type == {"info": "gauge"}.get(kind, kind), name
        assert all(set(one.labels) - {"le"} == labels for one in family.samples), name


def test_every_alert_has_a_case_that_rings_and_one_that_does_not() -> None:
    alerts = set(re.findall(r"alert: (\w+)", (RULES / "alerts.yml").read_text("utf-8")))
    groups = yaml.safe_load((RULES / "test_rules.yml").read_text("utf-8"))["tests"]
    cases = [case for group in groups for case in group["alert_rule_test"]]
    assert len(alerts) == 10
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


def test_the_dashboard_is_whole() -> None:
    board = json.loads((RULES / "grafana.json").read_text("utf-8"))
    assert board["uid"] and board["schemaVersion"] >= 36
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert panel["title"] and panel["targets"] and at["x"] + at["w"] <= 24
        assert panel["fieldConfig"]["defaults"]["unit"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        places |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_promtool_accepts_the_rules_and_their_tests(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on this machine (Debian package prometheus)")
    from typer.testing import CliRunner

    from vigie.cli.program import program

    done = CliRunner().invoke(program, ["observe", str(tmp_path)])
    assert done.exit_code == 0, done.output
    for what in (["check", "rules", "recording.yml", "alerts.yml"], ["test", "rules", "test_rules.yml"]):
        ran = subprocess.run([promtool, *what], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_kind_of_error_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text("utf-8")
    (row,) = re.findall(r"^\| `vigie_errors_total` .*$", page, re.MULTILINE)
    assert set(re.findall(r"`([a-z]+)`", row)) == set(KINDS)


def test_every_series_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(vigie_[a-z_]+)`", page, re.MULTILINE))
    written = {re.sub(r"_total$", "", row) for row in rows}
    assert written == (series_of_the_code() - {"vigie_build"}) | {"vigie_build_info"}


def test_a_clock_that_stands_still_serves_all_the_same(served: Served, journal: PredictionJournal) -> None:
    app = create_app(
        {"churn": served}, journal, FixedClock(0), ServingSettings(), requests=RequestLog(FixedClock(0), lines=False)
    )
    with TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
