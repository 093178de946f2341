"""A model in service."""

from __future__ import annotations

from dataclasses import dataclass, field

from vigie.bundle import Bundle, Explainer, Scorer
from vigie.definition.kind import Kind
from vigie.serving.provider import FeatureProvider


@dataclass(frozen=True, eq=False)
class Served:
    """A model in service, under a name and a version.

    Attributes:
        name: Of the score; part of its URL.
        version: In the registry.
        bundle: What answers, as loaded from its directory; its hash is in every answer and every record.
        provider: Looks up the features of a customer asked for by id; ``None``: values must be sent.
        scorer: Made from the bundle.
        explainer: Likewise; prepares nothing before somebody asks for reasons.

    Raises:
        BundleError: The parts of the bundle do not fit together.
    """

    name: str
    version: str
    bundle: Bundle
    provider: FeatureProvider | None = None
    scorer: Scorer = field(init=False, repr=False)
    explainer: Explainer = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scorer", Scorer(self.bundle))
        object.__setattr__(self, "explainer", Explainer(self.bundle))

    @property
    def kinds(self) -> dict[str, Kind]:
        """Kind of each input, by name, in order."""
        return {one.name: one.kind for one in self.bundle.inputs}

    @property
    def signature(self) -> dict[str, tuple[Kind, bool]]:
        """Kind of each input and whether it is required, by name, in order."""
        return {one.name: (one.kind, one.required) for one in self.bundle.inputs}
