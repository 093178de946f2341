"""What a trained model leans on: mean contributions, partial dependence, and what acts together."""

from vigie.training.explain.whole import explain

__all__ = ["explain"]
