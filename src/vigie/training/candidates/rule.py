"""The business rule that the project declares."""

from __future__ import annotations

from vigie.bundle import Encoder, RuleModel
from vigie.errors import TrainingError
from vigie.training.candidates.candidate import NO_SKETCH, FitOptions, Fitted, Rows
from vigie.training.candidates.space import NOTHING


class Rule:
    """The rule's value as a score; calibration turns it into a probability."""

    name, title, complexity, learns, slow = "rule", "Business rule", 1, False, False
    space = NOTHING
    extra = "train"
    cost = 1
    sketch = NO_SKETCH

    def fit(self, rows: Rows, options: FitOptions) -> Fitted:  # noqa: ARG002 - the protocol gives it
        """Learns only where the rule's values lie."""
        if rows.rule is None:
            raise TrainingError("the project declares no rule", where=self.name, remedy="add rule= to the score")
        model = RuleModel.fit(rows.rule)
        return Fitted(
            Encoder(()), predict=model.probability, build=lambda: model, params={"knots": len(model.x)}, reads_rule=True
        )
