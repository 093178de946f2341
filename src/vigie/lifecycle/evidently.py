"""Evidently's report of any two windows of the record, and its verdicts beside Vigie's on the same rows.

Evidently needs an older pandas than Vigie, so that it runs in an environment of its own: rows go there as Parquet files, pages and
figures come back. It sends nothing anywhere: its telemetry is off and its environment has no other variable.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import DAY, iso
from vigie.errors import ContractError, InputError, RegistryError, SettingsError, VigieError

if TYPE_CHECKING:
    from vigie.definition.kind import Kind
    from vigie.features.values import Columns
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.watch_profiles import Watched
    from vigie.watch.drift_policy import DriftPolicy
    from vigie.watch.profile import Profile

WANTED = "evidently==0.7.23"
"""The version that this was written for."""
SECONDS = 1800
"""How long its report may take."""
SCORE, DECISION, OUTCOME = "score", "decision", "outcome"
"""Columns beside the features."""
_PYTHON = "evidently"


@dataclass(frozen=True, slots=True)
class Period:
    """A window of the record.

    Attributes:
        first: First moment, µs UTC, the beginning of a day.
        last: First moment after it, likewise.
    """

    first: int
    last: int

    @property
    def words(self) -> str:
        """Its days."""
        return f"{iso(self.first)[:10]} to {iso(self.last - DAY)[:10]}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the two say of one column.

    Attributes:
        column: The feature, ``score``, ``decision`` or ``outcome``.
        effect: Ours: distance or Cohen's h, chance taken off; NaN where it was not judged.
        limit: From which it counts.
        p: Of so much by chance, corrected for all columns.
        drifted: Whether Vigie calls it drift: large and evident in this one window.
        method: Evidently's.
        value: Evidently's: a distance, or a p-value where the method says so; NaN where it has none.
        threshold: Evidently's.
        theirs: Whether Evidently calls it drift; ``None`` where it did not judge it.
    """

    column: str
    effect: float
    limit: float
    p: float
    drifted: bool
    method: str = ""
    value: float = math.nan
    threshold: float = math.nan
    theirs: bool | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """What came of two windows.

    Attributes:
        score: Name of the score.
        version: Evidently's.
        live: The window.
        reference: What it is compared with.
        rows: In the window and in the reference.
        outcomes: Rows of each whose outcome is known.
        verdicts: By column, the features first.
        classification: Evidently's figures of the window's outcomes, by name; empty where too few are known.
        pages: Files that were written.
    """

    score: str
    version: str
    live: Period
    reference: Period
    rows: tuple[int, int]
    outcomes: tuple[int, int]
    verdicts: Sequence[Verdict]
    classification: Mapping[str, float] = field(default_factory=dict)
    pages: Sequence[Path] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "score": self.score, "evidently": self.version,
            "live": {"from": iso(self.live.first), "to": iso(self.live.last), "rows": self.rows[0], "outcomes": self.outcomes[0]},
            "reference": {"from": iso(self.reference.first), "to": iso(self.reference.last), "rows": self.rows[1],
                          "outcomes": self.outcomes[1]},
            "columns": [
                {"column": one.column,
                 "vigie": {"effect": _plain(one.effect), "limit": _plain(one.limit), "p": _plain(one.p), "drifted": one.drifted},
                 "evidently": {"method": one.method, "value": _plain(one.value), "threshold": _plain(one.threshold), "drifted": one.theirs}}
                for one in self.verdicts
            ],
            "classification": dict(self.classification), "pages": [str(one) for one in self.pages],
        }  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Rows of a window.

    Attributes:
        customers: Keys; ``None`` for a row of nobody.
        moments: That the rows describe, µs, shape (n,).
        columns: Inputs of the model, by name.
        score: Probabilities, shape (n,).
        acted: 1 where the decision is to act, 0 where not, NaN where there is none, shape (n,).
        outcome: 1, 0, or NaN where it is not known, shape (n,).
    """

    customers: list[str | None]
    moments: np.ndarray
    columns: Columns
    score: np.ndarray
    acted: np.ndarray
    outcome: np.ndarray

    def __len__(self) -> int:
        return len(self.customers)


def interpreter(project: Project, given: Path | None = None) -> Path:
    """The Python that has Evidently: *given*, or that of ``[watch] evidently``, or this one.

    Raises:
        SettingsError: There is no such file, or it has no Evidently that can be imported.
    """
    declared = project.settings.watch.get(_PYTHON)
    if given is not None:
        python = given.expanduser().absolute()
    elif declared is not None:
        python = project.settings.root / Path(str(declared)).expanduser()
    else:
        python = Path(sys.executable)
    where = "[watch] evidently" if given is None else "--python"
    if not python.is_file():
        raise SettingsError(
            f"there is no {python}", where=where, remedy="name the Python of an environment with Evidently"
        )
    try:
        tried = subprocess.run(  # noqa: S603 - the interpreter that the user names
            [str(python), "-I", "-c", "import evidently.presets, pandas, pyarrow"], capture_output=True, text=True,
            check=False, timeout=SECONDS, env={"DO_NOT_TRACK": "1"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError(f"{python} does not run: {error}", where=where, remedy="name a Python") from error
    if tried.returncode:
        why = (tried.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SettingsError(
            f"Evidently cannot be imported there: {why}", where=str(python),
            remedy=f"it needs an older pandas than Vigie: python -m venv evidently && evidently/bin/pip install '{WANTED}' 'pandas<3' pyarrow, "
            "and name evidently/bin/python by --python or as [watch] evidently in vigie.toml",
        )  # fmt: skip
    return python


def compare(
    project: Project, score: str, live: Period, reference: Period, page: Path, python: Path, now: int
) -> Compared:
    """Have Evidently report on two windows, and judge the same rows.

    Args:
        project: Where the record is.
        score: Name of the score.
        live: The window.
        reference: What it is compared with.
        page: The HTML file; that of the outcomes stands beside it, with ``-classification`` in its name.
        python: See :func:`interpreter`.
        now: µs UTC; later outcomes are not known.

    Raises:
        RegistryError: No version is in use.
        InputError: A window has no rows, or the page cannot be written.
        DataError: The record cannot be read.
        VigieError: Evidently failed; with what it said.
    """
    from vigie.lifecycle.ship import ship
    from vigie.lifecycle.watch_drift import drift_policy
    from vigie.lifecycle.watch_profiles import Versions

    version = str(project.registry.resolve(score, "champion").version)
    watched = Versions(project, score).of(version)
    if watched is None:
        raise RegistryError(
            f"version {version} of {score} was made without a profile", remedy=f"train it anew: vigie train {score}"
        )
    policy = drift_policy(project)
    ship(project, wait=False)
    parts = [_rows(project, score, watched, one, now) for one in (live, reference)]
    for one, rows, option in ((live, parts[0], "--from"), (reference, parts[1], "--against")):
        if not len(rows):
            raise InputError(
                f"nothing was predicted on the days {one.words}", field=option,
                remedy="choose days with predictions; `vigie watch --page` shows them",
            )  # fmt: skip
    page = page.absolute()
    beside = page.with_name(f"{page.stem}-classification{page.suffix}")
    classified = all(len(set(one.outcome[~np.isnan(one.outcome)].tolist())) == 2 for one in parts)
    told = _evidently(parts, page, beside if classified else None, python)
    ours = _ours(watched, parts, live, policy)
    theirs = _theirs(told["drift"])
    names = [name for name in watched.layout.features if name in ours or name in theirs]
    verdicts = [
        _verdict(name, ours, theirs, policy)
        for name in [*names, SCORE, DECISION, OUTCOME]
        if name in ours or name in theirs
    ]
    return Compared(
        score, str(told["version"]), live, reference,
        (len(parts[0]), len(parts[1])),
        (int((~np.isnan(parts[0].outcome)).sum()), int((~np.isnan(parts[1].outcome)).sum())),
        verdicts, _figures(told["classification"]), [page, beside] if classified else [page],
    )  # fmt: skip


# -- rows ------------------------------------------------------------------------------------------------------------------


def _rows(project: Project, score: str, watched: Watched, period: Period, now: int) -> Rows:
    """Requests of the window, or where there are none, the runs over the base."""
    from vigie.lifecycle.watch_profiles import features_then
    from vigie.lifecycle.watch_record import batches_of, columns_of, files_by_day, rows_of_run, runs_of, values_in
    from vigie.watch.windows import day_of

    customers: list[str | None] = []
    moments: list[int] = []
    probability: list[float] = []
    decisions: list[str | None] = []
    values: list[Mapping[str, Any]] = []
    columns: list[Columns] = []
    lengths: list[int] = []
    files = files_by_day(project)
    for day in range(day_of(period.first), day_of(period.last)):
        for batch in batches_of(files.get(day, {}).values(), score, set()):
            told = batch.to_pydict()
            customers += told["customer"]
            moments += [_micro(one) for one in told["as_of"]]
            probability += told["probability"]
            decisions += told["decision"]
            values += [values_in(one) for one in told["values"]]
    if customers:
        columns.append(columns_of(watched.kinds, values))
        lengths.append(len(customers))
    else:
        for run in runs_of(project, score):
            if period.first <= run.at < period.last:
                said = rows_of_run(project, score, run)
                customers += said["customer"]
                moments += [run.as_of] * len(said["customer"])
                probability += said["probability"]
                decisions += said["decision"]
                columns.append(features_then(project, score, run, watched, said["customer"]))
                lengths.append(len(said["customer"]))
    act = watched.bundle.decision.act
    at = np.array(moments, dtype=np.int64)
    return Rows(
        customers, at, _joined(columns, lengths, watched.kinds), np.array(probability, dtype=np.float64),
        np.array([math.nan if not one else float(one == act) for one in decisions]),
        _outcomes(project, score, customers, at, now),
    )  # fmt: skip


def _outcomes(
    project: Project, score: str, customers: Sequence[str | None], moments: np.ndarray, now: int
) -> np.ndarray:
    """What became of them where that can be known."""
    from vigie.features.event_outcomes import outcomes_of_scores

    found = np.full(len(customers), math.nan)
    declared = project.score(score)
    horizon = declared.horizon.microseconds if declared.horizon else 0
    places = np.array(
        [i for i, one in enumerate(customers) if one is not None and moments[i] + horizon <= now], dtype=np.int64
    )
    if len(places):
        try:
            schema = project.schema(declared)
        except ContractError:  # nothing was ingested: it is not known what became of anybody
            return found
        who = [str(customers[i]) for i in places.tolist()]
        found[places] = outcomes_of_scores(
            declared.bound(schema), project.lake, schema, who, moments[places], as_of=now
        )
    return found


def _joined(parts: Sequence[Columns], lengths: Sequence[int], kinds: Mapping[str, Kind]) -> Columns:
    """Columns of several parts below each other; what a part has not is missing there."""
    from vigie.features.values import Values

    found: dict[str, Values] = {}
    for name, kind in kinds.items():
        if any(name in one for one in parts):
            pieces = [one.get(name, Values.missing(kind, n)) for one, n in zip(parts, lengths, strict=True)]
            found[name] = Values.concat(pieces)
    return found


def _micro(moment: Any) -> int:
    """µs of a time as Arrow hands it over."""
    return int(moment.timestamp() * 1_000_000 + 0.5) if hasattr(moment, "timestamp") else int(moment)


# -- theirs ----------------------------------------------------------------------------------------------------------------


def _evidently(parts: Sequence[Rows], page: Path, classification: Path | None, python: Path) -> dict[str, Any]:
    """What Evidently says; its pages are written."""
    from vigie.lifecycle import evidently_child

    with tempfile.TemporaryDirectory(prefix="vigie-evidently-") as made:
        folder = Path(made)
        numbers, categories = _written(parts, folder)
        asked = {
            "numbers": numbers, "categories": categories, "page": str(folder / "page.html"),
            "classification": "" if classification is None else str(folder / "classification.html"),
        }  # fmt: skip
        (folder / "asked.json").write_text(json.dumps(asked), "utf-8")
        try:
            ran = subprocess.run(  # noqa: S603 - the interpreter that the user names
                [str(python), "-I", str(evidently_child.__file__), str(folder)], capture_output=True, text=True, check=False,
                timeout=SECONDS, env={"DO_NOT_TRACK": "1", "HOME": str(folder), "MPLBACKEND": "agg"},
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise VigieError(f"Evidently took more than {SECONDS} s", remedy="choose fewer days") from error
        if ran.returncode:
            why = "\n".join(ran.stderr.strip().splitlines()[-3:])
            raise VigieError(f"Evidently failed: {why}", where=str(python), remedy=f"try it with {WANTED}")
        told: dict[str, Any] = json.loads((folder / "told.json").read_text("utf-8"))
        try:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes((folder / "page.html").read_bytes())
            if classification is not None:
                classification.write_bytes((folder / "classification.html").read_bytes())
        except OSError as error:
            raise InputError(
                f"{page} cannot be written: {error.strerror}",
                field="--output",
                remedy="give a file that can be written",
            ) from error
    return told


def _written(parts: Sequence[Rows], folder: Path) -> tuple[list[str], list[str]]:
    """Write the rows as Parquet files; names of the columns that are numbers and of those that are categories.

    Left out is what either window has no value of: Evidently judges no empty column. Of texts, whether there is one is told. Times are
    numbers, seconds since 1970.
    """
    import polars as pl

    from vigie.definition.kind import Kind

    frames: list[dict[str, pl.Series]] = []
    kinds = {name: one.kind for rows in parts for name, one in rows.columns.items()}
    for rows in parts:
        frame: dict[str, pl.Series] = {}
        for name, values in rows.columns.items():
            if values.kind in (Kind.CATEGORY, Kind.BOOLEAN):
                told = [None if one is None else str(one) for one in values.to_list()]
                frame[name] = pl.Series(name, told, dtype=pl.String)
            elif values.kind is Kind.TEXT:
                frame[name] = pl.Series(name, np.where(values.nulls(), "missing", "there").tolist(), dtype=pl.String)
            else:
                plain = np.where(values.nulls(), np.nan, np.asarray(values.data, np.float64))
                frame[name] = pl.Series(name, plain / 1e6 if values.kind is Kind.TIME else plain)
        frame[SCORE] = pl.Series(SCORE, rows.score)
        frame[DECISION] = pl.Series(
            DECISION, [None if math.isnan(one) else str(int(one)) for one in rows.acted], dtype=pl.String
        )
        frame[OUTCOME] = pl.Series(OUTCOME, rows.outcome)
        frames.append(frame)
    kept = [
        name for name in frames[0]
        if all(name in one and bool(one[name].is_not_null().any() and (one[name].dtype == pl.String or one[name].is_not_nan().any())) for one in frames)
    ]  # fmt: skip
    texts = (Kind.CATEGORY, Kind.BOOLEAN, Kind.TEXT)
    categories = [name for name in kept if kinds.get(name) in texts or name in (DECISION, OUTCOME)]
    for name, frame in zip(("live", "reference"), frames, strict=True):
        columns = [frame[one] for one in kept]
        if OUTCOME not in kept:
            columns.append(frame[OUTCOME])
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")
    return [name for name in kept if name not in categories], categories


def _theirs(metrics: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, float, float, bool]]:
    """Method, value, threshold and verdict by column."""
    found = {}
    for one in metrics:
        told = one.get("config", {})
        if "column" in told and "method" in told:
            method, value, threshold = str(told["method"]), _float(one.get("value")), _float(told.get("threshold"))
            drifted = value < threshold if "p_value" in method else value >= threshold
            found[str(told["column"])] = method, value, threshold, drifted
    return found


def _figures(metrics: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Figures that are one number, by the name of the metric."""
    return {
        str(one["metric_name"]).partition("(")[0]: float(one["value"])
        for one in metrics
        if isinstance(one.get("value"), int | float)
    }


