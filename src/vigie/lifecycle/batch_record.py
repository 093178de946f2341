"""What a batch answered about a customer: rows of the lake's ``scores_…`` tables as predictions, their values computed again.

A batch keeps no values: the versions of the data that it read are in the metadata of its commit, and these are still in
the lake. So the values are those that it saw, as long as nobody was erased from these versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vigie.errors import DataError
from vigie.journal import Prediction
from vigie.lifecycle.model_in_use import score_of
from vigie.lifecycle.recorded import spellings
from vigie.lifecycle.texts import bundle_texts

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.definition import Score
    from vigie.lifecycle.project import Project

PREFIX = "scores_"


def batch_answers(
    project: Project, customer: str, *, score: str | None = None, since: int | None = None, until: int | None = None
) -> Iterator[Prediction]:
    """The rows about *customer* in the tables of batch runs, without values.

    Args:
        project: Where the lake is.
        customer: Key as text, ``17.0`` being ``17``.
        score: Only of this score.
        since: Only of runs made at or after this moment, µs.
        until: Only of runs made at or before this moment, µs.

    Raises:
        DataError: The lake cannot be read.
    """
    import polars as pl

    for name in project.lake.names():
        told = name.removeprefix(PREFIX)
        if not name.startswith(PREFIX) or name in project.sources or (score is not None and told != score):
            continue
        made = {str(v.metadata["run"]): v.moment for v in project.lake.versions(name) if "run" in v.metadata}
        rows = project.lake.scan(name)
        if "run" not in rows.collect_schema():  # written before runs had their identity beside their rows
            continue
        rows = rows.filter(pl.col("customer").is_in(spellings(rows, customer)), pl.col("run").is_not_null())
        for row in rows.with_columns(pl.col("moment").cast(pl.Int64)).collect(engine="streaming").iter_rows(named=True):
            at = made.get(row["run"])
            if at is None or (since is not None and at < since) or (until is not None and at > until):
                continue
            yield Prediction(
                id=f"{row['run'][:16]}:{row['customer']}",
                request_id=row["run"],
                score=told,
                customer=row["customer"],
                as_of=row["moment"],
                at=at,
                model=row["model_version"],
                bundle=row["bundle"],
                values={},
                probability=row["probability"],
                decision=row["decision"] or "",
                gain=row["gain"],
                expected_value=row["expected_value"],
                segment=row["segment"],
                threshold=None,
                looked_up=True,
                source="batch",
            )


def values_then(project: Project, declared: Score, bundle: Bundle, prediction: Prediction) -> dict[str, Any]:
    """The inputs that a batch gave to *bundle* for a customer, from the versions of the data that it read.

    Args:
        project: Where the lake is.
        declared: The score as the project file has it.
        bundle: That answered.
        prediction: As :func:`batch_answers` gives it.

    Raises:
        DataError: A version cannot be read any more: somebody was erased from it.
        FeatureError: The lake has not a source or column that is needed.
    """
    import polars as pl

    from vigie.definition.moments import At
    from vigie.features.rowwise import leaves
    from vigie.features.spine import pair_features

    asked = score_of(bundle, declared)
    schema = project.schema(asked)
    bound = asked.bound(schema)
    rule = [bound.rule] if bound.rule is not None else []
    by = [bound.by] if bound.by is not None else []
    features = {feature.name: feature for feature in bound.bound_features}
    features |= leaves([*rule, *by, *bound.decision.payoff().expressions()])
    try:
        found = pair_features(
            list(features.values()),
            project.lake,
            schema,
            customers=[prediction.customer or ""],
            moments=[prediction.as_of],
            at=bound.moments.source if isinstance(bound.moments, At) else None,
            versions=_versions(project, prediction),
            texts=bundle_texts(project, bundle.texts),
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "the versions of the data that the batch read cannot be read any more",
            where=f"run {prediction.request_id[:16]}",
            remedy="customers were erased from them since; what was answered stays on record",
        ) from error
    values = {name: column.to_list()[0] for name, column in found.columns.items()}
    return {given.name: values.get(given.name) for given in bundle.inputs}


def _versions(project: Project, prediction: Prediction) -> Mapping[str, int]:
    versions = project.lake.versions(f"{PREFIX}{prediction.score}")
    said = next(v.metadata for v in versions if v.metadata.get("run") == prediction.request_id)
    return dict(said["data"])
