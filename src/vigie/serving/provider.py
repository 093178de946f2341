"""Where a server gets the features of a customer who is asked for by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from vigie.features.values import Columns


class CustomerFeatures(Protocol):
    """Features of some customers at one moment, one row for each customer asked for, in their order."""

    @property
    def features(self) -> Columns:
        """The model's features by name."""
        ...

    @property
    def extras(self) -> Columns:
        """What the business rule and the cost matrix need besides, by name."""
        ...

    @property
    def known(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Shape (n,): whether there is such a customer. The values of an unknown one mean nothing."""
        ...


class FeatureProvider(Protocol):
    """Computes the inputs of one score. Called from several threads."""

    def features(self, customers: Sequence[str], as_of: int) -> CustomerFeatures:
        """Inputs of *customers* from what was known at *as_of*.

        Args:
            customers: Keys as text, at least one, possibly repeated.
            as_of: Microseconds UTC.

        Raises:
            VigieError: They cannot be computed now; the request is answered with 503.
        """
        ...

    def at_hand(self, customers: Sequence[str], as_of: int) -> Sequence[Mapping[str, Any] | None] | None:
        """The same by customer, in their order, as Python values by name; ``None`` for one who is not known.

        Called where other requests wait: ``None`` instead of all where it may take longer than starting a thread.

        Raises:
            VigieError: As :meth:`features`.
        """
        ...
