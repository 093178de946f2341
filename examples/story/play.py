"""Six weeks of a shop in a few minutes: what Vigie does by itself when prices rise, data break, and somebody makes a mistake.

    python examples/story/play.py shop-story          # a folder that does not exist yet

At its end it writes ``shop-story/watch.html``: the same as a page.

A generated shop lives by a clock that runs fast. Each night its warehouse hands over the day's orders and visits as files, each
afternoon its mailing tool asks the API whom to send a voucher. ``vigie up`` does the rest. On 1 June 2024 everything costs 60 % more:
customers order less, and many leave. Later a day's file is broken, and at last somebody releases a model that learned the wrong thing.

Nothing below tells Vigie what happens. What it makes of it stands in its ledger, and is printed as it comes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from vigie.cli.arguments import open_project
from vigie.client import Client
from vigie.clock import DAY, Clock, FixedClock, iso, parse_moment
from vigie.errors import VigieError
from vigie.journal.ledger import Ledger, LedgerLine
from vigie.lifecycle.incidents import standing_of, stream_of
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal import renewals_of
from vigie.lifecycle.renewal import stream_of as renewals_stream
from vigie.lifecycle.rollout import ledger_of
from vigie.lifecycle.rollout import standing_of as rollout_of
from vigie.lifecycle.train import train_score
from vigie.lifecycle.train_options import train_options
from vigie_demos.shop.world import PriceShock, World, generate

HERE = Path(__file__).parent
SCORE = "churn"
FIRST, BEGIN, SHOCK, END = date(2024, 2, 1), date(2024, 5, 29), date(2024, 6, 1), date(2024, 8, 15)
"""First day of the shop's records; when the stack is started; when prices rise; the last day that is generated."""
CUSTOMERS, ASKED = 2_500, 300
"""Customers of the shop, and how many the mailing tool asks about each day."""
FILES = ("voucher.py", "slip.py", "vigie.toml")


@dataclass
class Shop:
    """The shop, and what it hands over.

    Attributes:
        folder: Of the project; files go to ``landing/``.
        world: What happens.
        broken: Days whose file of orders is handed over with amounts that are no numbers.
    """

    folder: Path
    world: World
    broken: set[date] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._rows = {
            "orders": self._nightly("orders", "recorded_at").drop("category", "channel", "recorded_at"),
            "visits": self._nightly("visits", "seen_at").drop("device"),
        }
        (self.folder / "landing").mkdir(parents=True, exist_ok=True)

    def _nightly(self, name: str, known: str) -> pl.DataFrame:
        """Rows with the moment at which the warehouse has them: the last minute of the day on which they were recorded."""
        return self.world.tables[name].with_columns(
            loaded_at=pl.col(known).dt.truncate("1d") + pl.duration(hours=23, minutes=59)
        )

    def rows(self, source: str) -> pl.DataFrame:
        """All rows of a source, with the moment at which the warehouse has each."""
        return self._rows[source]

    def hand_over(self, first: date, last: date, name: str = "") -> None:
        """One file a source, with what was recorded from *first* to *last*."""
        for source, rows in self._rows.items():
            some = rows.filter(pl.col("loaded_at").dt.date().is_between(first, last))
            if source == "orders" and last in self.broken:
                some = some.with_columns(amount=pl.format("see invoice {}", pl.col("order_id")))
            path = self.folder / "landing" / f"{source}-{last}{name}.csv"
            whole = path.with_suffix(".part")
            some.write_csv(whole, datetime_format="%Y-%m-%dT%H:%M:%SZ")
            whole.rename(path)  # a file is there at once, or not at all

    def active(self, day: date) -> list[str]:
        """Customers who ordered in the four weeks before *day*, without those who are new since yesterday."""
        seen = self._rows["orders"].filter(
            pl.col("loaded_at").dt.date() < day - timedelta(days=1),
            pl.col("ordered_at").dt.date() >= day - timedelta(days=27),
        )
        return sorted(seen["customer_id"].unique().to_list())


@dataclass(frozen=True)
class Entry:
    """A line of the ledger, in words.

    Attributes:
        at: µs, by the stack's clock.
        stream: ``"incidents"``, ``"renewal"`` or ``"release"``.
        kind: Of the line.
        words: What happened.
    """

    at: int
    stream: str
    kind: str
    words: str


