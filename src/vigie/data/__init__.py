"""Sources, contracts, quarantine and the lake. Only the train path imports this room.

Where to look: ``location.py`` where a source is; ``read_*.py`` how it is read; ``contract.py`` what it promises,
``infer.py`` how that is guessed, ``enforce.py`` and ``checks.py`` how it is held to it; ``lake.py`` where rows go;
``ingestion.py`` the whole way.

The records of ``location.py`` and ``contract.py`` import without Polars; the rest loads when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from vigie.data.codes import CODES
from vigie.data.contract import ColumnRule, Contract, Level, Volume, schema_of
from vigie.data.contract_file import contract_path, from_toml, read_contract, to_toml, write_contract
from vigie.data.location import DeltaLocation, FileLocation, Location, SqlLocation

if TYPE_CHECKING:
    from vigie.data.checks import pandera_schema
    from vigie.data.infer import infer_contract
    from vigie.data.ingestion import IngestReport, ingest, open_reader
    from vigie.data.lake import Lake, Version, distinct_events, latest_rows
    from vigie.data.quarantine import Quarantine

__all__ = [
    "CODES",
    "ColumnRule",
    "Contract",
    "DeltaLocation",
    "FileLocation",
    "IngestReport",
    "Lake",
    "Level",
    "Location",
    "Quarantine",
    "SqlLocation",
    "Version",
    "Volume",
    "contract_path",
    "distinct_events",
    "from_toml",
    "infer_contract",
    "ingest",
    "latest_rows",
    "open_reader",
    "pandera_schema",
    "read_contract",
    "schema_of",
    "to_toml",
    "write_contract",
]

_HEAVY = {
    "pandera_schema": "checks",
    "infer_contract": "infer",
    "IngestReport": "ingestion",
    "ingest": "ingestion",
    "open_reader": "ingestion",
    "Lake": "lake",
    "Version": "lake",
    "distinct_events": "lake",
    "latest_rows": "lake",
    "Quarantine": "quarantine",
}


def __getattr__(name: str) -> object:
    if name not in _HEAVY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HEAVY[name]}"), name)
