from __future__ import annotations

import subprocess
import sys

import pytest

from vigie.data.location import FileLocation, SqlLocation, masked, without_secrets
from vigie.errors import SettingsError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ana:s3cret@db/crm", "postgresql://ana:***@db/crm"),
        ("postgresql://ana:s3c@ret@db:5432/crm", "postgresql://ana:***@db:5432/crm"),
        ("postgresql://ana@db/crm?password=x&sslmode=y", "postgresql://ana@db/crm?password=***&sslmode=***"),
        ("sqlite:////tmp/crm.db", "sqlite:////tmp/crm.db"),
        ("hunter2 no url", "***"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert masked(url) == shown
    location = SqlLocation(url, table="t")
    for text in (repr(location), str(location), location.place()):
        assert "s3c" not in text and "hunter2" not in text


def test_a_driver_that_repeats_the_password_is_silenced() -> None:
    assert without_secrets("login p@ss! failed", "mysql://u:p%40ss!@h/d") == "login *** failed"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: FileLocation(()),
        lambda: FileLocation("a.csv", format="xlsx"),  # type: ignore[arg-type]
        lambda: FileLocation("a.csv", zone="Mars/Olympus"),
        lambda: FileLocation("a.csv", encoding="klingon"),
        lambda: FileLocation("a.csv", delimiter=";;"),
        lambda: SqlLocation("sqlite:///a", table="t", query="select 1"),
        lambda: SqlLocation("sqlite:///a"),
        lambda: SqlLocation("", table="t"),
    ],
)
def test_a_location_that_cannot_be_meant_is_refused(wrong) -> None:
    with pytest.raises(SettingsError):
        wrong()


def test_one_path_may_be_written_without_a_tuple() -> None:
    assert FileLocation("a.csv").paths == ("a.csv",)  # type: ignore[arg-type]


def test_records_import_without_the_heavy_libraries() -> None:
    program = (
        "import sys; from vigie.data import FileLocation, Contract, read_contract\n"
        "heavy = {'polars', 'pyarrow', 'deltalake', 'pandera', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
