"""``[serve.security]`` from the file to what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vigie.clock import SystemClock
from vigie.errors import SettingsError, StoreError
from vigie.lifecycle.security import security_of, security_of_file, tls_of
from vigie.serving.security.administration import Wanted
from vigie.serving.security.bucket import Rate
from vigie.serving.security.settings import SecuritySettings
from vigie.settings import Settings, read

JWT = '[serve.security.jwt]\nissuer = "https://login.example.com"\naudience = "vigie"\n'


@pytest.fixture
def project(tmp_path: Path) -> Any:
    def make(text: str) -> Settings:
        (tmp_path / "vigie.toml").write_text(text)
        return read(tmp_path / "vigie.toml", "")

    return make


def test_callers_are_asked_once_a_key_was_made(project: Any, tmp_path: Path) -> None:
    settings = project("")
    assert not security_of(settings).required and not security_of(settings).opened().required
    from vigie.lifecycle.security import administration_of

    admin = administration_of(settings, SystemClock())
    with pytest.raises(SettingsError):
        admin.create("shop", Wanted(roles=[]))
    with pytest.raises(SettingsError):
        admin.revoke("shop")
    assert not security_of(settings).required, "what failed makes no difference"
    admin.create("shop", Wanted(roles=["score"]))
    admin.revoke("shop")
    assert security_of(settings).required, "also when the last key is gone"
    assert security_of(project("[serve.security]\nauthentication = false")).required is False
    assert (tmp_path / ".vigie" / "journal" / "admin").is_dir()


def test_a_damaged_file_of_keys_opens_nothing(project: Any, tmp_path: Path) -> None:
    (tmp_path / ".vigie").mkdir()
    for content in (b"", b"damaged" * 2_000):
        (tmp_path / ".vigie" / "keys.db").write_bytes(content)
        said = security_of(project(""))
        assert said.required
        with pytest.raises(StoreError):
            said.opened()


def test_authentication_may_be_asked_for_before_there_is_a_key(project: Any, tmp_path: Path) -> None:
    for text in ("authentication = true", 'keys = "sqlite:///elsewhere.db"'):
        said = security_of(project(f"[serve.security]\n{text}"))
        assert said.required and said.opened().keyring is not None
    assert not (tmp_path / "elsewhere.db").exists()


def test_everything_can_be_said(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMITS", "redis://:hunter2@cache:6379/0")
    settings = project(
        '[serve.security]\nopen = ["docs", "metrics"]\nlimits = "env:LIMITS"\nlimits_lost = "refuse"\nstale = "1h"\n'
        + JWT
        + 'algorithms = ["ES256"]\nroles_claim = "realm.roles"\nroles = { a = "score" }\nscores_claim = "scores"\n'
        'subject_claim = "client_id"\nleeway = "5s"\nrate = "10/s"\nburst = 20\nmax_rows = 5\nmax_body_bytes = 1000\n'
        'jwks_url = "https://login.example.com/keys"\n'
    )
    said = security_of(settings)
    assert said.open == {"docs", "metrics"} and said.limits_refuse and said.stale == 3_600_000_000
    tokens = said.tokens
    assert tokens is not None and tokens.audience == ("vigie",) and tokens.algorithms == ("ES256",)
    assert (tokens.leeway, tokens.rate, tokens.max_rows) == (5, Rate(10, 20, "10/s"), 5)
    assert said.opened().limits == "redis://:hunter2@cache:6379/0"
    assert "hunter2" not in repr(said) + repr(settings)
    assert "https://login.example.com" in said.words


@pytest.mark.parametrize(
    ("text", "said", "where"),
    [
        ("[serve.security]\nkey = 1", "unknown key 'key'", "[serve.security]"),
        ("[serve]\nsecurity = 1", "security is not a table", "[serve]"),
        (JWT + "issuers = 1", "unknown key 'issuers'", "[serve.security.jwt]"),
        ("[serve.security]\njwt = true", "jwt is not a table", "[serve.security]"),
        ('["serve.security"]\nkeys = "x"', "unknown table [serve.security]", ""),
        ("[environments.prod.serve.security]\nkey = 1", "unknown key 'key'", "[environments.prod] [serve.security]"),
        ("[serve.security]\nauthentication = 'no'", "neither true nor false", "[serve.security] authentication"),
        ("[serve.security]\nopen = ['score']", "'score' cannot be open", "[serve.security] open"),
        ("[serve.security]\nopen = [1]", "not a list of texts", "[serve.security]"),
        ("[serve.security]\nlimits_lost = 'open'", "'open' is no way on", "[serve.security] limits_lost"),
        ("[serve.security]\nstale = 'long'", "stale is 'long'", "[serve.security]"),
        ("[serve.security]\nkeys = 1", "keys is not a text", "[serve.security]"),
        ("[serve.security.jwt]\naudience = 'x'", "no issuer", "[serve.security.jwt]"),
        ("[serve.security.jwt]\nissuer = 'https://a.example'", "no audience", "[serve.security.jwt]"),
        (JWT + "max_rows = 0", "max_rows is 0", "[serve.security.jwt]"),
        (JWT + "max_rows = true", "max_rows is True", "[serve.security.jwt]"),
        (JWT + "roles = ['score']", "not a table of texts", "[serve.security.jwt]"),
        (JWT + "rate = 'fast'", "'fast' is not a rate", "[serve.security.jwt] rate"),
        (JWT + "leeway = '1h'", "is no leeway", "[serve.security.jwt] leeway"),
    ],
)
def test_what_cannot_be_meant_is_explained(project: Any, text: str, said: str, where: str) -> None:
    with pytest.raises(SettingsError) as caught:
        security_of(project(text))
    assert said in caught.value.what and caught.value.where.endswith(where) and caught.value.remedy


def test_environments_change_security_key_by_key(project: Any, tmp_path: Path) -> None:
    project(
        JWT
        + "[environments.prod.serve.security.jwt]\naudience = 'prod'\n[environments.prod.serve.security]\nstale='1m'"
    )
    said = security_of(read(tmp_path / "vigie.toml", "prod"))
    assert said.tokens is not None and said.tokens.audience == ("prod",) and said.stale == 60_000_000


def test_a_bundle_is_given_a_file_of_keys_and_nothing_else(tmp_path: Path) -> None:
    assert not security_of_file(None, tmp_path).required
    with pytest.raises(SettingsError, match="not a .json file"):
        security_of_file(tmp_path / "keys.db", tmp_path)
    missing = security_of_file(tmp_path / "keys.json", tmp_path)
    assert missing.required
    with pytest.raises(StoreError, match="No such file"):
        missing.opened()


def test_tls_comes_from_the_file_or_from_the_command(project: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("WORD", "hunter2")
    settings = project('[serve]\ntls_cert = "c.pem"\ntls_key = "k.pem"\ntls_ca = "ca.pem"\ntls_password = "env:WORD"')
    said = tls_of(settings)
    assert said is not None and (said.cert, said.key, said.ca) == tuple(
        tmp_path / n for n in ("c.pem", "k.pem", "ca.pem")
    )
    assert said.password == "hunter2"
    other = tls_of(settings, cert=Path("other.pem"))
    assert other is not None and (other.cert, other.key) == (Path("other.pem"), None), "their key is not of this one"
    assert tls_of(project("")) is None and tls_of(None) is None
    for more in ({"key": Path("k.pem")}, {"ca": Path("ca.pem")}):
        with pytest.raises(SettingsError, match="needs a certificate"):
            tls_of(None, **more)


def test_what_workers_are_sent_holds_no_secret(tmp_path: Path) -> None:
    said = SecuritySettings(tmp_path, tmp_path / "keys.db", tmp_path / "admin", keys="env:KEYS", limits="env:LIMITS")
    assert said.keys == "env:KEYS" and "env:KEYS" not in repr(said)
    with pytest.raises(SettingsError, match="the variable KEYS is not set"):
        said.opened()
