"""An API key as it is stored: everything but the key."""

from __future__ import annotations

import msgspec

from vigie.clock import iso
from vigie.serving.security.bucket import Rate
from vigie.serving.security.grant import Grant


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key, under a name that stays through rotations.

    Attributes:
        id: Public part of the key; may be shown.
        name: Who it is for; unique, also among revoked keys, so that records stay clear.
        hash: SHA-256 of the whole key, in hexadecimal digits.
        roles: What it allows; see :data:`~vigie.serving.security.grant.ROLES`.
        scores: Names of the scores it allows; ``None``: all.
        created: Microseconds UTC; of the newest secret.
        expires: First moment at which it is not valid; ``None``: never.
        revoked: Moment at which it was revoked; ``None``: it was not.
        old_hash: Likewise of the key that it replaced; empty where there is none.
        old_id: Public part of that one.
        old_until: First moment at which that one is not valid.
        rate: Requests, as ``100/s``; empty: any number.
        burst: Requests at once; ``None``: those of a second.
        max_rows: Customers or events in one request at most; ``None``: the server's limit.
        max_body_bytes: Bytes of one request at most; ``None`` likewise.
    """

    id: str
    name: str
    hash: str
    roles: tuple[str, ...]
    created: int
    scores: tuple[str, ...] | None = None
    expires: int | None = None
    revoked: int | None = None
    old_hash: str = ""
    old_id: str = ""
    old_until: int = 0
    rate: str = ""
    burst: int | None = None
    max_rows: int | None = None
    max_body_bytes: int | None = None

    def grant(self, *, replaced: bool = False) -> Grant:
        """What a caller with this key may do; *replaced*: with the one that it replaced."""
        return Grant(
            f"key:{self.name}",
            frozenset(self.roles),
            None if self.scores is None else frozenset(self.scores),
            Rate.parse(self.rate, self.burst, where=f"key {self.name!r}") if self.rate else None,
            self.max_rows,
            self.max_body_bytes,
            replaced,
        )

    def state(self, now: int) -> str:
        """In words: ``valid``, ``revoked …``, ``expired …``."""
        if self.revoked is not None:
            return f"revoked {iso(self.revoked)}"
        if self.expires is not None and now >= self.expires:
            return f"expired {iso(self.expires)}"
        return "valid"


class Lock:
    """One secret of one key, made ready for comparing.

    Args:
        key: The key.
        hashed: Hash of the secret.
        until: First moment at which this secret is not valid; ``None``: as long as the key is.

    Attributes:
        hashed: SHA-256 of the whole key, 32 bytes.
        expires: First moment at which it is not valid, microseconds UTC.
        revoked: Whether the key was revoked.
        grant: What a caller with it may do.
        name: Of the key.
    """

    __slots__ = ("expires", "grant", "hashed", "name", "revoked")

    def __init__(self, key: ApiKey, hashed: str, until: int | None = None) -> None:
        self.hashed = bytes.fromhex(hashed)
        ends = [moment for moment in (key.expires, until) if moment is not None]
        self.expires = min(ends) if ends else 1 << 62
        self.revoked = key.revoked is not None
        self.grant = key.grant(replaced=until is not None)
        self.name = key.name
