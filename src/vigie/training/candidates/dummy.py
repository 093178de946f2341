"""The share of positives for everybody."""

from __future__ import annotations

import numpy as np

from vigie.bundle import ConstantModel, Encoder
from vigie.training.candidates.candidate import NO_SKETCH, FitOptions, Fitted, Rows
from vigie.training.candidates.space import NOTHING


class Dummy:
    """What anything has to beat."""

    name, title, complexity, learns, slow = "dummy", "Dummy (share of positives)", 0, False, False
    space = NOTHING
    extra = "train"
    cost = 1
    sketch = NO_SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:  # noqa: ARG002 - the protocol gives it
        """Only counts."""
        share = float(rows.labels.mean())
        return Fitted(
            Encoder(()),
            predict=lambda X: np.full(len(X), share),
            build=lambda: ConstantModel(share),
            params={"share": share},
        )
