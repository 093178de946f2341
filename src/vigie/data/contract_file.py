"""The contract as a TOML file that people read and edit."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vigie.data.contract import ColumnRule, Contract, Level, Volume
from vigie.definition import Kind
from vigie.errors import ContractError, did_you_mean

_HEADER = """\
# What '{source}' promises. Written at first contact from its first rows; yours to edit from now on.
# Every ingest enforces it. A row that breaks a rule goes to the quarantine table with the rule it broke;
# after you change a rule here, the quarantined rows are tried again by the next ingest.
#
# kind        number, category, boolean, time or text. A value that cannot be read so quarantines its row.
# nullable    whether a value may be missing
# min, max    range of a number. What was inferred is loose on purpose, and only warns: the first rows seldom
#             hold the extremes, and healthy rows must not end in quarantine. Tighten what you know.
# categories  the only values allowed
# unique      each value comes once in an ingest (only ever warns)
# format      of a time: "iso", "epoch_s", "epoch_ms", "epoch_us", or a pattern such as "%d/%m/%Y %H:%M"
# decimal     "," where the text says 12,5
# level       what breaking nullable, min, max or categories does: "quarantine" or "warn"
"""

_COLUMN_KEYS = {"kind", "nullable", "min", "max", "categories", "unique", "format", "decimal", "level"}
_TOP_KEYS = {"source", "ignore", "max_quarantined", "volume", "freshness", "columns"}
_TABLE_KEYS = {"volume": {"min_rows", "least", "most"}, "freshness": {"max_age_days"}}


def contract_path(directory: Path, source: str) -> Path:
    """Where the contract of a source is: ``directory/source.toml``."""
    return directory / f"{source}.toml"


def to_toml(contract: Contract, notes: Mapping[str, str] | None = None) -> str:
    """The file's text. ``from_toml(to_toml(c)) == c``.

    Args:
        contract: What to write.
        notes: A comment for a column, such as why its kind was chosen.
    """
    age = contract.max_age_days
    lines = [
        _HEADER.format(source=_comment(contract.source)),
        f"source = {_string(contract.source)}",
        "",
        "# Columns that are not taken into the lake at all.",
        f"ignore = {_strings(contract.ignore)}",
        "",
        "# Share of an ingest's rows in quarantine above which the finding is an error.",
        f"max_quarantined = {contract.max_quarantined!r}",
        "",
        "[volume]",
        f"min_rows = {contract.volume.min_rows}  # in an ingest that finds anything new",
        f"least = {contract.volume.least!r}  # share of the median of the last ten ingests, once there are three",
        f"most = {contract.volume.most!r}",
        "",
        "[freshness]",
        "# How old the newest row may be when an ingest ends.",
        "# max_age_days = 3" if age is None else f"max_age_days = {age!r}",
        "",
    ]
    return "\n".join(lines) + "".join(column_toml(rule, (notes or {}).get(rule.name, "")) for rule in contract.columns)


def column_toml(rule: ColumnRule, note: str = "") -> str:
    """The section of one column, so that a new one can be added at the end of a file without touching the rest."""
    lines = ["", f"[columns.{_string(rule.name)}]"]
    lines += [f"# {_comment(note)}"] if note else []
    lines += [f"kind = {_string(rule.kind)}", f"nullable = {str(rule.nullable).lower()}"]
    lines += [f"min = {rule.minimum!r}"] if rule.minimum is not None else []
    lines += [f"max = {rule.maximum!r}"] if rule.maximum is not None else []
    lines += [f"categories = {_strings(rule.categories)}"] if rule.categories else []
    lines += ["unique = true"] if rule.unique else []
    lines += [f"format = {_string(rule.format)}"] if rule.kind is Kind.TIME or rule.format != "iso" else []
    lines += [f"decimal = {_string(rule.decimal)}"] if rule.decimal != "." else []
    lines += [f"level = {_string(rule.level)}"]
    return "\n".join(lines) + "\n"


def from_toml(text: str, *, where: str) -> Contract:
    """The contract in *text*.

    Args:
        text: Contents of a contract file.
        where: The file, for messages.

    Raises:
        ContractError: The text is not TOML, or says something that a contract cannot.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ContractError(f"the contract is not TOML: {error}", where=where) from None
    _known(data, _TOP_KEYS, where)
    volume, freshness = _table(data, "volume", where), _table(data, "freshness", where)
    columns = _table(data, "columns", where)
    age = freshness.get("max_age_days")
    try:
        return Contract(
            source=_of(data.get("source"), str, "source", where),
            columns=tuple(_rule(name, body, f"{where}: [columns.{name!r}]") for name, body in columns.items()),
            ignore=_tuple(data.get("ignore", []), "ignore", where),
            volume=Volume(
                min_rows=_of(volume.get("min_rows", 1), int, "min_rows", where),
                least=_number(volume.get("least", 0.2), "least", where),
                most=_number(volume.get("most", 5.0), "most", where),
            ),
            max_age_days=None if age is None else _number(age, "max_age_days", where),
            max_quarantined=_number(data.get("max_quarantined", 0.05), "max_quarantined", where),
        )
    except ContractError as error:
        if where in error.where:
            raise
        raise ContractError(error.what, where=f"{where}: {error.where}", remedy=error.remedy) from None


