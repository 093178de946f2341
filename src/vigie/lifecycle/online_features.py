"""Features of customers by id for a server: from the online store, which follows the lake while the server runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from vigie.clock import FixedClock, stopwatch
from vigie.definition import Schema, Score
from vigie.definition.score import replace_score
from vigie.definition.text import texts_of
from vigie.errors import ContractError, DefinitionError, SettingsError, StoreError, VigieError
from vigie.features.online.holding import joined
from vigie.features.online.lookup import Lookup
from vigie.features.online.memory_store import MemoryStore
from vigie.features.online.needs import holdings_of
from vigie.lifecycle.model_in_use import score_of
from vigie.lifecycle.online import histories_for, sync

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.features.online.histories import OnlineHistories
    from vigie.features.online.lookup import Blocks
    from vigie.lifecycle.project import Project

FOLLOW_SECONDS = 5.0
"""How often the lake is looked at for what is new, if ``[online] follow_seconds`` says nothing."""
TIDY_SECONDS = 600.0
"""How often runs are settled that nobody reads, and what is too old is dropped. Looking for them passes all customers."""
TIDIED = 5_000
"""Customers looked at each time, at most."""

log = logging.getLogger(__name__)


class OnlineFeatures:
    """The features of several scores, by customer id, each over what is held online for all of them.

    A server whose clock stands at a past moment keeps its histories in memory: of the online store, what later moments
    need no more is gone.

    Args:
        project: Whose.
        bundles: For each score the bundle that is served; ``None``: its features are served as the project file
            declares them.
        beside: Bundles that may be served later, by name of the score: what they need is held, too.

    Attributes:
        project: Whose.
        lookups: By name of the score.
        histories: What they read.

    Raises:
        ContractError: A source was never ingested.
        DefinitionError: A score does not fit the contracts.
        StoreError: The online store cannot be reached.
        DataError: The lake cannot be read.
    """

    def __init__(
        self, project: Project, bundles: Mapping[str, Bundle | None], beside: Mapping[str, Bundle] | None = None
    ) -> None:
        self.project = project
        scores, schemas = scores_online(project, bundles)
        holdings = [holdings_of(score, schemas[name]) for name, score in scores.items()]
        if beside:
            for name, bundle in beside.items():
                try:
                    others, known = scores_online(project, {name: bundle})
                except (ContractError, DefinitionError) as error:  # nobody is served by it yet
                    log.warning("what the newest version of %s needs is not held: %s", name, error)
                    continue
                holdings.append(holdings_of(others[name], known[name]))
        wanted = joined(holdings)
        store = MemoryStore() if isinstance(project.clock, FixedClock) else None
        self.histories: OnlineHistories = histories_for(project, wanted, store)
        self._follows = all(project.lake.has(name) for name in wanted)
        if self._follows:
            sync(project, self.histories)
        self.lookups = {
            name: Lookup(score, schemas[name], self.histories, _texts(project, bundles[name]))
            for name, score in scores.items()
        }
        self._ended = threading.Event()
        self._follower: threading.Thread | None = None

    def lookup_of(self, name: str, bundle: Bundle) -> Lookup:
        """Looks up the inputs of another bundle of a score that is served, from the same histories.

        Args:
            name: Of the score.
            bundle: For example a new champion.

        Raises:
            ContractError: A source was never ingested.
            DefinitionError: The bundle does not fit the contracts.
            StoreError: It needs what is not held online for the models that the server began with.
        """
        scores, schemas = scores_online(self.project, {name: bundle})
        for source, holding in holdings_of(scores[name], schemas[name]).items():
            held = self.histories.holdings.get(source)
            if held is None or not held.covers(holding):
                raise StoreError(
                    f"the model needs more of '{source}' than this server holds online",
                    where=f"score '{name}'",
                    remedy="start the servers again: they hold what the newest version needs, too; then release it",
                )
        return Lookup(scores[name], schemas[name], self.histories, _texts(self.project, bundle))

    @property
    def quick(self) -> bool:
        """Whether the store is of this machine, so that a look at it takes no longer than starting a thread."""
        return self.histories.local

    def refresh(self) -> bool:
        """Take in what the lake has got since; true where it had something new.

        Raises:
            DataError: The lake cannot be read; what was held stays.
            StoreError: The online store cannot be read or written.
        """
        done = sync(self.project, self.histories, wait=False) if self._follows else None
        return done is not None and not done.current

    def follow(self, seconds: float | None = None) -> None:
        """Take in what is new every so many seconds, in a thread of its own, until :meth:`close`.

        Of several processes, one at a time does it; the others just read.

        Args:
            seconds: Between two looks; ``None``: as ``[online] follow_seconds`` has it.

        Raises:
            SettingsError: ``[online] follow_seconds`` is no length of time.
        """
        if seconds is None:
            seconds = self.project.settings.online.get("follow_seconds", FOLLOW_SECONDS)
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
            raise SettingsError(
                f"follow_seconds = {seconds!r} is no number above 0", where="[online]", remedy="write 5, or 0.5"
            )
        if self._follower is None:
            self._follower = threading.Thread(target=self._run, args=(seconds,), name="vigie-online", daemon=True)
            self._follower.start()

    def _run(self, seconds: float) -> None:
        tidied = stopwatch()
        while not self._ended.wait(seconds):
            try:
                self.refresh()
                if stopwatch() - tidied > TIDY_SECONDS:
                    tidied = stopwatch()
                    self.histories.compact(TIDIED)
            except VigieError as error:
                log.warning("features are as fresh as the last events received: %s", error)

    def close(self) -> None:
        """End the thread and give back the store's connections."""
        self._ended.set()
        if self._follower is not None:
            self._follower.join()
        self.histories.store.close()


