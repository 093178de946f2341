"""What the pages show runs, prints what they say, and reads as the settings they claim to be."""

from __future__ import annotations

import contextlib
import io
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from vigie import settings


def test_python_blocks_run_and_print_what_stands_below_them(
    page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "docs"}
    printed = ""
    for block in page.blocks:
        if block.language == "python" and "notest" not in block.info:
            # As many empty lines as stand above the block: a traceback then names the line of the page.
            code = compile("\n" * block.line + block.body, str(page.path), "exec")
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(code, names)
            printed = out.getvalue()
        elif block.title == "prints":
            assert printed == block.body, f"{block.place} is not what the block above prints"


def test_toml_and_json_blocks_can_be_read(page: Any) -> None:
    for block in page.blocks:
        try:
            if block.language == "toml":
                tomllib.loads(block.body)
            elif block.language == "json":
                json.loads(block.body)
        except ValueError as error:
            pytest.fail(f"{block.place}: {error}")


def test_settings_blocks_hold_known_keys_only(page: Any, tmp_path: Path) -> None:
    for block in page.blocks:
        if block.title == settings.FILE:
            file = tmp_path / settings.FILE
            file.write_text(block.body, "utf-8")
            environments = tomllib.loads(block.body).get("environments", {})
            for environment in ("", *environments):
                settings.read(file, environment)