class Story:
    """The stack, the shop that feeds it, and what becomes of it.

    Args:
        folder: Of the project; made.
        seconds: Of the machine for each day of the shop.
        seed: Of the shop.
    """

    def __init__(self, folder: Path, seconds: float = 10.0, seed: int = 5) -> None:
        self.folder, self.seconds, self.seed = folder.resolve(), seconds, seed
        self.port, self.log = _free_port(), self.folder / "up.log"
        self._over = threading.Event()
        self._failed: list[Exception] = []
        self._stack: subprocess.Popen[bytes] | None = None
        self._works: list[threading.Thread] = []
        self._told: set[tuple[str, int]] = set()
        self.asked = 0
        self.refused: list[str] = []

    # -- what is there before the story begins ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Write the project, take in the history, and train the first model, as of the day before the stack is started."""
        self.folder.mkdir(parents=True)
        for name in FILES:
            shutil.copy(HERE / name, self.folder)
        shock = PriceShock(SHOCK, prices=1.6, flight=3.0, thrift=0.62)
        self.shop = Shop(self.folder, generate(self.seed, CUSTOMERS, FIRST, END, price_shock=shock, scale=3.0))
        self.shop.hand_over(FIRST, BEGIN - timedelta(days=1))
        project = Project.open(self.folder, "", FixedClock(start_of(BEGIN)))
        ingest_sources(project)
        train_score(project, project.score(SCORE), train_options(project))

    # -- the stack and its surroundings ----------------------------------------------------------------------------------

    def __enter__(self) -> Story:
        words = ["up", "--without", "mlflow", "--port", str(self.port), "--project", str(self.folder)]
        words += ["--as-of", BEGIN.isoformat(), "--rate", f"{86_400 / self.seconds:g}"]
        with self.log.open("ab") as log:
            self._stack = subprocess.Popen([sys.executable, "-m", "vigie.cli", *words], stdout=log, stderr=log)
        self.until(lambda: (self.folder / ".vigie" / "up-clock").exists(), "vigie up starts", 60)
        self._works = [
            threading.Thread(target=self._guarded, args=(work,), daemon=True)
            for work in (self._warehouse, self._mailing)
        ]
        for work in self._works:
            work.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for work in self._works:  # what was asked is answered before the API ends
            work.join(120)
        if self._stack is not None and self._stack.poll() is None:
            self._stack.terminate()
            self._stack.wait(120)

    @property
    def project(self) -> Project:
        """As a command would open it: by the stack's clock."""
        return open_project(self.folder, "")

    @property
    def clock(self) -> Clock:
        return self.project.clock

    def today(self) -> date:
        return date.fromisoformat(iso(self.clock.now())[:10])

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  told where the story is waited for
            self._failed.append(error)

    def _warehouse(self) -> None:
        """Hands over each day at its end."""
        clock, day = self.clock, BEGIN
        while not self._over.wait(0.02):
            while clock.now() >= start_of(day + timedelta(days=1)):
                self.shop.hand_over(day, day)
                day += timedelta(days=1)

    def _mailing(self) -> None:
        """Asks each afternoon about some of the active customers, as of that morning."""
        url = f"http://127.0.0.1:{self.port}"
        self.until(lambda: _answers(f"{url}/readyz"), "the API answers", 120)
        clock, chance = self.clock, np.random.default_rng(self.seed)
        day = self.today()
        with Client(url, score=SCORE, timeout=20) as vigie:
            while not self._over.wait(0.02):
                if clock.now() < start_of(day) + 17 * DAY // 24:
                    continue
                active = self.shop.active(day)
                some = chance.choice(active, min(ASKED, len(active)), replace=False).tolist()
                for begin in range(0, len(some), 50):
                    try:
                        vigie.score_many(some[begin : begin + 50], as_of=iso(start_of(day)))
                    except VigieError as error:
                        self.refused.append(f"{day}: {error}")
                    else:
                        self.asked += len(some[begin : begin + 50])
                day = max(day + timedelta(days=1), self.today())

    # -- what becomes of it ----------------------------------------------------------------------------------------------

    def until(self, what: Callable[[], Any], words: str, patience: float) -> Any:
        """What *what* gives once it is true.

        Raises:
            AssertionError: That takes longer than *patience* seconds, or the stack has ended.
        """
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self._failed:
                raise self._failed[0]
            if self._stack is not None and self._stack.poll() is not None:
                raise AssertionError(f"vigie up has ended; see {self.log}")
            found = what()
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"not within {patience:g} s: {words}; see {self.log}")

    def chronicle(self) -> list[Entry]:
        """What the ledger says happened, in order."""
        ledger = ledger_of(self.project)
        try:
            found = [_entry("incidents", line) for line in ledger.lines(stream_of(SCORE))]
            found += [_entry("renewal", line) for line in ledger.lines(renewals_stream(SCORE))]
            found += [_entry("release", line) for line in ledger.lines(SCORE)]
        finally:
            ledger.close()
        return sorted((one for one in found if one.words), key=lambda one: one.at)

    def _look(self, what: Callable[[Ledger], Any]) -> Callable[[], Any]:
        """Asks the ledger; prints what is new in it."""

        def asked() -> Any:
            for entry in self.chronicle():
                if (entry.words, entry.at) not in self._told:
                    self._told.add((entry.words, entry.at))
                    say(f"{iso(entry.at)[:16].replace('T', ' ')}  {entry.stream:9}  {entry.words}")
            ledger = ledger_of(self.project)
            try:
                return what(ledger)
            finally:
                ledger.close()

        return asked

    def play(self) -> None:
        """Wait for what should happen; break things on the way."""
        patience = 60 * self.seconds

        def incident(suspect: str, code: str = "") -> Callable[[Ledger], Any]:
            def found(ledger: Ledger) -> Any:
                every = standing_of(ledger, SCORE).incidents.values()
                some = [one for one in every if suspect in [its.what for its in one.suspects[:1]]]
                return next((one for one in some if code in ("", *(its.code for its in one.signals))), None)

            return found

        say(f"prices rise on {SHOCK}")
        self.until(self._look(incident("price_7d")), "an incident that suspects the prices", patience)
        renewed = lambda ledger: [one for one in renewals_of(ledger, SCORE).all if one.outcome == "promoted"]  # noqa: E731
        self.until(self._look(renewed), "a new model", patience)

        day = self.today()
        self.shop.broken.add(day)
        say(f"the orders of {day} will be handed over with texts for amounts")
        data = self.until(self._look(incident("orders", "VGW402")), "an incident about orders", patience)
        say("somebody wants a training all the same")
        self.vigie("retrain", SCORE, "--force", "--wait", "--no-ingest", "--by", "somebody")
        self.shop.broken.clear()
        self.shop.hand_over(day, day, "-again")
        say(f"the orders of {day} were handed over again")
        over = lambda ledger: standing_of(ledger, SCORE).incidents[data.id].resolved  # noqa: E731
        self.until(self._look(over), "the incident to end", patience)

        self.until(self._look(lambda ledger: not _busy(ledger)), "the renewal that goes on to end", patience)
        say("somebody learns the wrong outcome, and releases it")
        self.vigie("train", SCORE, "--env", "lab", "--no-ingest")
        wrong = str(max(one.version for one in self.project.registry.versions(SCORE)))
        self.until(lambda: self._released(wrong), "an answer", patience)
        self.until(self._look(_went_back), "the way back", patience)
        self.vigie("watch", "--page", "--output", str(self.folder / "watch.html"))

    def _released(self, version: str) -> bool:
        """Begin a rollout by hand; not while one of the schedule's goes on."""
        try:
            self.vigie("rollout", "start", SCORE, "--version", version, "--by", "somebody")
        except AssertionError as error:
            if "is under way" not in str(error):
                raise
            return False
        return True

    def vigie(self, *words: str) -> str:
        """A command, as a person would give it.

        Raises:
            AssertionError: It failed.
        """
        done = subprocess.run(
            [sys.executable, "-m", "vigie.cli", *words, "--project", str(self.folder)],
            capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "160"},
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"vigie {' '.join(words)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own
            return bool(answer.status == 200)
    except OSError:
        return False