# -- ours ------------------------------------------------------------------------------------------------------------------


def _ours(watched: Watched, parts: Sequence[Rows], live: Period, policy: DriftPolicy) -> dict[str, Any]:
    """What Vigie measures between the two, the largest for each column beside its limit."""
    from vigie.lifecycle.watch_drift import importance_of
    from vigie.watch.drift import Look, looked
    from vigie.watch.drift_policy import DECISIONS, FEATURE, MISSING, OUTCOMES, UNSEEN
    from vigie.watch.drift_policy import SCORE as SCORES
    from vigie.watch.profile import Basis
    from vigie.watch.windows import day_of

    profiles = [_profile(watched, one) for one in parts]
    basis = Basis("reference", profiles[1], profiles[1].effective)
    look = Look(day_of(live.first), day_of(live.last), profiles[0], (basis,))
    named = {SCORES: SCORE, DECISIONS: DECISION, OUTCOMES: OUTCOME}
    found: dict[str, Any] = {}
    for (code, subject), one in looked(watched.layout, look, policy, importance_of(watched)).items():
        if code not in (FEATURE, MISSING, UNSEEN, *named):
            continue
        name, limit = subject or named[code], policy.limit(code, subject)
        drifted = one.size >= limit and one.p <= policy.alpha
        before = found.get(name)
        if before is None or (drifted, one.size / limit) > (before[3], before[0] / before[1]):
            found[name] = one.size, limit, one.p, drifted
    return found


def _profile(watched: Watched, rows: Rows) -> Profile:
    from vigie.watch.profile import hashed

    who = [one or f"\0{i}" for i, one in enumerate(rows.customers)]
    return watched.layout.count(rows.columns, hashed(who), rows.score, rows.acted, rows.outcome)


def _verdict(name: str, ours: Mapping[str, Any], theirs: Mapping[str, Any], policy: DriftPolicy) -> Verdict:
    effect, limit, p, drifted = ours.get(name, (math.nan, policy.feature, math.nan, False))
    if name not in theirs:
        return Verdict(name, effect, limit, p, drifted)
    method, value, threshold, other = theirs[name]
    return Verdict(name, effect, limit, p, drifted, method, value, threshold, other)


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _float(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
