"""A bundle's inputs and answer in MLflow's words, and rows of inputs as a pandas frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vigie.definition.kind import Kind

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from mlflow.models import ModelSignature

    from vigie.bundle import Bundle
    from vigie.features.values import Columns


def signature_of(bundle: Bundle) -> ModelSignature:
    """Inputs with their types, of which only the required ones must be there; the answer's four columns."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    types = {
        Kind.NUMBER: DataType.double,
        Kind.BOOLEAN: DataType.boolean,
        Kind.CATEGORY: DataType.string,
        Kind.TEXT: DataType.string,
        Kind.TIME: DataType.datetime,
    }
    inputs = [ColSpec(types[given.kind], given.name, required=given.required) for given in bundle.inputs]
    answer = [
        ColSpec(DataType.double, "probability"),
        ColSpec(DataType.string, "decision"),
        ColSpec(DataType.string, "segment"),
        ColSpec(DataType.double, "expected_value"),
    ]
    return ModelSignature(inputs=Schema([*inputs]), outputs=Schema([*answer]))


def frame_of(columns: Columns) -> pd.DataFrame:
    """Rows of inputs as pandas: null is NaN in numbers, ``None`` in booleans and strings, NaT in times."""
    import pandas as pd

    series: dict[str, Any] = {}
    for name, values in columns.items():
        match values.kind:
            case Kind.NUMBER:
                series[name] = pd.Series(values.data)
            case Kind.TIME:
                series[name] = pd.to_datetime(pd.Series(values.to_list(), dtype="Int64"), unit="us")
            case _:
                series[name] = pd.Series(values.to_list(), dtype=object)
    return pd.DataFrame(series)
