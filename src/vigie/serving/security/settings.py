"""``[serve.security]`` of ``vigie.toml``, read, checked, and opened in each worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vigie.clock import Clock, SystemClock
from vigie.definition.window import Window
from vigie.errors import DefinitionError, SettingsError, StoreError, did_you_mean
from vigie.journal.admin import AdminJournal
from vigie.serving.security.bucket import Rate
from vigie.serving.security.gate import Security
from vigie.serving.security.key_store import KeyStore, SqliteKeys, open_key_store
from vigie.serving.security.keyring import STALE, Keyring
from vigie.serving.security.routes import OPENABLE
from vigie.serving.security.tokens import TokenSettings, TokenVerifier
from vigie.settings import secret

WHERE = "[serve.security]"
JWT = "[serve.security.jwt]"


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """How callers are recognised.

    Attributes:
        root: Folder that relative paths start from.
        default: File of the keys where :attr:`keys` names none.
        journal: Folder of the journal of administration.
        keys: URL of the key store, perhaps a secret that is not resolved yet; empty: the default file.
        authentication: Whether callers must be recognised; ``None``: if tokens are accepted, or a key was ever made.
        open: Of :data:`~vigie.serving.security.routes.OPENABLE`: what needs no key.
        limits: URL of the Redis that keeps the rates of several machines, perhaps a secret; empty: none.
        limits_refuse: Whether callers with a rate are refused while it does not answer.
        stale: Microseconds for which the keys last read are good while the store cannot be read.
        tokens: Which tokens are accepted; ``None``: none.
    """

    root: Path
    default: Path
    journal: Path
    keys: str = field(default="", repr=False)
    authentication: bool | None = None
    open: frozenset[str] = frozenset()
    limits: str = field(default="", repr=False)
    limits_refuse: bool = False
    stale: int = STALE
    tokens: TokenSettings | None = None

    @property
    def required(self) -> bool:
        """Whether callers must be recognised."""
        if self.authentication is not None:
            return self.authentication
        if self.tokens is not None or self.keys:
            return True
        try:
            return SqliteKeys(self.default).stamp() is not None
        except StoreError:  # there is a file, and it is damaged: opening it will say so
            return True

    def store(self) -> KeyStore:
        """The key store.

        Raises:
            SettingsError: Its URL cannot be meant.
            StoreError: It cannot be reached.
        """
        return open_key_store(secret(self.keys, self.root, f"{WHERE} keys"), default=self.default, root=self.root)

    def opened(self, *, tls: bool = False, clock: Clock | None = None) -> Security:
        """What a worker needs.

        Args:
            tls: Whether the server itself speaks TLS.
            clock: Tells what is expired; ``None``: the machine's, also where another moment is scored at.

        Raises:
            SettingsError: Something cannot be meant.
            MissingExtraError: A library is not installed.
            StoreError: The keys cannot be read.
        """
        clock = clock or SystemClock()
        if not self.required:
            return Security(tls=tls, clock=clock)
        return Security(
            keyring=Keyring(self.store(), clock, stale=self.stale),
            tokens=None if self.tokens is None else TokenVerifier(self.tokens, clock),
            journal=AdminJournal(self.journal),
            clock=clock,
            open=self.open,
            limits=secret(self.limits, self.root, f"{WHERE} limits"),
            limits_refuse=self.limits_refuse,
            tls=tls,
        )

    @property
    def words(self) -> str:
        """Who is recognised, for the screen."""
        if not self.required:
            return "callers are not authenticated"
        return "callers need an API key" + ("" if self.tokens is None else f" or a token of {self.tokens.issuer}")


def read_security(said: Mapping[str, Any], *, root: Path, state: Path) -> SecuritySettings:
    """What ``[serve.security]`` says.

    Args:
        said: The table; keys that do not exist were refused before.
        root: Folder of ``vigie.toml``.
        state: Folder of everything Vigie keeps.

    Raises:
        SettingsError: Something cannot be meant.
    """
    opened = frozenset(_texts(said, "open", WHERE))
    for name in sorted(opened):
        if name not in OPENABLE:
            raise SettingsError(f"{name!r} cannot be open", where=f"{WHERE} open", remedy=did_you_mean(name, OPENABLE))
    authentication = said.get("authentication")
    if authentication is not None and not isinstance(authentication, bool):
        raise SettingsError(
            f"{authentication!r} is neither true nor false",
            where=f"{WHERE} authentication",
            remedy="leave it out: on with a key",
        )
    lost = _text(said, "limits_lost", WHERE) or "machine"
    if lost not in ("machine", "refuse"):
        raise SettingsError(
            f"{lost!r} is no way on", where=f"{WHERE} limits_lost", remedy=did_you_mean(lost, ("machine", "refuse"))
        )
    jwt = said.get("jwt")
    return SecuritySettings(
        root=root,
        default=state / "keys.db",
        journal=state / "journal" / "admin",
        keys=_text(said, "keys", WHERE),
        authentication=authentication,
        open=opened,
        limits=_text(said, "limits", WHERE),
        limits_refuse=lost == "refuse",
        stale=_span(said, "stale", STALE, WHERE),
        tokens=None if jwt is None else read_tokens(jwt),
    )


def read_tokens(said: Mapping[str, Any]) -> TokenSettings:
    """What ``[serve.security.jwt]`` says.

    Raises:
        SettingsError: Something cannot be meant, or issuer or audience is missing.
    """
    roles = said.get("roles", {})
    if not isinstance(roles, dict) or not all(isinstance(role, str) for role in roles.values()):
        raise SettingsError(
            "roles is not a table of texts", where=JWT, remedy="write roles = { 'their word' = 'score' }"
        )
    if not _text(said, "issuer", JWT):
        raise SettingsError("no issuer", where=JWT, remedy="give the URL that tokens carry as iss")
    standard = TokenSettings("", ())
    rate, burst = _text(said, "rate", JWT), _number(said, "burst", JWT)
    found = TokenSettings(
        issuer=_text(said, "issuer", JWT),
        audience=tuple(_texts(said, "audience", JWT)),
        jwks_url=_text(said, "jwks_url", JWT),
        algorithms=tuple(_texts(said, "algorithms", JWT)) if "algorithms" in said else standard.algorithms,
        roles_claim=_text(said, "roles_claim", JWT) or standard.roles_claim,
        roles=roles,
        scores_claim=_text(said, "scores_claim", JWT),
        subject_claim=_text(said, "subject_claim", JWT) or standard.subject_claim,
        leeway=_span(said, "leeway", standard.leeway * 1_000_000, JWT) // 1_000_000,
        rate=Rate.parse(rate, burst, where=f"{JWT} rate") if rate else None,
        max_rows=_number(said, "max_rows", JWT),
        max_body_bytes=_number(said, "max_body_bytes", JWT),
    )
    found.check()
    return found


def _text(said: Mapping[str, Any], key: str, where: str) -> str:
    value = said.get(key, "")
    if not isinstance(value, str):
        raise SettingsError(f"{key} is not a text", where=where, remedy=f"write {key} = '…'")
    return value


def _texts(said: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = said.get(key, [])
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise SettingsError(f"{key} is not a list of texts", where=where, remedy=f"write {key} = ['…']")
    return values


def _number(said: Mapping[str, Any], key: str, where: str) -> int | None:
    value = said.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise SettingsError(f"{key} is {value!r}", where=where, remedy="give a whole number of 1 or more")
    return value


def _span(said: Mapping[str, Any], key: str, default: int, where: str) -> int:
    value = said.get(key)
    if value is None:
        return default
    if value in (0, "0s"):
        return 0
    try:
        return Window.parse(str(value)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"{key} is {value!r}", where=where, remedy="write 30s, 5m or 1h") from error