def _busy(ledger: Ledger) -> bool:
    rollout = rollout_of(ledger, SCORE).rollout
    return renewals_of(ledger, SCORE).open is not None or (rollout is not None and rollout.running)


def _went_back(ledger: Ledger) -> bool:
    rollout = rollout_of(ledger, SCORE).rollout
    return rollout is not None and rollout.status == "rolled back"


def _entry(stream: str, line: LedgerLine) -> Entry:
    body = line.body
    words = line.kind
    match stream, line.kind:
        case "renewal", "started":
            words = f"a training begins: {'; '.join(body['why'])}"
        case "renewal", "trained":
            words = f"the gate: {body['verdict']['words']}"
        case "renewal", "registered":
            words = f"registered as version {body['version']}"
        case "renewal", "held":
            words = f"no training: {'; '.join(body['held'])}"
        case "renewal", "ended":
            words = f"{body['outcome']}: {body['reason']}"
        case "incidents", "opened" | "reopened" | "changed":
            suspects = ", ".join(dict.fromkeys(one["what"] for one in body.get("suspects", [])[:3]))
            words = f"{body['incident']} {line.kind}: {body['signals'][0]['words']}" + (
                f"; suspects: {suspects}" if suspects else ""
            )
        case "incidents", _:
            words = f"{body['incident']} {line.kind}"
        case "release", "started":
            words = f"a rollout of version {body['challenger']} begins, against {body['champion']}"
        case "release", _:
            words = f"{line.kind} {body.get('why', '') or body.get('reason', '')}".strip()
    return Entry(line.at, stream, line.kind, words)


def start_of(day: date) -> int:
    """The first moment of a day, µs UTC."""
    return parse_moment(day.isoformat())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def say(words: str) -> None:
    """A line for who looks on."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> None:
    """Play it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, help="of the project; it must not exist")
    options.add_argument("--seconds", type=float, default=10.0, help="of the machine for each day of the shop")
    options.add_argument("--seed", type=int, default=5, help="of the shop")
    said = options.parse_args()
    story = Story(said.folder, said.seconds, said.seed)
    say("the shop's history is taken in, and a first model learned")
    story.prepare()
    with story:
        story.play()
    say(f"page: {story.folder / 'watch.html'}")
    say(f"{story.asked:,} customers were asked about; {len(story.refused)} requests were refused")
    for words in story.refused[:5]:
        say(f"  {words}")


if __name__ == "__main__":
    main()
