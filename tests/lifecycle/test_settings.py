"""``vigie.toml``: layers, secrets, and mistakes that say where they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie import settings
from vigie.data.location import FileLocation, SqlLocation
from vigie.errors import SettingsError
from vigie.lifecycle.locations import location_of

TOML = """
[project]
files = ["churn.py"]
[sources.orders]
path = "data/orders-*.csv"
delimiter = ";"
[sources.crm]
url = "env:CRM_URL"
table = "customers"
[environments.prod.sources.orders]
path = "/mnt/orders/*.parquet"
[environments.prod.serve]
port = 9000
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "vigie.toml"
    path.write_text(text)
    return path


def test_an_environment_lies_over_the_common_part_key_by_key(tmp_path: Path) -> None:
    path = write(tmp_path, TOML)
    common, prod = settings.read(path, ""), settings.read(path, "prod")

    assert common.sources["orders"] == {"path": "data/orders-*.csv", "delimiter": ";"}
    assert prod.sources["orders"] == {"path": "/mnt/orders/*.parquet", "delimiter": ";"}
    assert prod.sources["crm"] == common.sources["crm"]
    assert (common.serve, prod.serve) == ({}, {"port": 9000})
    assert common.state == tmp_path / ".vigie"


def test_the_variable_chooses_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_ENV", "prod")

    assert settings.read(write(tmp_path, TOML)).environment == "prod"


def test_the_nearest_file_above_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, TOML)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert settings.find(below) == path
    with pytest.raises(SettingsError, match="vigie init"):
        settings.find(Path("/"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[project", "not TOML"),
        ("[projet]\n", "did you mean 'project'"),
        ("[sources.orders]\npaht = 'x'\n", "did you mean 'path'"),
        ("sources = 3\n", "not a table"),
        ("[sources]\norders = 'x'\n", "not a table"),
        ("[project]\nfiles = 'churn.py'\n", "list of strings"),
        ("[environments.prod.serv]\n", "did you mean 'serve'"),
    ],
)
def test_mistakes_say_where_and_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match="vigie.toml") as caught:
        settings.read(write(tmp_path, text), "")

    assert says in str(caught.value)


def test_an_unknown_environment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean 'prod'"):
        settings.read(write(tmp_path, TOML), "prd")


def test_secrets_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_URL", "sqlite:///crm.db")
    (tmp_path / "secret").write_text("s3cret\n")

    assert settings.secret("env:CRM_URL", tmp_path, "url") == "sqlite:///crm.db"
    assert settings.secret("file:secret", tmp_path, "url") == "s3cret"
    assert settings.secret("plain", tmp_path, "url") == "plain"
    with pytest.raises(SettingsError, match="export NOT_SET"):
        settings.secret("env:NOT_SET", tmp_path, "url")
    with pytest.raises(SettingsError, match="cannot read file:nothing"):
        settings.secret("file:nothing", tmp_path, "url")


def test_locations_start_at_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_URL", "sqlite:///crm.db")

    files = location_of("orders", {"path": ["a.csv", "/b.csv"], "nulls": "NA", "delimiter": ";"}, tmp_path)
    assert files == FileLocation((f"{tmp_path}/a.csv", "/b.csv"), delimiter=";", nulls=("NA",))
    database = location_of("crm", {"url": "env:CRM_URL", "table": "customers", "watermark": "id"}, tmp_path)
    assert database == SqlLocation(f"sqlite:///{tmp_path}/crm.db", table="customers", watermark="id")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({}, "either path or url"),
        ({"path": "a", "url": "b"}, "either path or url"),
        ({"path": "a", "watermark": "b"}, "does not go with files"),
        ({"url": "sqlite://", "table": "t", "delimiter": ";"}, "does not go with a database"),
        ({"path": 3}, "must be a text"),
        ({"url": "sqlite://", "table": ["a"]}, "must be a text"),
    ],
)
def test_a_location_that_cannot_be_meant_is_refused(tmp_path: Path, keys: dict[str, object], says: str) -> None:
    with pytest.raises(SettingsError, match="sources.orders") as caught:
        location_of("orders", keys, tmp_path)

    assert says in str(caught.value)
