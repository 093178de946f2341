"""A model that was trained, with the definition it was trained for: what scoring needs, whatever the project file says by now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vigie.definition import Decision, Feature, Payoff, Score
from vigie.definition.score import replace_score

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.lifecycle.project import Project


@dataclass(frozen=True, kw_only=True)
class StoredDecision(Decision):
    """The decision of a bundle: its cost matrix as it was when the model was trained."""

    stored: Payoff

    def payoff(self) -> Payoff:
        """The cost matrix of the bundle."""
        return self.stored


@dataclass(frozen=True, eq=False)
class ModelInUse:
    """A bundle and where it came from.

    Attributes:
        name: Of the score.
        version: In the registry, as text; ``"0"`` for a bundle that is in none.
        folder: Of the bundle.
        bundle: Loaded and checked.
    """

    name: str
    version: str
    folder: Path
    bundle: Bundle


def load_model(project: Project, name: str, alias: str = "champion") -> ModelInUse:
    """The version of score *name* that *alias* points at.

    Raises:
        RegistryError: There is none.
        BundleError: It is damaged.
    """
    from vigie.bundle import load_bundle

    version = project.registry.resolve(name, alias)
    folder = project.registry.bundle_path(version)
    return ModelInUse(name, str(version.version), folder, load_bundle(folder))


def score_of(bundle: Bundle, declared: Score) -> Score:
    """*declared* with features, rule, segments and cost matrix of the bundle: what must be computed to score with it.

    Moments and population stay those of the project file.
    """
    decision = StoredDecision(
        stored=bundle.payoff_expressions(), capacity=bundle.decision.capacity, currency=bundle.decision.currency
    )
    rule, by = bundle.rule_expression(), bundle.by_expression()
    return replace_score(
        declared,
        features=bundle.feature_expressions(),
        rule=rule if isinstance(rule, Feature) else None,
        decision=decision,
        by=by if isinstance(by, Feature) else None,
    )
