"""Callers with an OAuth2 access token: a JWT (RFC 7519, RFC 9068) signed by an issuer that is trusted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from vigie.clock import Clock
from vigie.errors import MissingExtraError, SettingsError, did_you_mean
from vigie.serving.security.bucket import Rate
from vigie.serving.security.grant import ROLES, Grant
from vigie.serving.security.issuer_keys import IssuerKeys, IssuerUnavailableError, check_url

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""What may be allowed. No ``none``, and none whose key is a shared secret: who can check such a token can make one."""

LONGEST = 8_192
"""Characters of a token at most."""
CACHED = 4_096
"""Tokens remembered at most."""
CACHED_SECONDS = 60
"""Seconds for which a token that was good is not checked again. Its end is always looked at."""

WHERE = "[serve.security.jwt]"


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """What tokens are accepted, and what they allow.

    Attributes:
        issuer: Value of ``iss``, to the letter; its URL.
        audience: Values of ``aud``, one of which must be there.
        jwks_url: Where the issuer's keys are; empty: found by discovery.
        algorithms: Of :data:`ALGORITHMS`.
        roles_claim: Claim that names roles: a list, or words in one text; dots lead into objects.
        roles: From the issuer's words to our roles; empty: they are called alike.
        scores_claim: Claim that lists the scores that may be asked for; empty: all may.
        subject_claim: Claim that names the caller.
        leeway: Seconds that the issuer's clock may differ from ours.
        rate: Of each subject; ``None``: any.
        max_rows: Customers or events in one request at most; ``None``: the server's limit.
        max_body_bytes: Bytes of one request at most; ``None`` likewise.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks_url: str = ""
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    roles_claim: str = "scope"
    roles: Mapping[str, str] = field(default_factory=dict)
    scores_claim: str = ""
    subject_claim: str = "sub"
    leeway: int = 30
    rate: Rate | None = None
    max_rows: int | None = None
    max_body_bytes: int | None = None

    def check(self) -> None:
        """Returns if this can be meant.

        Raises:
            SettingsError: It cannot.
        """
        check_url(self.issuer, f"{WHERE} issuer")
        if self.jwks_url:
            check_url(self.jwks_url, f"{WHERE} jwks_url")
        if not self.audience or not all(self.audience):
            raise SettingsError(
                "no audience", where=WHERE, remedy="name the one that the issuer puts into tokens for this service"
            )
        for algorithm in self.algorithms:
            if algorithm not in ALGORITHMS:
                raise SettingsError(
                    f"{algorithm!r} is not accepted",
                    where=f"{WHERE} algorithms",
                    remedy=did_you_mean(algorithm, ALGORITHMS),
                )
        if not self.algorithms:
            raise SettingsError("no algorithm", where=f"{WHERE} algorithms", remedy="leave it out, or name RS256")
        for role in self.roles.values():
            if role not in ROLES:
                raise SettingsError(
                    f"no role is called {role!r}", where=f"{WHERE} roles", remedy=did_you_mean(role, ROLES)
                )
        if not 0 <= self.leeway <= 300:
            raise SettingsError(
                f"{self.leeway} s is no leeway", where=f"{WHERE} leeway", remedy="0s to 300s: clocks differ by less"
            )


class TokenVerifier:
    """Recognises callers by their token. For one event loop.

    Args:
        settings: What is accepted.
        clock: Tells which tokens are expired: the machine's, whatever moment is scored at.
        keys: Of the issuer; ``None``: fetched from it.

    Raises:
        SettingsError: The settings cannot be meant.
        MissingExtraError: joserfc is not installed.
    """

    def __init__(self, settings: TokenSettings, clock: Clock, keys: IssuerKeys | None = None) -> None:
        try:
            from joserfc import jws, jwt
            from joserfc.errors import JoseError
        except ImportError as error:
            raise MissingExtraError("joserfc", extra="oauth") from error
        settings.check()
        self.settings, self._clock = settings, clock
        self.keys = keys or IssuerKeys(settings.issuer, settings.jwks_url)
        self._jose_error: type[Exception] = JoseError
        # Issuers put parameters into headers that the library does not know; "crit" is looked at all the same.
        registry = jws.JWSRegistry(algorithms=list(settings.algorithms), strict_check_header=False)
        self._extract, self._decode, self._registry = jws.extract_compact, jwt.decode, registry
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: self._clock.now() // 1_000_000,
            leeway=settings.leeway,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(settings.audience)},
            exp={"essential": True},
        )
        self._known: OrderedDict[bytes, tuple[Grant, int, int]] = OrderedDict()

    async def find(self, text: bytes) -> Grant | str:
        """The grant of the token *text*, or why there is none.

        Returns:
            ``malformed``, ``algorithm``, ``unknown key``, ``signature``, ``expired``, ``claims``, ``subject`` or ``issuer
            away`` as the reason. It is for the journal; a caller is told the same for all.
        """
        if len(text) > LONGEST:
            return "malformed"
        name, now = sha256(text).digest(), self._clock.now() // 1_000_000
        known = self._known.get(name)
        if known is not None:
            grant, until, generation = known
            if now < until and generation == self.keys.generation:
                return grant
            del self._known[name]
        found = await self._checked(text)
        if isinstance(found, str):
            return found
        grant, until = found
        self._known[name] = grant, min(until, now + CACHED_SECONDS), self.keys.generation
        if len(self._known) > CACHED:
            self._known.popitem(last=False)
        return grant

    async def _checked(self, text: bytes) -> tuple[Grant, int] | str:
        """The grant, and the second at which it ends; or why there is none."""
        try:
            header = self._extract(text, registry=self._registry).headers()
        except (self._jose_error, ValueError, TypeError, RecursionError):
            return "malformed"
        # Before any key is looked for: with "none" or HS256 the public key would be taken for a secret.
        if header.get("alg") not in self.settings.algorithms:
            return "algorithm"
        kid = header.get("kid")
        if not (kid is None or isinstance(kid, str)):
            return "malformed"
        try:
            key = await self.keys.find(kid)
        except IssuerUnavailableError:
            return "issuer away"
        if key is None:
            return "unknown key"
        try:
            claims = self._decode(text, key, algorithms=list(self.settings.algorithms), registry=self._registry).claims
        except (self._jose_error, ValueError, TypeError, RecursionError):
            return "signature"
        return self._of_claims(claims)

    def _of_claims(self, claims: dict[str, Any]) -> tuple[Grant, int] | str:
        from joserfc.errors import ExpiredTokenError

        try:
            self._claims.validate(claims)
        except ExpiredTokenError:
            return "expired"
        except (self._jose_error, TypeError, ValueError):
            return "claims"
        subject = _inside(claims, self.settings.subject_claim)
        if not isinstance(subject, str) or not 0 < len(subject) <= 256 or not subject.isprintable():
            return "subject"
        grant = Grant(
            f"token:{subject}",
            self._roles(_inside(claims, self.settings.roles_claim)),
            self._scores(claims),
            self.settings.rate,
            self.settings.max_rows,
            self.settings.max_body_bytes,
        )
        return grant, int(claims["exp"]) + self.settings.leeway

    def _roles(self, said: Any) -> frozenset[str]:
        words = set(_words(said))
        if not self.settings.roles:
            return frozenset(role for role in ROLES if role in words)
        return frozenset(role for word, role in self.settings.roles.items() if word in words)

    def _scores(self, claims: dict[str, Any]) -> frozenset[str] | None:
        if not self.settings.scores_claim:
            return None
        # Where a claim is to limit and is not there, nothing is allowed.
        return frozenset(_words(_inside(claims, self.settings.scores_claim)))


def _words(said: Any) -> list[str]:
    if isinstance(said, str):
        return said.split()
    return [word for word in said if isinstance(word, str)] if isinstance(said, list) else []


def _inside(claims: dict[str, Any], path: str) -> Any:
    """The claim at *path*: one of that very name, such as a URL, or one inside others."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
