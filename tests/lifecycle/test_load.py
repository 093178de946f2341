"""Project files: what they define is found, what is wrong in them is said with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.errors import DefinitionError, SettingsError
from vigie.lifecycle.load import load_scores

GOOD = '''"""Who leaves?"""
from vigie import Campaign, Score, Table
telco = Table("telco", key="id")
churn = Score("churn", outcome=telco["left"] == "yes", features=telco,
              decision=Campaign(contact_cost=1, offer_cost=1, accepted=0.3, customer_value=9))
same = churn
'''


def write(folder: Path, text: str, name: str = "project.py") -> tuple[Path, ...]:
    path = folder / name
    path.write_text(text)
    return (path,)


def test_scores_are_found_with_the_question_of_their_file(tmp_path: Path) -> None:
    scores = load_scores(write(tmp_path, GOOD))

    assert list(scores) == ["churn"]
    assert scores["churn"].description == "Who leaves?"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("x = (\n", 1, "SyntaxError"),
        ("from vigie import Score\n\nx = undefined\n", 3, "NameError"),
        ("from vigie import days\nprint('hello')\nw = days(-1)\n", 3, "not a length of time"),
        ("x = 1\n", None, "no score is defined"),
        (
            GOOD + "other = Score('churn', outcome=telco['left'] == 'no', features=telco, decision=churn.decision)\n",
            None,
            "two scores",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, text: str, line: int | None, says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_scores(write(tmp_path, text))

    assert f"project.py{f':{line}' if line else ''}" in str(caught.value)
    assert says in str(caught.value)


def test_a_missing_file_and_a_name_used_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no project file gone\.py"):
        load_scores((tmp_path / "gone.py",))
    with pytest.raises(DefinitionError, match="two scores are called 'churn'"):
        load_scores(write(tmp_path, GOOD) + write(tmp_path, GOOD, "other.py"))
