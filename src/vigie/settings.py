"""``vigie.toml``: where things are. The only module that reads the environment.

    [project]
    files = ["churn.py"]             # project files; each may define several scores
    state = ".vigie"                 # lake, registry, predictions, reports

    [sources.orders]                 # one for each Table or Events, by its name
    path = "data/orders-*.csv.gz"    # or a list of them

    [sources.customers]
    url = "env:CRM_URL"              # an SQLAlchemy URL; secrets as env:NAME or file:PATH
    table = "customers"
    watermark = "updated_at"

    [environments.prod.sources.orders]
    path = "/mnt/exports/orders-*.parquet"

An environment (``--env prod`` or ``VIGIE_ENV``) lays its tables over the common ones, key by key.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vigie.errors import SettingsError, did_you_mean
from vigie.settings_keys import OPTIONS

FILE = "vigie.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``vigie.toml`` says for one environment.

    Attributes:
        root: Folder of ``vigie.toml``; relative paths start here.
        environment: Name of the environment; empty for none.
        files: Project files.
        state: Folder of everything Vigie keeps.
        contracts: Folder of the contract files.
        sources: For each source its keys, secrets not yet resolved.
        serve: Keys of ``[serve]``.
        journal: Keys of ``[journal]``.
        rollout: Keys of ``[rollout]``.
        retrain: Keys of ``[retrain]``.
        ledger: ``ledger`` of ``[project]``, a secret not yet resolved; empty for the default.
        online: Keys of ``[online]``.
        events: Keys of ``[events]``.
        stream: Keys of ``[stream]``.
        text: Keys of ``[text]``.
        registry: Keys of ``[registry]``.
        train: Keys of ``[train]``.
        watch: Keys of ``[watch]``.
        schedule: Keys of ``[schedule]``.
        up: Keys of ``[up]``.
        alerts: Keys of ``[alerts]``.
        logs: Keys of ``[logs]``.
        otel: Keys of ``[otel]``.
        report: Keys of ``[report]``.
    """

    root: Path
    environment: str
    files: tuple[Path, ...]
    state: Path
    contracts: Path
    sources: Mapping[str, Mapping[str, Any]]
    serve: Mapping[str, Any]
    journal: Mapping[str, Any]
    rollout: Mapping[str, Any]
    retrain: Mapping[str, Any]
    ledger: str
    online: Mapping[str, Any]
    events: Mapping[str, Any]
    stream: Mapping[str, Any]
    text: Mapping[str, Any]
    registry: Mapping[str, Any]
    train: Mapping[str, Any]
    watch: Mapping[str, Any]
    schedule: Mapping[str, Any]
    up: Mapping[str, Any]
    alerts: Mapping[str, Any]
    logs: Mapping[str, Any]
    otel: Mapping[str, Any]
    report: Mapping[str, Any]


def find(start: Path) -> Path:
    """The ``vigie.toml`` of *start* or the nearest folder above.

    Raises:
        SettingsError: There is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise SettingsError(
        f"no {FILE} here or above", where=str(start), remedy="run `vigie init` here, or go to the project's folder"
    )


def sagemaker_port() -> int:
    """The port that SageMaker tells a container to listen on: ``SAGEMAKER_BIND_TO_PORT``, or 8080.

    Raises:
        SettingsError: It is no port.
    """
    text = os.environ.get("SAGEMAKER_BIND_TO_PORT", "") or "8080"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise SettingsError(f"{text!r} is not a port", where="SAGEMAKER_BIND_TO_PORT", remedy="give 1 to 65535")
    return int(text)


def read(path: Path, environment: str | None = None) -> Settings:
    """The settings in *path*.

    Args:
        path: A ``vigie.toml``.
        environment: Its environment; ``None``: the variable ``VIGIE_ENV``, or none.

    Raises:
        SettingsError: The file is malformed, or has a key or names an environment that does not exist.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not TOML: {error}", where=str(path), remedy="see docs/reference/settings.md") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {error}", where=str(path)) from error
    chosen = os.environ.get("VIGIE_ENV", "") if environment is None else environment
    environments = raw.pop("environments", {})
    if chosen and chosen not in environments:
        raise SettingsError(
            f"no environment '{chosen}'",
            where=str(path),
            remedy=did_you_mean(chosen, environments) + "; or leave --env out",
        )
    _check_keys(raw, str(path))
    for name, layer in environments.items():
        _check_keys(layer, f"{path} [environments.{name}]")
    merged = _overlay(raw, environments.get(chosen, {}))
    root = path.parent.resolve()
    project = merged.get("project", {})
    files = project.get("files", [])
    if isinstance(files, str) or not all(isinstance(f, str) for f in files):
        raise SettingsError("files must be a list of strings", where=f"{path} [project]")
    return Settings(
        root=root,
        environment=chosen,
        files=tuple(root / f for f in files),
        state=root / project.get("state", ".vigie"),
        contracts=root / project.get("contracts", "contracts"),
        sources=merged.get("sources", {}),
        serve=merged.get("serve", {}),
        journal=merged.get("journal", {}),
        rollout=merged.get("rollout", {}),
        retrain=merged.get("retrain", {}),
        ledger=str(project.get("ledger", "")),
        online=merged.get("online", {}),
        events=merged.get("events", {}),
        stream=merged.get("stream", {}),
        text=merged.get("text", {}),
        registry=merged.get("registry", {}),
        train=merged.get("train", {}),
        watch=merged.get("watch", {}),
        schedule=merged.get("schedule", {}),
        up=merged.get("up", {}),
        alerts=merged.get("alerts", {}),
        logs=merged.get("logs", {}),
        otel=merged.get("otel", {}),
        report=merged.get("report", {}),
    )