def scores_online(project: Project, bundles: Mapping[str, Bundle | None]) -> tuple[dict[str, Score], dict[str, Schema]]:
    """The scores that are computed from the online store, bound, and the schema of each.

    Args:
        project: Whose.
        bundles: For each score the bundle that is served; ``None``: as the project file declares it.

    Raises:
        ContractError: A source was never ingested.
        DefinitionError: A score does not fit the contracts.
    """
    schemas: dict[str, Schema] = {}
    scores: dict[str, Score] = {}
    for name, bundle in bundles.items():
        declared = project.score(name)
        asked = declared if bundle is None else score_of(bundle, declared)
        schemas[name] = _schema(project, asked)
        scores[name] = _without_texts(asked.bound(schemas[name])) if bundle is None else asked.bound(schemas[name])
    return scores, schemas


def has_contracts(project: Project, name: str) -> bool:
    """Whether all sources of a score were ingested, so that its features can be served."""
    try:
        _schema(project, project.score(name))
    except ContractError:
        return False
    return True


def _schema(project: Project, score: Score) -> Schema:
    """Kinds of the columns that *score* reads; from the contracts alone where the store is fed from elsewhere."""
    from vigie.data import read_contract, schema_of

    if any(project.lake.has(name) for name in score.sources):
        return project.schema(score)
    contracts = [read_contract(project.settings.contracts, name) for name in score.sources]
    if not project.settings.online.get("url") or None in contracts:
        return project.schema(score)  # which says what is missing
    return schema_of(contract for contract in contracts if contract is not None)


def _without_texts(score: Score) -> Score:
    """The score without the features whose directions only training learns."""
    features = [feature for feature in score.bound_features if not texts_of([feature])]
    if not features:
        raise DefinitionError(
            "all features are embeddings of texts, which are known only with a trained model",
            where=f"score '{score.name}'",
            remedy="run `vigie train` first",
        )
    return score if len(features) == len(score.bound_features) else replace_score(score, features=features)


def _texts(project: Project, bundle: Bundle | None) -> Blocks | None:
    if bundle is None or not bundle.texts:
        return None
    from vigie.lifecycle.texts import bundle_texts

    found = bundle_texts(project, bundle.texts)
    return None if found is None else found.blocks
