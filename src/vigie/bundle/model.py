"""What every model in a bundle can do. Each is plain arrays and a few lines of arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal, Protocol, Self

from vigie.economics.payoff import Array


class Model(Protocol):
    """A model that was learned elsewhere and gives the same probability here, to 1e-9.

    Its row function equals :meth:`probability` to the bit, whatever the number of rows.
    """

    kind: ClassVar[str]
    """Word stored in the bundle, e.g. ``"linear"``."""

    def probability(self, X: Array) -> Array:
        """Probability of the outcome for each row.

        Args:
            X: Encoded values, float64, shape (n, width), C order.

        Returns:
            Shape (n,), 0 … 1.
        """
        ...

    def row(self) -> Callable[[list[float]], float]:
        """A function from one encoded row to its probability. It may be called from several threads."""
        ...

    @property
    def scale(self) -> Literal["log_odds", "probability"]:
        """What the model adds up before it becomes a probability, and so what :meth:`contributions` add up to."""
        ...

    def contributions(self, X: Array) -> Array:
        """What each column adds to the answer, exactly.

        Args:
            X: As in :meth:`probability`.

        Returns:
            Shape (n, width + 1): one contribution a column and, last, the base that is the same for every row. A row's
            sum is the model's answer on its :attr:`scale`, to 1e-6.
        """
        ...

    def contribution_row(self) -> Callable[[list[float]], list[float]]:
        """A function from one encoded row to its ``width + 1`` contributions. It may be called from several threads."""
        ...

    def check(self, width: int) -> None:
        """Whether the model reads rows of *width* numbers and is whole.

        Raises:
            BundleError: It does not, or it is not.
        """
        ...

    def to_files(self) -> dict[str, bytes]:
        """Contents of the model's files by name, the same bytes for the same model."""
        ...

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """The model that :meth:`to_files` wrote.

        Raises:
            BundleError: A file is missing or malformed.
        """
        ...