def read_contract(directory: Path, source: str) -> Contract | None:
    """The contract of *source*; ``None`` where there is no file yet.

    Raises:
        ContractError: The file cannot be read or says something that a contract cannot.
    """
    path = contract_path(directory, source)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"the contract cannot be read: {error}", where=str(path)) from error
    contract = from_toml(text, where=str(path))
    if contract.source != source:
        raise ContractError(
            f"this is the contract of '{contract.source}'", where=str(path), remedy=f'write source = "{source}"'
        )
    return contract


def write_contract(directory: Path, contract: Contract, notes: Mapping[str, str] | None = None) -> Path:
    """Write a whole file, in one step: a reader sees the old or the new one.

    Raises:
        ContractError: The folder cannot be written.
    """
    return _replace(contract_path(directory, contract.source), to_toml(contract, notes))


def add_columns(directory: Path, source: str, rules: Iterable[ColumnRule], notes: Mapping[str, str]) -> Path:
    """Add rules at the end of the file; what the user wrote stays as it is.

    Raises:
        ContractError: The file cannot be read or written.
    """
    path = contract_path(directory, source)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"the contract cannot be read: {error}", where=str(path)) from error
    return _replace(path, text.rstrip("\n") + "\n" + "".join(column_toml(r, notes.get(r.name, "")) for r in rules))


def _replace(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(text, "utf-8")
        draft.replace(path)
    except OSError as error:
        raise ContractError(f"the contract cannot be written: {error}", where=str(path)) from error
    return path


def _rule(name: str, body: object, where: str) -> ColumnRule:
    if not isinstance(body, dict):
        raise ContractError("a column is a table of rules", where=where, remedy='write kind = "number" under it')
    _known(body, _COLUMN_KEYS, where)
    try:
        kind = Kind(body.get("kind", ""))
    except ValueError:
        remedy = did_you_mean(str(body.get("kind")), [str(kind) for kind in Kind])
        raise ContractError(f"{body.get('kind')!r} is not a kind", where=where, remedy=remedy) from None
    try:
        level = Level(body.get("level", "quarantine"))
    except ValueError:
        raise ContractError(
            f"{body['level']!r} is not a level", where=where, remedy='use "quarantine" or "warn"'
        ) from None
    return ColumnRule(
        name=name,
        kind=kind,
        nullable=_of(body.get("nullable", True), bool, "nullable", where),
        minimum=None if "min" not in body else _number(body["min"], "min", where),
        maximum=None if "max" not in body else _number(body["max"], "max", where),
        categories=_tuple(body.get("categories", []), "categories", where),
        unique=_of(body.get("unique", False), bool, "unique", where),
        format=_of(body.get("format", "iso"), str, "format", where),
        decimal=_of(body.get("decimal", "."), str, "decimal", where),
        level=level,
    )


def _known(data: Mapping[str, Any], keys: set[str], where: str) -> None:
    for key in data:
        if key not in keys:
            raise ContractError(f"unknown key {key!r}", where=where, remedy=did_you_mean(key, keys))


def _table(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    table = data.get(key, {})
    if not isinstance(table, dict):
        raise ContractError(f"{key} is a table", where=where, remedy=f"write [{key}]")
    if key in _TABLE_KEYS:
        _known(table, _TABLE_KEYS[key], f"{where}: [{key}]")
    return table


def _of(value: Any, kind: type[Any], key: str, where: str) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ContractError(f"{key} must be a {kind.__name__}, not {value!r}", where=where)
    return value


def _number(value: object, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ContractError(f"{key} must be a number, not {value!r}", where=where)
    return float(value)


def _tuple(value: object, key: str, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ContractError(f"{key} must be a list of strings, not {value!r}", where=where)
    return tuple(value)


def _string(value: str) -> str:
    # A JSON string is a TOML basic string, but for DEL.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    # TOML allows no control characters in a comment.
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _strings(values: tuple[str, ...]) -> str:
    return f"[{', '.join(_string(value) for value in values)}]"
