"""Writes docs/reference/cli.md from the program itself: ``python docs/generate_cli.py``. A test compares the two."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

PAGE = Path(__file__).resolve().parent / "reference" / "cli.md"

INTRODUCTION = """\
# Commands

`vigie COMMAND --help` says the same in the terminal. Every command is run in the folder of a project, or below it, or is given `--project`.

| exit code | means |
|---|---|
| 0 | done |
| 1 | an error that was explained on standard error, or findings of severity *error* in `vigie check` |
| 2 | wrong usage |
| 130 | interrupted |

`--as-of` makes a command act as if it were that moment, with what was known then. A date without a time is its first moment, UTC.
`--env` chooses an [environment](settings.md#environmentsname) of `vigie.toml`; without it the variable `VIGIE_ENV` does.

"""


def page() -> str:
    """The whole page."""
    from vigie.cli.program import program

    group: Any = typer.main.get_command(program)
    commands = dict(_flat(group))
    listing = "".join(
        f"| [`vigie {n}`](#vigie-{n.replace(' ', '-')}) | {_first(command.help)} |\n" for n, command in commands.items()
    )
    head = INTRODUCTION + "| command | |\n|---|---|\n" + listing
    return head + "".join("\n" + section(name, command) for name, command in commands.items())


def _flat(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name; those of a group stand where the group does."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _flat(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def section(name: str, command: Any) -> str:
    """One command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join(["vigie", name, *(_placeholder(a) for a in arguments), "[OPTIONS]"])
    text = f"## `vigie {name}`\n\n{_paragraphs(command.help)}\n\n```text\n{usage}\n```\n"
    if arguments:
        text += "\n| argument | meaning | default |\n|---|---|---|\n"
        text += "".join(f"| `{a.name.upper()}` | {_cell(a.help)} | {_default(a)} |\n" for a in arguments)
    if options:
        text += "\n| option | meaning | default |\n|---|---|---|\n"
        text += "".join(f"| {_flags(o)} | {_cell(o.help)} | {_default(o)} |\n" for o in options)
    return text


def _placeholder(argument: Any) -> str:
    shown = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return shown if argument.required else f"[{shown}]"


def _flags(option: Any) -> str:
    value = "" if option.is_flag else f" {_metavar(option)}"
    names = [f"`{name}{value}`" for name in option.opts]
    return ", ".join([*names, *(f"`{name}`" for name in option.secondary_opts)])


def _metavar(option: Any) -> str:
    return str(option.metavar or option.opts[0].lstrip("-").replace("-", "_")).upper()


def _default(parameter: Any) -> str:
    shown = parameter.show_default
    if isinstance(shown, str):
        return _cell(shown)
    if parameter.required:
        return "required"
    if shown is False or parameter.default in (None, (), []) or callable(parameter.default):
        return ""
    if parameter.param_type_name == "option" and parameter.is_flag:
        if not parameter.secondary_opts:
            return "no"
        return f"`{(parameter.opts if parameter.default else parameter.secondary_opts)[0]}`"
    return f"`{parameter.default}`"


def _first(text: str | None) -> str:
    return _cell((text or "").strip().split("\n\n")[0])


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").strip().split("\n\n"))


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE.name}")
