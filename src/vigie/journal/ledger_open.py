"""From the URL in ``vigie.toml`` to a ledger."""

from __future__ import annotations

from pathlib import Path

from vigie.errors import SettingsError, did_you_mean
from vigie.journal.ledger import Ledger

_WHERE = "[project] ledger"


def open_ledger(url: str, *, default: Path, root: Path = Path()) -> Ledger:
    """The ledger that *url* names.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``; empty: an SQLite file at *default*. Secrets are resolved already.
        default: File of the default ledger.
        root: Folder that a relative FILE starts from.

    Raises:
        SettingsError: The URL cannot be meant.
        MissingExtraError: The database's driver is not installed.
        JournalError: The database cannot be reached.
    """
    from vigie.journal.ledger_sqlite import SqliteLedger

    if not url:
        return SqliteLedger(default)
    scheme = url.partition("://")[0] if "://" in url else ""
    if scheme == "sqlite":
        path = url.removeprefix("sqlite:///")
        if path == url or not path:
            raise SettingsError(
                "an SQLite ledger needs a file",
                where=_WHERE,
                remedy="write sqlite:///ledger.db, or sqlite:////var/ledger.db",
            )
        return SqliteLedger(root / path)
    if scheme == "postgresql":
        from vigie.journal.ledger_postgres import PostgresLedger

        return PostgresLedger(url)
    # Of a URL without a scheme nothing is shown: it may be a password put in the wrong place.
    said = f"no ledger is called '{scheme}'" if scheme else "not a URL"
    raise SettingsError(said, where=_WHERE, remedy=did_you_mean(scheme, ("sqlite", "postgresql")))
