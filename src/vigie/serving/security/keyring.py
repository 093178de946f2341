"""The keys of a store in memory, looked at again twice a second."""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from vigie.clock import Clock
from vigie.errors import StoreError
from vigie.serving.security.grant import Grant
from vigie.serving.security.key import ApiKey, Lock
from vigie.serving.security.key_store import KeyStore
from vigie.serving.security.secret import ID, LENGTH, is_whole

EVERY = 0.5
"""Seconds between two looks at the store: a revocation is seen by every worker within this and one reading."""

STALE = 300_000_000
"""Microseconds for which the keys last read are good while the store cannot be read."""


class Keyring:
    """Recognises callers by their key.

    While the store cannot be read, the keys last read stay good for *stale*; from then on nobody is recognised, since a
    revocation would not be seen.

    Args:
        store: Where the keys are; read now.
        clock: Tells which keys are expired: the machine's, whatever moment is scored at.
        stale: Microseconds.

    Attributes:
        failures: How often the store could not be read again.
        on_failure: Called each time.

    Raises:
        StoreError: The store cannot be read.
    """

    def __init__(self, store: KeyStore, clock: Clock, *, stale: int = STALE) -> None:
        self._store, self._clock, self._stale = store, clock, stale
        self._stamp = store.stamp()
        self._locks = _locks(store.read())
        self._read_at = clock.now()
        self._nobody = Lock(ApiKey(id="", name="", hash="00" * 32, roles=(), created=0), "00" * 32)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.failures = 0
        self.on_failure: Callable[[], None] = lambda: None

    def find(self, text: bytes) -> Grant | str:
        """The grant of the key *text*, or why there is none.

        Returns:
            ``mistyped``, ``unknown``, ``wrong``, ``revoked``, ``expired`` or ``store`` as the reason. It is for the
            journal; a caller is told the same for all.
        """
        now = self._clock.now()
        lock = self._locks.get(text[ID], self._nobody)
        # The comparison before anything else, and also for an unknown id: who does not have the key learns nothing from
        # the time that the answer takes. What is good is let through without another call, since every request pays.
        if compare_digest(sha256(text).digest(), lock.hashed):
            if not lock.revoked and now < lock.expires and now - self._read_at <= self._stale:
                return lock.grant
            if lock.revoked:
                return "revoked"
            return "expired" if now >= lock.expires else "store"
        if lock is not self._nobody:
            return "wrong"
        return "unknown" if len(text) == LENGTH and is_whole(text) else "mistyped"

    def name_of(self, text: bytes) -> str:
        """Name of the key whose public id is in *text*; empty for none."""
        lock = self._locks.get(text[ID])
        return "" if lock is None else lock.name

    @property
    def count(self) -> int:
        """Secrets that are known, valid or not."""
        return len(self._locks)

    def refresh(self) -> None:
        """Reads the store again if it changed. What cannot be read leaves everything as it is."""
        try:
            stamp = self._store.stamp()
            if stamp != self._stamp:
                self._locks, self._stamp = _locks(self._store.read()), stamp
            self._read_at = self._clock.now()
        except StoreError:
            self.failures += 1
            self.on_failure()

    def start(self) -> None:
        """Refreshes in a thread from now on."""
        if self._thread is None:
            self._ended.clear()
            self._thread = threading.Thread(target=self._follow, name="vigie-keys", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread and closes the store."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None
        self._store.close()

    def _follow(self) -> None:
        while not self._ended.wait(EVERY):
            self.refresh()


def _locks(keys: list[ApiKey]) -> dict[bytes, Lock]:
    """By public id: of each key, and of the one it replaced."""
    locks = {key.id.encode(): Lock(key, key.hash) for key in keys}
    locks |= {key.old_id.encode(): Lock(key, key.old_hash, key.old_until) for key in keys if key.old_hash}
    return locks
