"""Many models in one process: read when they are first asked for, given up when memory is short, each failing alone.

Which models there are, with their inputs and decisions, is known from the start (their covers are read); a model itself is
read by the first request for it. All who ask for one that is being read wait for that one reading. Over the budget, the
models that were not asked for longest go; a request that still uses one keeps it until it is answered.

Used by one event loop; models are read in threads.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vigie.bundle import Cover
from vigie.clock import stopwatch
from vigie.definition.kind import Kind
from vigie.errors import BundleError, VigieError
from vigie.serving.messages import QuickDecoder, Row, ScoreAnswer
from vigie.serving.model_card import ModelCard, card_of_cover
from vigie.serving.refusal import RequestError, refused
from vigie.serving.scoring import Answering, Asked
from vigie.serving.served import Served
from vigie.serving.shelf_metrics import ShelfMetrics
from vigie.serving.shelf_size import bytes_of

READERS = 2
"""Models that are read at one time, so that reading does not keep those who are being answered waiting."""
RETRY_SECONDS = 5.0
"""How long a model that could not be read is not tried again."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shelved:
    """A model that can be read when it is needed.

    Attributes:
        name: Of the score; part of its URL.
        version: In the registry.
        folder: Of its bundle.
        cover: What is known without reading it; ``None``: the cover itself cannot be read.
        trouble: Why not.
        by_id: Whether customers can be asked for by id.
    """

    name: str
    version: str
    folder: Path
    cover: Cover | None
    trouble: str = ""
    by_id: bool = False

    @property
    def signature(self) -> Mapping[str, tuple[Kind, bool]]:
        """Kind of each input and whether it is required."""
        return {} if self.cover is None else {one.name: (one.kind, one.required) for one in self.cover.inputs}


@dataclass(frozen=True, slots=True)
class _Held:
    scoring: Answering
    size: int


@dataclass(frozen=True, slots=True)
class _Failed:
    problem: RequestError
    at: float


class Shelf:
    """The models of a server that are not always in memory.

    Args:
        models: All of them.
        load: Reads one; called in a thread, for two models at a time.
        budget: Bytes that models may hold together, as far as it can be seen; the one that was asked for last is kept
            even if it is larger.
        metrics: Where readings, evictions and bytes are counted.
    """

    def __init__(
        self,
        models: Sequence[Shelved],
        load: Callable[[Shelved], Served],
        budget: int,
        metrics: ShelfMetrics | None = None,
    ) -> None:
        self.models = {one.name: one for one in models}
        self._load, self._budget = load, budget
        self.metrics = metrics or ShelfMetrics()
        self._make: Callable[[Served], Answering] | None = None
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._opening: dict[str, asyncio.Task[Answering]] = {}
        self._failed: dict[str, _Failed] = {}
        self._readers = asyncio.Semaphore(READERS)
        self.resident = 0

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    @property
    def in_memory(self) -> tuple[str, ...]:
        """Names of the models that are held, the one asked for longest ago first."""
        return tuple(self._held)

    def attach(self, make: Callable[[Served], Answering]) -> None:
        """Say how a model is made ready to score and record."""
        self._make = make

    def answering(self, name: str) -> FromShelf:
        """What scores for *name*."""
        return FromShelf(self, name)

    def quick(self, name: str) -> QuickDecoder | None:
        """What decodes the body that is sent most often to *name*; ``None`` while it is not in memory."""
        held = self._held.get(name)
        return None if held is None else held.scoring.quick

    def cards(self) -> list[ModelCard]:
        """The cards of all models whose covers could be read; nothing is read for it."""
        return [
            card_of_cover(one.name, one.version, one.cover, by_id=one.by_id)
            for one in self.models.values()
            if one.cover is not None
        ]

    async def opened(self, name: str) -> Answering:
        """The model, read if need be.

        Raises:
            RequestError: 503: it cannot be read.
        """
        held = self._held.get(name)
        if held is not None:
            self._held.move_to_end(name)
            return held.scoring
        task = self._opening.get(name)
        if task is None:
            task = self._opening[name] = asyncio.create_task(self._open(name))
            task.add_done_callback(lambda done: self._opened(name, done))
        # A caller who goes away does not take the model from the others.
        return await asyncio.shield(task)

    def _opened(self, name: str, task: asyncio.Task[Answering]) -> None:
        del self._opening[name]
        if not task.cancelled():
            task.exception()  # told to whoever waited; nobody may have

    async def _open(self, name: str) -> Answering:
        failed = self._failed.get(name)
        if failed is not None and stopwatch() - failed.at < RETRY_SECONDS:
            raise failed.problem
        shelved, make = self.models[name], self._make
        assert make is not None, "a shelf is attached to its app before it is asked"
        async with self._readers:
            started = stopwatch()
            try:
                if shelved.cover is None:
                    raise BundleError(shelved.trouble, where=name)
                scoring, size = await asyncio.to_thread(self._read, shelved, make)
            except Exception as error:
                self.metrics.failed()
                if not isinstance(error, VigieError):
                    log.exception("reading the model of %s failed", name)
                else:
                    log.warning("the model of %s cannot be read: %s", name, error)
                problem = refused(
                    503,
                    "server",
                    f"the model of {name} cannot be read",
                    "others are not concerned; see the server's log",
                    "model",
                )
                self._failed[name] = _Failed(problem, stopwatch())
                raise problem from error
            self.metrics.loaded(stopwatch() - started)
        self._failed.pop(name, None)
        self._held[name] = _Held(scoring, size)
        self.resident += size
        self._make_room()
        return scoring

    def _read(self, shelved: Shelved, make: Callable[[Served], Answering]) -> tuple[Answering, int]:
        served = self._load(shelved)
        if shelved.cover is not None and served.bundle.hash != shelved.cover.hash:
            raise BundleError(
                "the bundle is another one than when the server started",
                where=shelved.name,
                remedy="start the server again",
            )
        # The compiled library holds about as much as the text that it read.
        native = sum(file.stat().st_size for file in shelved.folder.glob("*.txt"))
        return make(served), bytes_of((served.bundle, served.scorer)) + native

    def _make_room(self) -> None:
        while self.resident > self._budget and len(self._held) > 1:
            name, held = self._held.popitem(last=False)
            self.resident -= held.size
            self.metrics.evicted()
            log.info("the model of %s was given up for others", name)
        self.metrics.hold(self.resident, len(self._held))


class FromShelf:
    """Scores with one model of a shelf, as a :class:`~vigie.serving.router.Router` does with one in memory.

    Args:
        shelf: Where it is.
        name: Of the score.
    """

    def __init__(self, shelf: Shelf, name: str) -> None:
        self._shelf, self._name = shelf, name

    @property
    def quick(self) -> QuickDecoder | None:
        """The model's, while it is in memory."""
        return self._shelf.quick(self._name)

    async def score(self, rows: Sequence[Row], asked: Asked) -> ScoreAnswer:
        """Scores *rows*, in their order; see :meth:`Scoring.score <vigie.serving.scoring.Scoring.score>`.

        Raises:
            RequestError: Likewise; 503 if the model cannot be read.
        """
        return await (await self._shelf.opened(self._name)).score(rows, asked)
