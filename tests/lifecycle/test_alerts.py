"""Who is told what, through real servers: SMTP, HTTP and a simulated SNS."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

pytest.importorskip("apprise")

from watch_shop import BEGIN, Shop

from vigie.cli.program import program
from vigie.clock import DAY
from vigie.errors import SettingsError
from vigie.journal.ledger import Ledger
from vigie.lifecycle.alerts import channels_of, send_alerts
from vigie.lifecycle.incidents import act, follow, standing_of
from vigie.lifecycle.rollout import ledger_of
from vigie.watch import Area, Signal
from vigie.watch.incident_actions import acknowledge, snooze

HOUR = DAY // 24
NOW = BEGIN + 40 * DAY


class Hook:
    """A server that keeps what is posted to it, and may refuse."""

    def __init__(self) -> None:
        self.posts: list[tuple[str, Any]] = []
        self.refuse = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                if not hook.refuse:
                    hook.posts.append((self.path, json.loads(body)))
                self.send_response(500 if hook.refuse else 200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def titles(self) -> list[str]:
        return [post["title"] for _, post in self.posts]


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()


def shop_with(folder: Path, alerts: str) -> Shop:
    return Shop(folder, f"[alerts]\n{alerts}\n")


def ring(shop: Shop, ledger: Ledger, now: int, loss: float = 500.0, rings: bool = True, **more: Any) -> None:
    given: dict[str, Any] = {
        "score": "churn", "model": "3", "area": Area.DRIFT, "code": "VGW101", "subject": "amount", "size": 0.4,
        "limit": 0.1, "evidence": 0.001, "rings": rings, "since": NOW, "until": now, "loss": loss,
        "words": "amount lies PSI 0.4 from what it was",
    }  # fmt: skip
    follow(shop.opened(now), ledger, "churn", [Signal(**given | more)], now)


def told(shop: Shop, ledger: Ledger, now: int) -> list[str]:
    return send_alerts(shop.opened(now), ledger, now)


def test_a_webhook_hears_the_story_of_an_incident_once_each(tmp_path: Path, hook: Hook) -> None:
    shop = shop_with(tmp_path, f'channels = ["json://127.0.0.1:{hook.port}/in"]\nlink = "https://x/{{incident}}"')
    ledger = ledger_of(shop.opened(NOW))
    assert told(shop, ledger, NOW) == [] and hook.posts == []
    ring(shop, ledger, NOW)
    for _ in range(3):
        assert told(shop, ledger, NOW) == []
    assert hook.titles == ["[warning] churn: amount lies PSI 0.4 from what it was"]
    path, post = hook.posts[0]
    assert path == "/in"
    for part in ("churn-1", "500 a day", "vigie incidents ack churn-1", "https://x/churn-1", "Suspects"):
        assert part in post["message"], part
    ring(shop, ledger, NOW + HOUR, loss=2_000.0)
    told(shop, ledger, NOW + HOUR)
    ring(shop, ledger, NOW + DAY, rings=False)
    ring(shop, ledger, NOW + 3 * DAY, rings=False)
    told(shop, ledger, NOW + 3 * DAY)
    told(shop, ledger, NOW + 4 * DAY)
    assert [title.split(" lies")[0] for title in hook.titles] == [
        "[warning] churn: amount",
        "[critical] churn: worse: amount",
        "[critical] churn: over: amount",
    ]


def test_a_channel_that_fails_loses_nothing_and_keeps_the_order(tmp_path: Path, hook: Hook) -> None:
    shop = shop_with(tmp_path, f'channels = ["json://127.0.0.1:{hook.port}"]')
    ledger = ledger_of(shop.opened(NOW))
    told(shop, ledger, NOW)
    hook.refuse = True
    ring(shop, ledger, NOW)
    (problem,) = told(shop, ledger, NOW)
    assert "json" in problem and "again" in problem
    ring(shop, ledger, NOW + HOUR, loss=2_000.0)
    assert told(shop, ledger, NOW + 30_000_000) == []  # it waits a minute
    ring(shop, ledger, NOW + DAY, rings=False)
    ring(shop, ledger, NOW + 3 * DAY, rings=False)
    hook.refuse = False
    told(shop, ledger, NOW + 3 * DAY)
    assert [title.split(":")[1].strip().split(" ")[0] for title in hook.titles] == ["amount", "worse", "over"]


def test_of_two_watchers_one_sends(tmp_path: Path, hook: Hook) -> None:
    shop = shop_with(tmp_path, f'channels = ["json://127.0.0.1:{hook.port}"]')
    ledgers = [ledger_of(shop.opened(NOW)) for _ in range(4)]
    ring(shop, ledgers[0], NOW)
    threads = [threading.Thread(target=told, args=(shop, ledger, NOW)) for ledger in ledgers]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(hook.posts) == 1


def test_it_is_told_again_until_somebody_takes_it_on(tmp_path: Path, hook: Hook) -> None:
    shop = shop_with(tmp_path, f'channels = ["json://127.0.0.1:{hook.port}"]\nrepeat = "4h"')
    ledger = ledger_of(shop.opened(NOW))
    ring(shop, ledger, NOW)
    for hours in (0, 1, 4, 5, 8, 9):
        told(shop, ledger, NOW + hours * HOUR)
    assert [title.split(":")[1].strip().split(" ")[0] for title in hook.titles] == ["amount", "still", "still"]
    act(ledger, "churn", NOW + 9 * HOUR, lambda standing: snooze(standing, "churn-1", NOW + 20 * HOUR, "ann"))
    told(shop, ledger, NOW + 12 * HOUR)
    assert len(hook.posts) == 3
    told(shop, ledger, NOW + 21 * HOUR)
    assert len(hook.posts) == 4
    act(ledger, "churn", NOW + 22 * HOUR, lambda standing: acknowledge(standing, "churn-1", "ann"))
    told(shop, ledger, NOW + 40 * HOUR)
    assert len(hook.posts) == 4


def test_channels_choose_by_severity_and_what_was_over_before_is_no_news(tmp_path: Path, hook: Hook) -> None:
    shop = shop_with(
        tmp_path,
        f'channels = [{{ url = "json://127.0.0.1:{hook.port}/all", severity = "info" }}, '
        f'{{ url = "json://127.0.0.1:{hook.port}/bad", severity = "critical", scores = ["churn"] }}]',
    )
    ledger = ledger_of(shop.opened(NOW))
    ring(shop, ledger, NOW, subject="old")
    ring(shop, ledger, NOW + HOUR, subject="old", rings=False)
    ring(shop, ledger, NOW + 3 * DAY, subject="old", rings=False)
    assert standing_of(ledger, "churn").ongoing == []
    told(shop, ledger, NOW + 4 * DAY)
    assert hook.posts == []
    ring(shop, ledger, NOW + 20 * DAY, loss=3.0, since=NOW + 20 * DAY)
    told(shop, ledger, NOW + 20 * DAY)
    assert [path for path, _ in hook.posts] == ["/all"]
    ring(shop, ledger, NOW + 21 * DAY, loss=9_000.0, since=NOW + 20 * DAY)
    told(shop, ledger, NOW + 21 * DAY)
    assert sorted(path for path, _ in hook.posts[1:]) == ["/all", "/bad"]


def test_a_fault_of_one_source_is_told_once_for_two_scores(tmp_path: Path, hook: Hook) -> None:
    shop = shop_with(tmp_path, f'channels = ["json://127.0.0.1:{hook.port}"]')
    (tmp_path / "churn.py").write_text(
        (tmp_path / "churn.py").read_text()
        + '\nsecond = Score("second", outcome=orders.count(next=days(60)) == 0, features=[orders.count(days(60))], '
        'moments=every("month"), decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=100))\n'
    )
    project = shop.opened(NOW)
    ledger = ledger_of(project)
    late = Signal(
        score="", model="", area=Area.DATA, code="VGW404", subject="orders", size=3.0, limit=1.2, evidence=float("nan"),
        rings=True, since=NOW, until=NOW, words="orders is late", details={"severity": "critical", "source": "orders"},
    )  # fmt: skip
    for score in ("churn", "second"):
        follow(project, ledger, score, [late], NOW)
    told(shop, ledger, NOW)
    told(shop, ledger, NOW + HOUR)
    assert hook.titles == ["[critical] churn: orders is late"]


def test_mail_over_smtp(tmp_path: Path) -> None:
    controller = pytest.importorskip("aiosmtpd.controller")
    mails: list[Any] = []

    class Keep:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            await asyncio.sleep(0)
            mails.append(envelope)
            return "250 kept"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    smtp = controller.Controller(Keep(), hostname="127.0.0.1", port=port)
    smtp.start()
    try:
        url = f"mailto://127.0.0.1:{port}?from=vigie@example.com&to=oncall@example.com&mode=insecure"
        (tmp_path / "mail").write_text(url)
        shop = shop_with(tmp_path, 'channels = ["file:mail"]')
        ledger = ledger_of(shop.opened(NOW))
        ring(shop, ledger, NOW)
        assert told(shop, ledger, NOW) == []
    finally:
        smtp.stop()
    (mail,) = mails
    text = mail.content.decode()
    assert mail.rcpt_tos == ["oncall@example.com"] and mail.mail_from == "vigie@example.com"
    assert "Subject: [warning] churn: amount lies PSI" in text and "churn-1" in text


def test_slack(tmp_path: Path, hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{hook.port}/services")
    monkeypatch.setenv("SLACK_URL", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#oncall")
    shop = shop_with(tmp_path, 'channels = ["env:SLACK_URL"]')
    ledger = ledger_of(shop.opened(NOW))
    ring(shop, ledger, NOW)
    assert told(shop, ledger, NOW) == []
    ((path, post),) = hook.posts
    assert path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    assert post["channel"] == "#oncall" and "churn-1" in json.dumps(post)


def test_sns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a simulated SNS to a simulated queue."""
    boto3, server = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    for name, value in (("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")):
        monkeypatch.setenv(name, value)
    aws = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    aws.start()
    try:
        endpoint = f"http://127.0.0.1:{aws.get_host_and_port()[1]}"
        more = {"endpoint_url": endpoint, "region_name": "eu-west-1"}
        sns, sqs = boto3.client("sns", **more), boto3.client("sqs", **more)
        topic = sns.create_topic(Name="oncall")["TopicArn"]
        queue = sqs.create_queue(QueueName="told")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        monkeypatch.setenv("SNS_URL", "sns://AKIA/secret/eu-west-1/oncall")
        shop = shop_with(tmp_path, f'channels = [{{ url = "env:SNS_URL", endpoint = "{endpoint}" }}]')
        ledger = ledger_of(shop.opened(NOW))
        ring(shop, ledger, NOW)
        assert told(shop, ledger, NOW) == []
        (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
        body = json.loads(message["Body"])
        assert body["TopicArn"] == topic and "churn-1" in body["Message"]
    finally:
        aws.stop()


def test_the_command_tries_every_channel(tmp_path: Path, hook: Hook) -> None:
    shop_with(tmp_path, f'channels = ["json://127.0.0.1:{hook.port}"]')
    done = CliRunner().invoke(program, ["alerts", "test", "--project", str(tmp_path)])
    assert done.exit_code == 0 and "sent json" in done.output and hook.titles == ["Vigie: test"]
    hook.refuse = True
    done = CliRunner().invoke(program, ["alerts", "test", "--project", str(tmp_path)])
    assert done.exit_code == 1 and "failed json" in done.output


@pytest.mark.parametrize(
    ("alerts", "says"),
    [
        ('channels = "env:X"', "not a list"),
        ('channels = ["nope://hunter2@x"]', "does not understand"),
        ('channels = ["env:NOT_SET_AT_ALL"]', "NOT_SET_AT_ALL"),
        ('channels = [{ url = "json://x", severty = "info" }]', "did you mean 'severity'"),
        ('channels = [{ url = "json://x", severity = "bad" }]', "severity"),
        ('channels = [{ url = "json://x", scores = ["chrun"] }]', "did you mean 'churn'"),
        ("channels = [{ severity = 'info' }]", "no url"),
    ],
)
def test_channels_that_cannot_be_meant_say_so_and_show_no_secret(tmp_path: Path, alerts: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        channels_of(shop_with(tmp_path, alerts).opened(NOW))
    assert says in str(caught.value) and "hunter2" not in str(caught.value) and "[alerts]" in str(caught.value)
