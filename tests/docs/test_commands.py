"""Every command is in the reference as the program has it, and every command line in the pages could be typed."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    from vigie.cli.program import program

    return dict(typer.main.get_command(program).commands)  # type: ignore[attr-defined]


def test_the_reference_of_commands_is_what_the_program_says() -> None:
    spec = importlib.util.spec_from_file_location("generate_cli", ROOT / "docs" / "generate_cli.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.PAGE.read_text("utf-8") == generate.page(), "run: python docs/generate_cli.py"


def test_command_lines_name_commands_and_options_that_exist(page: Any, commands: dict[str, Any]) -> None:
    for block in page.blocks:
        if block.language == "console":
            for line in _typed(block.body):
                _check(line, commands, block.place)


def test_commands_named_in_the_text_exist(page: Any, commands: dict[str, Any]) -> None:
    for said in re.findall(r"`vigie ([^`]+)`", page.prose):
        words = said.split()
        if words[0] not in ("COMMAND", "--version", "--help"):
            for name in words[0].split("|"):
                assert name in commands, f"{page.name}: vigie {said}"
            _check(f"vigie {said}", commands, page.name)


def _typed(text: str) -> list[str]:
    """What follows a prompt, continued lines joined, one entry for each command of a chain."""
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
    return [part.strip() for line in lines for part in re.split(r"&&|;|\|(?!\|)", line) if " vigie " in f" {part} "]


def _check(line: str, commands: dict[str, Any], place: str) -> None:
    words = shlex.split(line.replace("…", "X"))
    words = words[words.index("vigie") + 1 :]
    if not words or words[0].startswith("-"):
        return
    assert words[0] in commands, f"{place}: vigie {words[0]}"
    command = commands[words[0]]
    while hasattr(command, "commands") and len(words) > 1 and not words[1].startswith("-"):
        assert words[1] in command.commands, f"{place}: vigie {' '.join(words[:2])}"
        command, words = command.commands[words[1]], words[1:]
    known = {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)} | {"--help"}
    for word in words[1:]:
        if word.startswith("-") and not re.match(r"-\d", word):
            assert word.split("=")[0] in known, f"{place}: vigie {words[0]} {word}"
