"""What a process needs that receives events: the intake, and the thread that takes what it kept to the lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vigie.clock import stopwatch
from vigie.errors import RegistryError, SettingsError
from vigie.features.online.holding import joined
from vigie.lifecycle.events import Intake, Receipt
from vigie.lifecycle.flusher import Flusher

if TYPE_CHECKING:
    from vigie.bundle import Bundle
    from vigie.features.online.histories import OnlineHistories
    from vigie.lifecycle.project import Project

FLUSH_SECONDS, FLUSH_ROWS, MAX_ROWS = 10.0, 100_000, 10_000


class Receiving:
    """Takes in events until it is stopped; see :class:`vigie.serving.events_receiver.EventReceiver`.

    Args:
        project: Whose.
        histories: The online store; ``None`` until the scores' sources have contracts: then it is opened.
        sync_seconds: How often the store is brought up to the lake from here, which heals what a crash left in between;
            ``None`` where somebody else does it.

    Raises:
        SettingsError: ``[events]`` is wrong.
    """

    def __init__(
        self, project: Project, histories: OnlineHistories | None, *, sync_seconds: float | None = None
    ) -> None:
        self.intake = Intake(project, histories)
        self._project, self._histories, self._sync_seconds = project, histories, sync_seconds
        self._synced = -1e9
        seconds, rows = _number(project, "flush_seconds", FLUSH_SECONDS), _number(project, "flush_rows", FLUSH_ROWS)
        self.flusher = Flusher(self.intake, seconds, int(rows), self._tend)

    @property
    def sources(self) -> list[str]:
        """Names of the sources that are received."""
        return self.intake.sources

    def start(self) -> None:
        """Put online what an earlier process left behind, then begin to flush."""
        self.flusher.start()

    def accept(self, source: str, rows: Sequence[Mapping[str, Any]], origin: str) -> Receipt:
        """As :meth:`vigie.lifecycle.events.Intake.accept`."""
        try:
            return self.intake.accept(source, rows, origin)
        finally:
            self.flusher.received(len(rows))

    def _tend(self) -> None:
        """After a flush: open the store once the first contracts are there, and bring it up to the lake now and then."""
        from vigie.lifecycle.online import sync

        if self._sync_seconds is None:
            return
        if self._histories is None:
            self._histories = histories_of(self._project)
            if self._histories is None:
                return
            self.intake.attach(self._histories)
            self.intake.recover()
        if stopwatch() - self._synced > self._sync_seconds:
            sync(self._project, self._histories, wait=False)
            self._synced = stopwatch()

    def lag(self, source: str) -> float:
        """Seconds since the oldest row that is not in the lake was received."""
        return self.intake.lag(source)

    def spool_bytes(self, source: str) -> int:
        """Bytes in the spool."""
        return self.intake.spool.size(source)

    def stop(self) -> None:
        """Take the rest to the lake."""
        self.flusher.stop()


def max_rows(project: Project) -> int:
    """Events in one request at most.

    Raises:
        SettingsError: ``[events] max_rows`` is no number above 0.
    """
    return int(_number(project, "max_rows", MAX_ROWS))


def histories_of(project: Project) -> OnlineHistories | None:
    """The online histories that a server of this project reads: of champions as they were trained, of others as declared.

    ``None`` where no score's sources all have a contract yet.

    Raises:
        StoreError: The store cannot be reached.
        SettingsError: ``[online]`` is wrong.
    """
    from vigie.features.online.needs import holdings_of
    from vigie.lifecycle.model_in_use import load_model
    from vigie.lifecycle.online import histories_for
    from vigie.lifecycle.online_features import has_contracts, scores_online

    bundles: dict[str, Bundle | None] = {}
    # MLflow makes its database when it is first looked into; a consumer has no need of that.
    trained = "url" in project.settings.registry or (project.settings.state / "mlflow.db").exists()
    for name in project.scores:
        if has_contracts(project, name):
            bundles[name] = None
            if not trained:
                continue
            try:
                bundles[name] = load_model(project, name).bundle
            except RegistryError:
                continue
    if not bundles:
        return None
    scores, schemas = scores_online(project, bundles)
    return histories_for(project, joined(holdings_of(score, schemas[name]) for name, score in scores.items()))


def _number(project: Project, key: str, default: float) -> float:
    said = project.settings.events.get(key, default)
    if isinstance(said, bool) or not isinstance(said, int | float) or said <= 0:
        raise SettingsError(
            f"{key} is {said!r}", where="[events]", remedy=f"write a number above 0, such as {default:g}"
        )
    return float(said)