def _check_keys(raw: Mapping[str, Any], where: str) -> None:
    for table, content in raw.items():
        if table not in OPTIONS or "." in table:
            raise SettingsError(f"unknown table [{table}]", where=where, remedy=did_you_mean(table, OPTIONS))
        if not isinstance(content, dict):
            raise SettingsError(f"{table} is not a table", where=where, remedy=f"write [{table}] on a line of its own")
        entries = content.items() if table == "sources" else [("", content)]
        for name, entry in entries:
            place = f"{where} [{table}{'.' if name else ''}{name}]"
            if not isinstance(entry, dict):
                raise SettingsError(
                    "is not a table", where=place, remedy=f"write [sources.{name}] and path = '…' below it"
                )
            _check_entry(entry, table, place)


def _check_entry(entry: Mapping[str, Any], table: str, place: str) -> None:
    """Looks at the keys of one table, and of the tables in it that have options of their own."""
    for key, value in entry.items():
        inner = f"{table}.{key}"
        if inner in OPTIONS:
            if not isinstance(value, dict):
                raise SettingsError(
                    f"{key} is not a table", where=place, remedy=f"write [{inner}] on a line of its own"
                )
            _check_entry(value, inner, f"{place.removesuffix(']')}.{key}]")
        elif key not in OPTIONS[table]:
            raise SettingsError(f"unknown key '{key}'", where=place, remedy=did_you_mean(key, OPTIONS[table]))


def _overlay(base: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in layer.items():
        under = merged.get(key)
        merged[key] = _overlay(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def secret(reference: str, root: Path, where: str) -> str:
    """The value behind ``env:NAME`` or ``file:PATH``; any other text is itself.

    Args:
        reference: What ``vigie.toml`` says.
        root: Folder that relative paths start from.
        where: What an error should name.

    Raises:
        SettingsError: The variable is not set or the file cannot be read. The secret itself is never shown.
    """
    if reference.startswith("env:"):
        name = reference[4:]
        if name not in os.environ:
            raise SettingsError(f"the variable {name} is not set", where=where, remedy=f"export {name}=…")
        return os.environ[name]
    if reference.startswith("file:"):
        try:
            return (root / reference[5:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read {reference}: {error}", where=where) from error
    return reference


@contextmanager
def spark_left_alone() -> Iterator[None]:
    """For loading Pandera, which would load Spark's pandas where Spark is installed, for a second and with a warning.

    It would also tie Spark's driver to this machine's loopback, whatever cluster it is to talk to.
    """
    module, variables = "pyspark.pandas", ("SPARK_LOCAL_IP", "PYARROW_IGNORE_TIMEZONE")
    before = {name: os.environ.get(name) for name in variables}
    hidden = module not in sys.modules
    if hidden:
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules[module]
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process and *more*: for a process that it starts."""
    return {**os.environ, **more}


def quiet_dependencies() -> None:
    """Keep dependencies from what nobody asked them to do. They read these variables when loaded, so call it before.

    MLflow sends nothing home. OpenMP's threads (LightGBM, scikit-learn) sleep while they wait for each other instead of
    spinning, which slows a fit down where the machine has other work too (docs/decisions/0009).
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
