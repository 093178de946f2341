"""A project's features as a Feast repository: the backfilled table as Parquet, and the definitions that describe it.

Feast keeps values that were computed before, so what it serves is as of the last backfilled moment; the exact features of
this moment are what Vigie's own server answers with. The repository needs nothing of Vigie.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from vigie.definition import Feature, Kind, Schema, Score
from vigie.errors import FeatureError
from vigie.lifecycle.backfill import each_partition, plan_backfill
from vigie.lifecycle.train import tell

if TYPE_CHECKING:
    from vigie.lifecycle.project import Project

FILES = ("feature_store.yaml", "features.py")
TYPES = {Kind.NUMBER: "Float64", Kind.BOOLEAN: "Bool", Kind.TIME: "UnixTimestamp", Kind.CATEGORY: "String"}
"""Feast's type of each kind. A ``UnixTimestamp`` has whole seconds in Feast's online stores."""
RESERVED = frozenset({"customer", "event_timestamp", "created_timestamp"})

_STORE = """\
# Written by `vigie features export feast`. Try it here, without a server:
#   feast apply
#   feast materialize 2000-01-01T00:00:00 $(date -u +%Y-%m-%dT%H:%M:%S)
project: {project}
provider: local
registry: data/registry.db
online_store:
  type: sqlite
  path: data/online_store.db
offline_store:
  type: duckdb
entity_key_serialization_version: 3
telemetry: false
"""

_HEAD = '''\
"""Features as Vigie defines them; written by `vigie features export feast`, to be written again rather than edited.

Each row of the Parquet files says what was known of a customer before its event_timestamp: events at or after it are not
in it, so a point-in-time join leaks nothing.
"""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, FileSource
from feast.types import Bool, Float64, String, UnixTimestamp
from feast.value_type import ValueType

customer = Entity(
    name="customer",
    join_keys=["customer"],
    value_type=ValueType.STRING,
    description="Whoever is scored, by the key of the sources.",
)
'''


@dataclass(frozen=True, slots=True)
class FeastRepository:
    """What was written.

    Attributes:
        folder: Of the repository.
        views: Score → rows of its file.
        features: Fields in all views together.
        behind: Partitions that a backfill would make or make again; they are exported as they are.
        left_out: Features that embed texts.
    """

    folder: Path
    views: dict[str, int]
    features: int
    behind: int
    left_out: tuple[str, ...]


def export_feast(
    project: Project,
    scores: Sequence[Score],
    folder: Path,
    *,
    period: str | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> FeastRepository:
    """Write a Feast repository of the feature tables of *scores*.

    Of several rows of a customer at one moment, which moments at events can have, the last one is taken.

    Args:
        project: Where the tables are.
        scores: To export; each becomes a feature view and a feature service.
        folder: Of the repository; files that an earlier export wrote there are replaced.
        period: The ``--every`` the tables were backfilled with, if any.
        progress: Told about the work.

    Raises:
        FeatureError: A table was not backfilled, the folder holds something else, or a feature has a name of Feast's own.
    """
    _mine(folder)
    parts, views, count, behind, left_out = [], {}, 0, 0, set[str]()
    for number, score in enumerate(scores):
        tell(progress, score.name, number / len(scores))
        plan = plan_backfill(project, score, period=period)
        behind += len(plan.todo)
        left_out |= set(plan.left_out)
        features = plan.score.bound_features
        taken = sorted(RESERVED & {feature.name for feature in features})
        if taken:
            raise FeatureError(
                f"'{taken[0]}' is a name of Feast's own",
                where=score.name,
                remedy="rename the feature with .named('...')",
            )
        views[score.name] = _table(project, score, folder / "data" / f"{score.name}.parquet", features, period)
        parts.append(_view(plan.score, features, plan.schema))
        count += len(features)
    _write(folder / "features.py", "\n\n".join([_HEAD.rstrip("\n"), *parts]) + "\n")
    name = "".join(c if c.isalnum() else "_" for c in project.settings.root.name.lower()).strip("_") or "vigie"
    _write(folder / "feature_store.yaml", _STORE.format(project=name))
    return FeastRepository(folder, views, count, behind, tuple(sorted(left_out)))


def _mine(folder: Path) -> None:
    """Make sure that nothing of somebody else is overwritten."""
    path = folder / FILES[1]
    if path.exists() and "vigie features export feast" not in path.read_text("utf-8", errors="replace")[:400]:
        raise FeatureError(
            "the folder holds a Feast repository of another origin", where=str(path), remedy="name another"
        )
    (folder / "data").mkdir(parents=True, exist_ok=True)


def _table(project: Project, score: Score, path: Path, features: Sequence[Feature], period: str | None) -> int:
    """The feature table in one file, partition by partition; the number of its rows."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    rows = 0
    writer: pq.ParquetWriter | None = None
    try:
        for frame in each_partition(project, score.name, features=[f.name for f in features], period=period):
            # The last of equal (customer, moment), in the order of the events.
            frame = frame.unique(["customer", "moment"], keep="last", maintain_order=True)
            table = frame.rename({"moment": "event_timestamp"}).to_arrow()
            # Microseconds in UTC, and the plain strings that every engine of Feast reads.
            fields = [
                (
                    field.name,
                    pa.string()
                    if pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type)
                    else field.type,
                )
                for field in table.schema
            ]
            table = table.cast(pa.schema(fields))
            writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(frame)
        if writer is None:
            raise FeatureError(
                f"there is no feature table of '{score.name}'",
                remedy=f"run `vigie features backfill {score.name}` first",
            )
        writer.close()
        partial.replace(path)
    except OSError as error:
        raise FeatureError(f"the feature table cannot be written: {error}", where=str(path)) from error
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _view(score: Score, features: Sequence[Feature], schema: Schema) -> str:
    """The definitions of one score, as Python."""
    fields = "".join(_field(feature, feature.kind(schema), score) for feature in features)
    question = score.description.splitlines()[0] if score.description else f"Features of the score {score.name}."
    return f"""{score.name}_source = FileSource(
    name={f"{score.name}_source"!r},
    path={f"data/{score.name}.parquet"!r},
    timestamp_field="event_timestamp",
)

{score.name}_features = FeatureView(
    name={f"{score.name}_features"!r},
    entities=[customer],
    ttl=timedelta(0),  # the latest row, however old
    schema=[
{fields}    ],
    source={score.name}_source,
    online=True,
    description={question!r},
    owner={score.owner!r},
    tags={{"score": {score.name!r}, "definition": {score.fingerprint!r}}},
)

{score.name} = FeatureService(
    name={score.name!r},
    features=[{score.name}_features],
    description={question!r},
    owner={score.owner!r},
)"""


def _field(feature: Feature, kind: Kind, score: Score) -> str:
    tags = {"fingerprint": feature.fingerprint, "kind": str(kind), "owner": feature.owner or score.owner}
    return f"""        Field(
            name={feature.name!r},
            dtype={TYPES[kind]},
            description={feature.description!r},
            tags={ ({key: value for key, value in tags.items() if value})!r},
        ),
"""


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, "utf-8")
        shutil.move(partial, path)
    except OSError as error:
        raise FeatureError(f"the repository cannot be written: {error}", where=str(path)) from error
