"""The whole explanation of a bundle, within a few seconds whatever its model is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from vigie.bundle import Bundle, Calibration, Explainer, Scorer, TreesModel
from vigie.features.values import Columns
from vigie.training.evidence import Explanation
from vigie.training.explain.dependence import dependence
from vigie.training.explain.importance import shap_importance
from vigie.training.explain.interaction import interactions

ROWS, LEAST_ROWS = 2_000, 300
"""Rows whose contributions are looked at: by most models, and by the largest forests."""
QUICK_NODES = 5_000
"""Inner nodes of trees up to which all these rows take a second at most."""
DRAWN = 8
"""Features whose dependence is worked out: the most important ones."""
CURVES, LEAST_CURVES = 400, 120
"""Rows whose individual curves make a dependence, likewise."""
JOINED = 6
"""Features whose pairs are looked at."""


def explain(bundle: Bundle, columns: Columns, n: int, seed: int) -> Explanation:
    """What *bundle* leans on.

    The same rows, bundle and seed give the same explanation.

    Args:
        bundle: Any; with models of segments each row is explained by its own.
        columns: Inputs of the bundle by name for *n* rows, best those of the test.
        n: Number of rows.
        seed: Of the sample of rows.
    """
    explainer, scorer = Explainer(bundle), Scorer(bundle)
    generator = np.random.default_rng(seed)
    large = max(_nodes(bundle.model) / QUICK_NODES, 1.0)
    order = generator.permutation(n)
    taken = _taken(scorer, columns, order[: max(int(ROWS / large), LEAST_ROWS)])
    importance = shap_importance(explainer, *taken)
    scale: Literal["log_odds", "probability"] = "log_odds" if explainer.scale.startswith("log_odds") else "probability"
    leading = [found.feature for found in importance if found.mean > 0 and found.feature in scorer.inputs]
    curves = _taken(scorer, columns, order[: max(int(CURVES / large), LEAST_CURVES)])
    whole = _taken(scorer, columns, np.arange(n))
    # A calibration that is no line would bend sums, and look like features acting together.
    plain = Scorer(replace(bundle, calibration=Calibration()))
    return Explanation(
        scale=scale,
        importance=importance,
        dependences=tuple(dependence(scorer, name, whole[0], *curves) for name in leading[:DRAWN]),
        interactions=interactions(plain, leading[:JOINED], columns, order, scale, small=large > 1),
        rows=taken[1],
    )


def _taken(scorer: Scorer, columns: Columns, index: np.ndarray) -> tuple[Columns, int]:
    rows = np.sort(index)
    return {name: columns[name].take(rows) for name in scorer.inputs}, len(rows)


def _nodes(model: Any) -> int:
    """Inner nodes of the trees in a model, or in the models of a stack."""
    if isinstance(model, TreesModel):
        return model.nodes
    return sum(_nodes(member.model) for member in getattr(model, "members", ()))
