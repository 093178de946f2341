"""Tokens of a real issuer: an HTTP server with discovery and keys, and everything that a forger would try."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from vigie.clock import parse_moment
from vigie.errors import SettingsError
from vigie.serving.security.bucket import Rate
from vigie.serving.security.grant import Grant
from vigie.serving.security.issuer_keys import AGAIN, FRESH, STALE, IssuerKeys
from vigie.serving.security.tokens import CACHED_SECONDS, TokenSettings, TokenVerifier

NOW = parse_moment("2026-11-21T12:00:00Z") // 1_000_000
RSA, RSA2 = RSAKey.generate_key(2048), RSAKey.generate_key(2048)
EC, ED = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")


class Issuer:
    """What an issuer publishes, and how often it was asked."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"rsa": RSA, "ec": EC}
        self.extra: list[Any] = []
        self.asked: list[str] = []
        self.status = 200
        self.calls_itself: str | None = None
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                if issuer.status == 302:
                    self.send_response(302)
                    self.send_header("location", "/elsewhere")
                    self.end_headers()
                    return
                body: Any = {}
                if self.path == "/.well-known/openid-configuration":
                    body = {"issuer": issuer.calls_itself or issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                elif self.path in ("/keys", "/elsewhere"):
                    listed = [{**key.as_dict(private=False), "kid": kid} for kid, key in issuer.keys.items()]
                    body = {"keys": [*listed, *issuer.extra]}
                self.send_response(issuer.status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def token(self, kid: str | None = "rsa", key: Any = None, alg: str = "", **claims: Any) -> bytes:
        """A good token, but for what is given; a claim that is ``None`` is left out."""
        signer = key or self.keys[kid or "rsa"]
        alg = alg or {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}[signer.key_type]
        said = {
            "iss": self.url,
            "aud": "vigie",
            "sub": "crm",
            "scope": "openid score explain",
            "exp": NOW + 600,
            "iat": NOW,
            **claims,
        }
        header = {"alg": alg, **({} if kid is None else {"kid": kid})}
        whole = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(header, whole, signer, algorithms=[alg]).encode()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    made = Issuer()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Ticking:
    """A clock of seconds for the verifier and for the keys together."""

    def __init__(self) -> None:
        self.seconds = float(NOW)

    def now(self) -> int:
        return round(self.seconds * 1e6)


Find = Callable[..., Any]


class Verifier:
    def __init__(self, issuer: Issuer, **settings: Any) -> None:
        self.clock = Ticking()
        self.keys = IssuerKeys(issuer.url, settings.get("jwks_url", ""), now=lambda: self.clock.seconds)
        whole = TokenSettings(**{"issuer": issuer.url, "audience": ("vigie",), **settings})
        self.verifier = TokenVerifier(whole, self.clock, self.keys)

    def find(self, *tokens: bytes) -> Any:
        """What is found for each token, asked for at the same time; of one token, that alone."""

        async def run() -> list[Grant | str]:
            return list(await asyncio.gather(*(self.verifier.find(token) for token in tokens)))

        found = asyncio.run(run())
        return found[0] if len(tokens) == 1 else found


def test_good_tokens_of_every_kind_are_recognised(issuer: Issuer) -> None:
    issuer.keys["ed"] = ED
    verifier = Verifier(issuer, algorithms=("RS256", "PS256", "ES256", "Ed25519"))
    expected = Grant("token:crm", frozenset({"score", "explain"}))
    for token in (issuer.token("rsa"), issuer.token("rsa", alg="PS256"), issuer.token("ec"), issuer.token("ed")):
        assert verifier.find(token) == expected
    assert verifier.find(issuer.token(aud=["other", "vigie"])) == expected
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"], "fetched once"


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> bytes:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (*parts, signature))


def claims_of(token: bytes) -> dict[str, Any]:
    part = token.split(b".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    return found


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS1", "dir"])
def test_no_algorithm_but_those_allowed(issuer: Issuer, name: str) -> None:
    claims = claims_of(issuer.token())
    for signature in (b"", b"x" * 256):
        assert Verifier(issuer).find(unsigned({"alg": name, "kid": "rsa"}, claims, signature)) in (
            "algorithm",
            "malformed",
        )


def test_the_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    """HS256 over the published key, in every form in which a library might take it for the secret."""
    claims = claims_of(issuer.token())
    secrets = [RSA.as_pem(private=False), RSA.as_der(private=False), json.dumps(RSA.as_dict(private=False)).encode()]
    for secret in secrets:
        text = unsigned({"alg": "HS256", "kid": "rsa"}, claims).rstrip(b".")
        mac = hmac.digest(secret, text, hashlib.sha256)
        forged = text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
        assert Verifier(issuer).find(forged) == "algorithm"


def test_a_symmetric_key_that_an_issuer_publishes_is_passed_over(issuer: Issuer) -> None:
    issuer.extra = [
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {**RSA2.as_dict(private=False), "kid": "locks", "use": "enc"},
        {"kty": "future", "kid": "x"},
        "nonsense",
    ]
    verifier = Verifier(issuer)
    assert isinstance(verifier.find(issuer.token()), Grant)
    assert verifier.find(issuer.token("locks", key=RSA2)) == "unknown key"
    assert verifier.find(unsigned({"alg": "RS256", "kid": "shared"}, {}, b"x")) == "unknown key"


def test_a_key_of_another_kind_does_not_fit_an_algorithm(issuer: Issuer) -> None:
    verifier = Verifier(issuer)
    assert verifier.find(issuer.token("ec", key=RSA)) == "signature"
    assert verifier.find(issuer.token("rsa", key=EC)) == "signature"
    assert verifier.find(issuer.token("rsa", key=RSA2)) == "signature"
    assert Verifier(issuer, algorithms=("ES256",)).find(issuer.token("rsa")) == "algorithm"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "other"}, "claims"),
        ({"aud": ["other", "vigie2"]}, "claims"),
        ({"aud": None}, "claims"),
        ({"aud": ""}, "claims"),
        ({"aud": {"vigie": 1}}, "claims"),
        ({"iss": "https://evil.example"}, "claims"),
        ({"iss": None}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": str(NOW + 600)}, "claims"),
        ({"exp": True}, "claims"),
        ({"exp": NOW - 31}, "expired"),
        ({"nbf": NOW + 31}, "claims"),
        ({"iat": NOW + 31}, "claims"),
        ({"sub": None}, "subject"),
        ({"sub": ""}, "subject"),
        ({"sub": 7}, "claims"),
        ({"sub": "a\nb"}, "subject"),
        ({"sub": "x" * 257}, "subject"),
    ],
)
def test_wrong_claims_are_refused(issuer: Issuer, claims: dict[str, Any], reason: str) -> None:
    assert Verifier(issuer).find(issuer.token(**claims)) == reason


