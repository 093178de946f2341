"""Are groups of people treated alike? Figures by group with intervals, gaps, and the policy's limits."""

from vigie.training.fairness.compare import compare_groups, fairness_findings

__all__ = ["compare_groups", "fairness_findings"]
