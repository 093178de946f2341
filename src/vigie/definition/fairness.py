"""Which groups of people are to be treated alike, and how far apart they may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from vigie.definition.aggregate import FeatureGroup
from vigie.definition.expression import Feature
from vigie.errors import DefinitionError


@dataclass(frozen=True, init=False, eq=False)
class Fairness:
    """Groups to compare, and the gaps that keep a model from becoming champion by itself.

    A gap is between the group treated best and the one treated worst. It counts against the policy only where its
    confidence interval lies above the limit as a whole: a gap that chance explains blocks nobody.

    Args:
        groups: Values that say which group a customer belongs to, e.g. ``[customers["gender"]]``. They need not be
            features of the model. Numbers of more than four values are cut into quarters.
        parity: Largest difference, 0 … 1, of the share acted on (demographic parity). ``None``: reported only.
        opportunity: Largest difference, 0 … 1, of the share acted on among those whose outcome is true (equal
            opportunity; Hardt, Price & Srebro 2016).
        calibration: Largest difference, 0 … 1, between mean probability and share of positives within a group.
        block: Whether a broken limit is a finding of severity error, which keeps the model from becoming champion by
            itself; otherwise a warning.
        least_rows: Groups with fewer test rows are shown and not judged.

    Raises:
        DefinitionError: No group, or a limit that is not a share.
    """

    groups: tuple[Feature, ...]
    parity: float | None
    opportunity: float | None
    calibration: float | None
    block: bool
    least_rows: int

    def __init__(
        self,
        groups: Iterable[Feature | FeatureGroup] | Feature | FeatureGroup,
        *,
        parity: float | None = None,
        opportunity: float | None = None,
        calibration: float | None = None,
        block: bool = True,
        least_rows: int = 100,
    ) -> None:
        given = [groups] if isinstance(groups, Feature | FeatureGroup) else list(groups)
        flat: list[Feature] = []
        for one in given:
            flat.extend(one if isinstance(one, FeatureGroup) else [one])
        for one in flat:
            if not isinstance(one, Feature):
                raise DefinitionError(
                    f"{one!r} in fairness groups is not a value of a customer",
                    remedy="give columns or features, e.g. Fairness([customers['gender']])",
                )
        if not flat:
            raise DefinitionError("Fairness(...) names no groups", remedy="e.g. Fairness([customers['gender']])")
        for name, limit in (("parity", parity), ("opportunity", opportunity), ("calibration", calibration)):
            if limit is not None and (isinstance(limit, bool) or not 0 <= limit <= 1):
                raise DefinitionError(f"{name}={limit!r} is not a share", remedy="give a number from 0 to 1, e.g. 0.1")
        if isinstance(least_rows, bool) or not isinstance(least_rows, int) or least_rows < 1:
            raise DefinitionError(f"least_rows={least_rows!r} is not a number of rows", remedy="e.g. 100")
        put = object.__setattr__
        put(self, "groups", tuple(flat))
        put(self, "parity", None if parity is None else float(parity))
        put(self, "opportunity", None if opportunity is None else float(opportunity))
        put(self, "calibration", None if calibration is None else float(calibration))
        put(self, "block", bool(block))
        put(self, "least_rows", least_rows)

    def meaning(self) -> list[Any]:
        """Plain data equal for policies that mean the same."""
        limits = [self.parity, self.opportunity, self.calibration]
        return ["fairness", [f.meaning() for f in self.groups], limits, self.block, self.least_rows]
