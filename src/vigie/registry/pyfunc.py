"""A bundle as an MLflow model: what ``mlflow.pyfunc.load_model`` calls.

MLflow keeps the bundle's directory and the name of this module; nothing is pickled.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.bundle import Bundle, Scorer, load_bundle
from vigie.definition.kind import Kind
from vigie.errors import InputError
from vigie.features.values import NULL_TIME, Values

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]


class BundleModel:
    """Scores pandas frames.

    Args:
        bundle: As loaded.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self._scorer = Scorer(bundle)

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Answers for the rows of *frame*, each as if it had been asked for alone.

        Args:
            frame: A column for each input of the bundle; those that are not required may be left out.
            params: Not used; MLflow passes it.

        Returns:
            Columns ``probability``, ``decision`` (the decision's word), ``segment`` and ``expected_value`` (currency),
            with the index of *frame*.

        Raises:
            InputError: A required column is missing, or values are not of its kind.
        """
        import pandas as pd

        n = len(frame)
        columns = {given.name: _values(frame, given.name, given.kind) for given in self.bundle.inputs}
        for given in self.bundle.inputs:
            if given.required and columns[given.name].nulls().any():
                raise InputError("a value is required in every row", field=given.name)
        scores = self._scorer.score(columns, n)
        word = self.bundle.decision.word
        return pd.DataFrame(
            {
                "probability": scores.probability,
                "decision": [word(bool(act)) for act in scores.act],
                "segment": [scores.segment_names[segment] for segment in scores.segment],
                "expected_value": scores.expected_value,
            },
            index=frame.index,
        )


def _values(frame: pd.DataFrame, name: str, kind: Kind) -> Values:
    import pandas as pd

    if name not in frame.columns:
        return Values.of(kind, [None] * len(frame))
    column = frame[name]
    try:
        match kind:
            case Kind.NUMBER | Kind.BOOLEAN:
                numbers = np.asarray(pd.to_numeric(column, errors="raise"), dtype=np.float64)
                if kind is Kind.BOOLEAN and not np.isin(numbers[~np.isnan(numbers)], (0, 1)).all():
                    raise ValueError("neither true nor false")
                return Values(kind, numbers)
            case Kind.TIME:
                moments = pd.to_datetime(column, utc=True)
                data = np.full(len(column), NULL_TIME, dtype=np.int64)
                known = np.asarray(moments.notna())
                data[known] = np.asarray(moments[known].dt.tz_localize(None), dtype="datetime64[us]").astype(np.int64)
                return Values(kind, data)
            case _:
                return Values.of(kind, [None if pd.isna(value) else str(value) for value in column])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"not a column of kind {kind}: {error}", field=name) from error


def _load_pyfunc(data_path: str) -> BundleModel:
    """MLflow's entry: the model in the directory *data_path*.

    Raises:
        BundleError: The bundle is damaged or was changed.
    """
    return BundleModel(load_bundle(Path(data_path)))
