"""The public keys of a token issuer: found by OpenID Connect discovery, kept, and fetched again when they rotate."""

from __future__ import annotations

import asyncio
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from vigie.clock import stopwatch
from vigie.errors import SettingsError

if TYPE_CHECKING:
    from joserfc.jwk import Key

FRESH = 300.0
"""Seconds after which the keys are fetched again, beside the requests: a key that was withdrawn is refused from then on."""
STALE = 3_600.0
"""Seconds for which keys are good while they cannot be fetched."""
AGAIN = 10.0
"""Seconds between two fetches at least: unknown key ids, which anybody can make up, cause no more."""
TIMEOUT = 5.0
LONGEST = 1 << 20

Fetch = Callable[[str], bytes]
"""From a URL to what is there. Raises ``OSError``, ``HTTPException`` or ``ValueError``."""


class IssuerUnavailableError(Exception):
    """The issuer's keys cannot be had now. Internal to the serving room."""


class IssuerKeys:
    """Keys by id, of one issuer. All but :meth:`fetch_now` is for one event loop.

    Args:
        issuer: URL; ``/.well-known/openid-configuration`` below it says where the keys are.
        jwks_url: Where they are; empty: to be found out.
        fetch: Reads a URL.
        now: Seconds on a clock that only goes forward.

    Attributes:
        generation: Grows with every fetch.
        failures: Fetches that failed.
        last_failure: Why the last of them did.
        on_failure: Called each time, from any thread.
    """

    def __init__(
        self, issuer: str, jwks_url: str = "", *, fetch: Fetch | None = None, now: Callable[[], float] = stopwatch
    ) -> None:
        self._issuer, self._url = issuer, jwks_url
        self._fetch, self._now = fetch or fetched, now
        self._keys: dict[str, Key] = {}
        self._read_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None
        self.generation = 0
        self.failures = 0
        self.last_failure = ""
        self.on_failure: Callable[[], None] = lambda: None

    async def find(self, kid: str | None) -> Key | None:
        """The key called *kid*; without a name the only one there is. ``None``: the issuer has no such key.

        Raises:
            IssuerUnavailableError: No keys can be had, and those known are too old.
        """
        age = self._now() - self._read_at
        if age > STALE or self._get(kid) is None:
            await self._refreshed()
        elif age > FRESH:
            self._begin()
        if self._now() - self._read_at > STALE:
            raise IssuerUnavailableError(self.last_failure)
        return self._get(kid)

    def fetch_now(self) -> None:
        """Fetches the keys, waiting for them: at the start of a server. What fails is tried again with a request."""
        self._tried_at = self._now()
        try:
            self._keys = self._read()
        except (OSError, HTTPException, ValueError) as error:
            self.failures += 1
            self.last_failure = f"{type(error).__name__}: {error}"
            self.on_failure()
            return
        self._read_at = self._now()
        self.generation += 1

    def _get(self, kid: str | None) -> Key | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetch that is going on, or a new one if the last was not just now."""
        if self._fetching is None or self._fetching.done():
            if self._now() - self._tried_at < AGAIN:
                return None
            self._fetching = asyncio.create_task(asyncio.to_thread(self.fetch_now))
        return self._fetching

    async def _refreshed(self) -> None:
        fetching = self._begin()
        if fetching is not None:
            await asyncio.shield(fetching)  # others may wait for the same one

    def _read(self) -> dict[str, Key]:
        from joserfc.errors import JoseError
        from joserfc.jwk import import_key

        if not self._url:
            said = _decoded(self._fetch(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"))
            if said.get("issuer") != self._issuer:  # OpenID Connect Discovery 1.0, section 4.3
                raise ValueError(f"the issuer calls itself {said.get('issuer')!r}, not {self._issuer!r}")
            url = said.get("jwks_uri")
            if not isinstance(url, str):
                raise ValueError("the issuer does not say where its keys are")
            check_url(url, "jwks_uri of the issuer")
            self._url = url
        found: dict[str, Key] = {}
        listed = _decoded(self._fetch(self._url)).get("keys")
        for one in listed if isinstance(listed, list) else []:
            # Public signing keys alone: a symmetric one here would let anybody who read it sign.
            if not isinstance(one, dict) or one.get("kty") not in ("RSA", "EC", "OKP"):
                continue
            if one.get("use", "sig") != "sig":
                continue
            try:
                found[str(one.get("kid", ""))] = import_key(one)
            except (JoseError, ValueError, TypeError):
                continue  # RFC 7517, section 5: what is not understood is passed over
        if not found:
            raise ValueError(f"no key that signs is at {self._url}")
        return found


def check_url(url: str, where: str) -> None:
    """Returns if keys may be read from *url*: over TLS, or from this machine itself.

    Raises:
        SettingsError: They may not.
    """
    parts = urlsplit(url)
    try:
        own = ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        own = parts.hostname == "localhost"
    if parts.scheme != "https" and not (parts.scheme == "http" and own):
        raise SettingsError(
            f"{url} is not https", where=where, remedy="keys that came over an open line could be anybody's"
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Where the issuer sends us on is not where it said that its keys are."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def fetched(url: str) -> bytes:
    """What is at *url*, at most :data:`LONGEST` bytes.

    Raises:
        OSError: It cannot be had.
        ValueError: It is longer.
    """
    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310 - see check_url
    with _opener.open(request, timeout=TIMEOUT) as answer:
        body: bytes = answer.read(LONGEST + 1)
    if len(body) > LONGEST:
        raise ValueError(f"more than {LONGEST} bytes at {url}")
    return body


def _decoded(body: bytes) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])
