"""``vigie keys`` as it is typed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vigie.cli import main
from vigie.serving.security.secret import PATTERN

PROJECT = """
from vigie import Campaign, Score, Table

customers = Table("customers", key="id")
money = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=10)
churn = Score("churn", outcome=customers["left"] == True, features=[customers["age"]], decision=money)
"""


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "churn.py").write_text(PROJECT)
    (tmp_path / "vigie.toml").write_text('[project]\nfiles = ["churn.py"]\n')

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["vigie", "keys", *words, "--project", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return call


def test_a_key_is_shown_once_alone_on_standard_output(run: Any, tmp_path: Path) -> None:
    code, out, err = run(
        "create", "shop", "--role", "score,explain", "--scores", "churn", "--expires", "90d", "--rate", "10/s"
    )
    assert code == 0 and re.fullmatch(PATTERN + "\n", out) and "score, explain of churn, until " in err
    assert out.strip() not in err
    code, listed, _ = run("list")
    assert code == 0 and f"{out[:17]}…" in listed and out.strip() not in listed
    _, told, _ = run("list", "--json")
    assert json.loads(told)["roles"] == ["score", "explain"] and json.loads(told)["state"] == "valid"
    code, second, said = run("rotate", "shop", "--grace", "7d")
    assert code == 0 and second != out and re.fullmatch(PATTERN, second.splitlines()[0]) and "shown this once" in said
    assert run("revoke", "shop", "--reason", "lost")[0] == 0
    assert "revoked" in run("list")[1]
    code, audited, _ = run("audit", "--json")
    events = [json.loads(line) for line in audited.splitlines()]
    assert [event["action"] for event in events] == ["key created", "key rotated", "key revoked"]
    assert events[-1]["reason"] == "lost" and "lost" in run("audit", "--name", "shop")[1]
    assert run("audit", "--since", "2100-01-01")[1].strip() == "nothing is on record"
    code, said, _ = run("export", str(tmp_path / "keys.json"))
    assert (
        code == 0 and said.strip().startswith("0 keys in ") and json.loads((tmp_path / "keys.json").read_text()) == []
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "shop", "--role", "scroe"), "did you mean 'score'"),
        (("create", "shop", "--role", "score", "--scores", "chrun"), "did you mean 'churn'"),
        (("create", "shop", "--role", "score", "--expires", "soon"), "not a length of time"),
        (("create", "shop", "--role", "score", "--rate", "fast"), "not a rate"),
        (("rotate", "shop"), "No key is called 'shop'"),
        (("revoke", "shop"), "No key is called 'shop'"),
        (("export", "keys.db"), "Not a .json file"),
        (("audit", "--since", "yesterday"), "is not a date"),
    ],
)
def test_what_cannot_be_meant_is_explained(run: Any, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (1, "") and said in err