def test_clocks_may_differ_by_the_leeway_and_no_more(issuer: Issuer) -> None:
    for claims in ({"exp": NOW - 29}, {"nbf": NOW + 30}, {"iat": NOW + 30}):
        assert isinstance(Verifier(issuer).find(issuer.token(**claims)), Grant)
        assert isinstance(Verifier(issuer, leeway=0).find(issuer.token(**claims)), str)
    verifier = Verifier(issuer)
    token = issuer.token(exp=NOW + 20)
    assert isinstance(verifier.find(token), Grant)
    verifier.clock.seconds += 49
    assert isinstance(verifier.find(token), Grant)
    verifier.clock.seconds += 1
    assert verifier.find(token) == "expired", "what is remembered ends when the token does"


@pytest.mark.parametrize(
    "text",
    [b"a", b"a.b", b"..", b"a.b.c", b"a.b.c.d.e", b"\xff\xfe.\x00.x", b"e30.e30.e30", b"x" * 9_000, b"." * 300,
     base64.urlsafe_b64encode(b"[" * 2_000) + b".e30.x", base64.urlsafe_b64encode(b'{"alg":7}') + b".e30.x",
     base64.urlsafe_b64encode(b'{"alg":"RS256","kid":{"a":1}}').rstrip(b"=") + b".e30.x",
     base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"rsa","crit":["b64"],"b64":false}').rstrip(b"=") + b".e30.x"],
)  # fmt: skip
def test_what_is_no_token_is_refused_without_asking_the_issuer_more_than_once(issuer: Issuer, text: bytes) -> None:
    verifier = Verifier(issuer)
    assert verifier.find(text) in ("malformed", "algorithm", "signature", "unknown key")
    assert len(issuer.asked) <= 2


def test_a_changed_letter_breaks_the_signature(issuer: Issuer) -> None:
    verifier, token = Verifier(issuer), issuer.token()
    header, _, signature = token.split(b".")
    claims = {**claims_of(token), "sub": "admin"}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
    assert isinstance(verifier.find(token), Grant)
    assert verifier.find(b".".join([header, body, signature])) == "signature"


def test_a_new_key_is_fetched_when_it_is_first_used(issuer: Issuer) -> None:
    verifier = Verifier(issuer)
    assert isinstance(verifier.find(issuer.token()), Grant)
    issuer.keys = {"new": RSA2}
    verifier.clock.seconds += AGAIN
    assert isinstance(verifier.find(issuer.token("new")), Grant)
    assert verifier.find(issuer.token("rsa", key=RSA)) == "unknown key", "the old key is gone"


def test_unknown_key_ids_cause_one_fetch_in_a_while(issuer: Issuer) -> None:
    verifier = Verifier(issuer)
    verifier.find(issuer.token())
    asked = len(issuer.asked)
    verifier.clock.seconds += AGAIN
    forged = [issuer.token(f"made up {i}", key=RSA2) for i in range(50)]
    assert verifier.find(*forged) == ["unknown key"] * 50
    assert verifier.find(*forged) == ["unknown key"] * 50
    assert len(issuer.asked) == asked + 1
    assert isinstance(verifier.find(issuer.token("ec")), Grant), "good tokens are recognised meanwhile"


