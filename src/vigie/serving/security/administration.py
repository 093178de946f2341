"""Making, replacing and revoking keys. Each is recorded before it is done: nothing is changed that has no record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vigie.clock import Clock, iso
from vigie.errors import SettingsError
from vigie.journal import new_identifier
from vigie.journal.admin import AdminEvent, AdminJournal
from vigie.serving.security.bucket import Rate
from vigie.serving.security.grant import checked_roles
from vigie.serving.security.key import ApiKey
from vigie.serving.security.key_store import KeyStore
from vigie.serving.security.secret import digest, new_id, new_key

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a new key is to allow.

    Attributes:
        roles: At least one.
        scores: Names of scores; none: all.
        lasts: Microseconds for which it is valid; ``None``: for good.
        rate: As ``100/s``; empty: any number.
        burst: Requests at once; ``None``: those of a second.
        max_rows: Customers or events in one request at most; ``None``: the server's limit.
        max_body_bytes: Bytes of one request at most; ``None`` likewise.
    """

    roles: Sequence[str]
    scores: Sequence[str] = ()
    lasts: int | None = None
    rate: str = ""
    burst: int | None = None
    max_rows: int | None = None
    max_body_bytes: int | None = None


class Administration:
    """Changes the keys of a store.

    Args:
        store: Where they are.
        journal: Where each change is recorded.
        clock: Tells when.
        actor: Who does it.
    """

    def __init__(self, store: KeyStore, journal: AdminJournal, clock: Clock, actor: str) -> None:
        self._store, self._journal, self._clock, self._actor = store, journal, clock, actor

    def create(self, name: str, wanted: Wanted) -> tuple[ApiKey, str]:
        """A new key, and its text: it cannot be had again.

        Raises:
            SettingsError: The name is taken or cannot be one, or something wanted cannot be meant.
            StoreError: The store cannot be written.
            JournalError: The change cannot be recorded; there is no new key.
        """
        _check(name, wanted)
        now = self._clock.now()
        identifier = new_id()
        text = new_key(identifier)
        key = ApiKey(
            id=identifier,
            name=name,
            hash=digest(text.encode()).hex(),
            roles=checked_roles(wanted.roles, "--role"),
            scores=tuple(dict.fromkeys(wanted.scores)) or None,
            created=now,
            expires=None if wanted.lasts is None else now + wanted.lasts,
            rate=wanted.rate,
            burst=wanted.burst,
            max_rows=wanted.max_rows,
            max_body_bytes=wanted.max_body_bytes,
        )

        def put(found: ApiKey | None) -> ApiKey:
            if found is not None:
                raise SettingsError(
                    f"there is a key {name!r} already, {found.state(now)}",
                    remedy="choose another name, also for one that was revoked: records name it; or `vigie keys rotate`",
                )
            self._record("key created", key, now)
            return key

        return self._store.change(name, put), text

    def rotate(self, name: str, grace: int, lasts: int | None = None) -> tuple[ApiKey, str]:
        """A new secret under the same name; the old one stays valid for a while.

        Args:
            name: Of the key.
            grace: Microseconds for which the old secret stays valid; 0: it is not from now on. A secret that was being
                replaced already is valid no more.
            lasts: Microseconds for which the new one is valid; ``None``: as long as the old one was to be, from its
                creation on.

        Raises:
            SettingsError: There is no such key, or it was revoked.
        """
        now = self._clock.now()
        identifier = new_id()
        text = new_key(identifier)

        def replaced(found: ApiKey | None) -> ApiKey:
            known = self._known(name, found)
            if known.revoked is not None:
                raise SettingsError(f"key {name!r} was revoked", remedy="create one under another name")
            span = lasts
            if span is None and known.expires is not None:
                span = known.expires - known.created
            ends = now + grace if known.expires is None else min(now + grace, known.expires)
            key = msgspec.structs.replace(
                known,
                id=identifier,
                hash=digest(text.encode()).hex(),
                created=now,
                expires=None if span is None else now + span,
                old_id=known.id if grace else "",
                old_hash=known.hash if grace else "",
                old_until=ends if grace else 0,
            )
            self._record("key rotated", key, now)
            return key

        return self._store.change(name, replaced), text

    def revoke(self, name: str, reason: str = "") -> ApiKey:
        """Makes a key, and the one it replaces, invalid for good.

        Raises:
            SettingsError: There is no such key, or it was revoked before.
        """
        now = self._clock.now()

        def revoked(found: ApiKey | None) -> ApiKey:
            known = self._known(name, found)
            if known.revoked is not None:
                raise SettingsError(f"key {name!r} was {known.state(now)}", remedy="nothing is left to do")
            key = msgspec.structs.replace(known, revoked=now, old_id="", old_hash="", old_until=0)
            self._record("key revoked", key, now, reason)
            return key

        return self._store.change(name, revoked)

    def export(self, path: Path) -> int:
        """Writes the keys that are not revoked to a file for :class:`~vigie.serving.security.key_store.FileKeys`.

        Returns:
            How many.
        """
        now = self._clock.now()
        keys = [key for key in self._store.read() if key.revoked is None]
        self._append("keys exported", "", now, details={"keys": len(keys), "file": str(path)})
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
            part.chmod(0o640)
            part.replace(path)  # a server that reads the file sees the old one or the new one, never a part
        except OSError as error:
            raise SettingsError(f"cannot be written: {error.strerror}", where=str(path)) from error
        return len(keys)

    def _known(self, name: str, found: ApiKey | None) -> ApiKey:
        if found is None:
            raise SettingsError(f"no key is called {name!r}", where=self._store.where, remedy="see `vigie keys list`")
        return found

    def _record(self, action: str, key: ApiKey, now: int, reason: str = "") -> None:
        details: dict[str, object] = {
            "id": key.id,
            "roles": list(key.roles),
            "scores": None if key.scores is None else list(key.scores),
            "expires": None if key.expires is None else iso(key.expires),
        }
        if key.old_id:
            details |= {"old_id": key.old_id, "old_until": iso(key.old_until)}
        self._append(action, key.name, now, reason, details)

    def _append(
        self, action: str, subject: str, now: int, reason: str = "", details: dict[str, object] | None = None
    ) -> None:
        event = AdminEvent(
            id=new_identifier(now),
            at=now,
            action=action,
            actor=self._actor,
            subject=subject,
            reason=reason,
            details=details or {},
        )
        self._journal.append(event)


def _check(name: str, wanted: Wanted) -> None:
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{name!r} cannot name a key",
            remedy="use 1 to 64 letters, digits and ._@-, beginning with a letter or digit",
        )
    if not wanted.roles:
        raise SettingsError("a key without a role allows nothing", where="--role", remedy="give --role score")
    if wanted.rate:
        Rate.parse(wanted.rate, wanted.burst, where="--rate")
    elif wanted.burst is not None:
        raise SettingsError("a burst without a rate limits nothing", where="--burst", remedy="give --rate too")
    for value, option in ((wanted.max_rows, "--max-rows"), (wanted.max_body_bytes, "--max-body")):
        if value is not None and value < 1:
            raise SettingsError(f"{value} lets nothing pass", where=option, remedy="give 1 or more")
