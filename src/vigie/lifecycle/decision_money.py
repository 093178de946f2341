"""What decisions brought, by the cost matrix of the bundle that made them: of one prediction, or of many rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.lifecycle.project import Project

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.bundle.payoff_values import RowSums
    from vigie.economics import PayoffValues
    from vigie.features.values import Columns, Values
    from vigie.journal import Prediction


class Money:
    """What decisions brought. Bundles are opened once.

    Args:
        project: Where the models are.
        score: Name of the score.
    """

    def __init__(self, project: Project, score: str) -> None:
        self._project, self._score = project, score
        self._bundles: dict[str, Bundle] = {}
        self._rows: dict[str, Callable[[Mapping[str, Any]], RowSums]] = {}

    def bundle(self, version: str) -> Bundle:
        """The bundle of a version.

        Raises:
            RegistryError: It is gone.
            BundleError: It is damaged.
        """
        from vigie.bundle import load_bundle

        if version not in self._bundles:
            registry = self._project.registry
            self._bundles[version] = load_bundle(registry.bundle_path(registry.resolve(self._score, version)))
        return self._bundles[version]

    def of(self, prediction: Prediction, outcome: float) -> float:
        """Currency; NaN where the outcome or a sum of the cost matrix is not known."""
        from vigie.bundle.payoff_values import payoff_row

        if math.isnan(outcome):
            return math.nan
        bundle = self.bundle(prediction.model)
        if prediction.model not in self._rows:
            self._rows[prediction.model] = payoff_row(bundle.payoff_expressions(), kinds_of(bundle))
        acted = prediction.decision == bundle.decision.act
        return self._rows[prediction.model](prediction.values)[(0 if acted else 2) + (0 if outcome else 1)]

    def leaves(self, version: str) -> list[str]:
        """Names of the inputs that the cost matrix of a version reads; none where it is the same for every customer."""
        from vigie.features.rowwise import leaves

        return list(leaves(self.bundle(version).payoff_expressions().expressions()))

    def sums(self, version: str, columns: Columns, n: int) -> PayoffValues:
        """The cost matrices of *n* customers.

        Args:
            version: That decided.
            columns: Values of :meth:`leaves`, by name.
            n: How many customers.
        """
        from vigie.bundle.payoff_values import payoff_values

        return payoff_values(self.bundle(version).payoff_expressions(), columns, n)


def kinds_of(bundle: Bundle) -> dict[str, Any]:
    """Kind of each input of a bundle."""
    return {one.name: one.kind for one in bundle.inputs}


def recorded_columns(bundle: Bundle, names: Sequence[str], values: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Columns of inputs from recorded values, one mapping for each row; what a row has not got is null."""
    from vigie.features.values import Values

    kinds = kinds_of(bundle)
    return {name: Values.of(kinds[name], [one.get(name) for one in values]) for name in names if name in kinds}