def test_a_withdrawn_key_is_refused_once_the_keys_are_fetched_again(issuer: Issuer) -> None:
    verifier, token = Verifier(issuer), issuer.token("rsa", exp=NOW + 10_000)
    assert isinstance(verifier.find(token), Grant)
    del issuer.keys["rsa"]
    verifier.clock.seconds += FRESH + 1

    async def run() -> Any:
        first = await verifier.verifier.find(token)  # answered at once, with what is known
        await asyncio.wait_for(verifier.keys._fetching, 10)  # type: ignore[arg-type]
        return first, await verifier.verifier.find(token)

    first, second = asyncio.run(run())
    assert isinstance(first, Grant) and second == "unknown key"


def test_while_the_issuer_is_away_known_keys_are_good_for_a_stated_time(issuer: Issuer) -> None:
    verifier = Verifier(issuer)
    token = issuer.token(exp=NOW + 100_000)
    assert isinstance(verifier.find(token), Grant)
    issuer.status = 500
    failed: list[int] = []
    verifier.keys.on_failure = lambda: failed.append(1)
    verifier.clock.seconds += STALE - 1
    assert isinstance(verifier.find(token), Grant)
    verifier.clock.seconds += CACHED_SECONDS + 2
    assert verifier.find(token) == "issuer away" and verifier.keys.failures == len(failed) > 0
    issuer.status = 200
    verifier.clock.seconds += AGAIN
    assert isinstance(verifier.find(token), Grant)


def test_an_issuer_that_calls_itself_otherwise_or_sends_us_on_is_not_believed(issuer: Issuer) -> None:
    issuer.calls_itself = "https://evil.example"
    verifier = Verifier(issuer)
    assert verifier.find(issuer.token()) == "issuer away" and "calls itself" in verifier.keys.last_failure
    issuer.calls_itself, issuer.status = None, 302
    verifier = Verifier(issuer, jwks_url=f"{issuer.url}/keys")
    assert verifier.find(issuer.token()) == "issuer away" and "/elsewhere" not in issuer.asked


def test_one_key_needs_no_name_and_several_do(issuer: Issuer) -> None:
    assert Verifier(issuer).find(issuer.token(None, key=RSA)) == "unknown key"
    issuer.keys = {"rsa": RSA}
    assert isinstance(Verifier(issuer).find(issuer.token(None, key=RSA)), Grant)


def test_roles_scores_and_names_come_from_the_claims_that_are_named(issuer: Issuer) -> None:
    verifier = Verifier(
        issuer,
        roles_claim="realm_access.roles",
        roles={"vigie-user": "score", "vigie-ops": "metrics"},
        scores_claim="https://example.com/scores",
        subject_claim="client_id",
        rate=Rate(5, 5),
        max_rows=10,
    )
    token = issuer.token(
        client_id="batch",
        realm_access={"roles": ["vigie-user", "score", 3]},
        **{"https://example.com/scores": ["churn"]},
    )
    assert verifier.find(token) == Grant(
        "token:batch", frozenset({"score"}), frozenset({"churn"}), Rate(5, 5), 10, None
    )
    bare = verifier.find(issuer.token(client_id="batch"))
    assert (bare.roles, bare.scores) == (frozenset(), frozenset()), "what limits and is not there allows nothing"


def test_a_token_is_remembered_and_others_are_not_forgotten_by_it(issuer: Issuer) -> None:
    verifier, token = Verifier(issuer), issuer.token()
    assert verifier.find(token) is verifier.find(token)
    verifier.clock.seconds += CACHED_SECONDS
    again = verifier.find(token)
    assert isinstance(again, Grant)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"issuer": "http://login.example.com"}, "is not https"),
        ({"issuer": "login.example.com"}, "is not https"),
        ({"jwks_url": "http://10.0.0.1/keys"}, "is not https"),
        ({"audience": ()}, "no audience"),
        ({"algorithms": ("HS256",)}, "'HS256' is not accepted"),
        ({"algorithms": ("none",)}, "'none' is not accepted"),
        ({"algorithms": ()}, "no algorithm"),
        ({"roles": {"x": "scores"}}, "no role is called 'scores'"),
        ({"leeway": 301}, "is no leeway"),
    ],
)
def test_settings_that_cannot_be_meant_are_explained(settings: dict[str, Any], said: str) -> None:
    whole = {"issuer": "https://login.example.com", "audience": ("vigie",), **settings}
    with pytest.raises(SettingsError, match=said) as caught:
        TokenSettings(**whole).check()
    assert caught.value.where.startswith("[serve.security.jwt]") and caught.value.remedy
