"""The looks of a search in a database that many processes and machines share: Optuna's, so that its tools can read it.

A look is a trial of an Optuna study. A process that takes a slot writes a running trial that names it, and adds to a
counter of that trial every few seconds. Whoever sees the counter stand still for long enough, by a stopwatch of its own, or
knows that the process is gone, gives the trial up, and the slot is free again. If two take one slot at the same moment,
the lower trial number has it; Optuna hands numbers out one by one. Should it be looked at twice all the same, nothing is
lost: equal parameters have equal outcomes, and the lower number counts.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vigie.clock import Clock, SystemClock, stopwatch
from vigie.errors import MissingExtraError, StoreError
from vigie.training.candidates.space import Space
from vigie.training.search.ask import contains, distribution, quiet
from vigie.training.search.records import Look, Outcome, Slot

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

MEMORY = "memory:"
COMPLETE = "complete"
"""Attribute of a study that has nothing left to look at."""
BEAT = 5.0
"""Seconds between two signs of life of a running trial."""
GRACE = 60.0
"""Seconds without one after which a trial is given up."""
BUSY = 60.0
"""Seconds that a process waits for another's write to SQLite."""
_TOKEN = uuid.uuid4().hex
"""Of this process: another one may get its number."""


@dataclass(frozen=True, slots=True)
class StudyPlace:
    """Where a search is kept.

    Attributes:
        url: SQLAlchemy URL, e.g. ``sqlite:///.vigie/search.db`` or ``postgresql://…``.
        name: Of the score. The study is called by it and by a digest of data, folds, choices and code.
        about: What is kept with the study, for whoever joins: plain JSON values.
    """

    url: str
    name: str
    about: Mapping[str, object] = field(default_factory=dict)


class Board:
    """One study.

    Attributes:
        study: Its name.
        grace: See ``GRACE``.
    """

    def __init__(self, url: str, study: str, about: Mapping[str, object] | None = None, *, maximise: bool) -> None:
        """Opens the study, or begins it.

        Raises:
            MissingExtraError: The database's driver is not installed.
            StoreError: The database cannot be reached.
        """
        import optuna

        quiet()
        self.study, self.grace, self.beat = study, GRACE, BEAT
        self._storage = open_storage(url)
        direction = optuna.study.StudyDirection.MAXIMIZE if maximise else optuna.study.StudyDirection.MINIMIZE
        with told_in_words(url):
            try:
                self._id = self._storage.create_new_study([direction], study)
            except optuna.exceptions.DuplicatedStudyError:
                self._id = self._storage.get_study_id_from_name(study)
            for name, value in (about or {}).items():
                self._storage.set_study_user_attr(self._id, name, value)
        self._read: dict[int, Look | None] = {}
        self._earlier: frozenset[int] | None = None
        self._signs: dict[int, tuple[int, float]] = {}

    def looks(self) -> tuple[dict[int, Look], dict[int, FrozenTrial]]:
        """The looks that are through and the trials that are under way, both by slot."""
        through: dict[int, Look] = {}
        running: dict[int, FrozenTrial] = {}
        trials = self._storage.get_all_trials(self._id, deepcopy=False)
        if self._earlier is None:
            self._earlier = frozenset(trial.number for trial in trials if trial.state.is_finished())
        for trial in trials:
            if not trial.state.is_finished():
                running.setdefault(_slot(trial).number, trial)
                continue
            if trial.number not in self._read:
                self._read[trial.number] = look_of(trial, earlier=trial.number in self._earlier)
            look = self._read[trial.number]
            if look is not None:
                through.setdefault(look.slot.number, look)
        return through, {number: trial for number, trial in running.items() if number not in through}

    def complete(self) -> None:
        """Writes down that nothing is left to look at."""
        self._storage.set_study_user_attr(self._id, COMPLETE, True)

    def take(
        self,
        slot: Slot,
        params: Mapping[str, object],
        space: Space,
        *,
        full: bool = True,
        clock: Clock | None = None,
    ) -> int | None:
        """The trial of *slot*, which is now this process's; ``None``: another one was faster.

        Args:
            slot: To look at.
            params: What it will be looked at with.
            space: Of the candidate.
            full: Whether it is looked at as it would be fitted in the end.
            clock: For the trial's begin, which only people read.
        """
        import optuna

        begin = (clock or SystemClock()).now() / 1e6
        name = slot.candidate
        kept = {key: value for key, value in params.items() if key in space and contains(space[key], value)}
        made = optuna.trial.FrozenTrial(
            number=-1,
            trial_id=-1,
            state=optuna.trial.TrialState.RUNNING,
            value=None,
            datetime_start=datetime.fromtimestamp(begin, UTC).astimezone().replace(tzinfo=None),
            datetime_complete=None,
            params={f"{name}.{key}": value for key, value in kept.items()},
            distributions={f"{name}.{key}": distribution(space[key]) for key in kept},
            user_attrs={
                "slot": slot.number,
                "candidate": name,
                "stage": slot.stage,
                "rank": slot.rank,
                "full": full,
                "params": dict(params),
                "host": socket.gethostname(),
                "process": os.getpid(),
                "token": _TOKEN,
                "beat": 0,
            },
            system_attrs={},
            intermediate_values={},
        )
        trial = self._storage.create_new_trial(self._id, made)
        through, running = self.looks()
        first = running.get(slot.number)
        if slot.number in through or first is None or first._trial_id != trial:
            self._close(trial)
            return None
        return trial

    def finish(self, trial: int, outcome: Outcome) -> None:
        """Writes what came of *trial*. Where it was given up meanwhile, nothing: another process does it again."""
        import optuna

        State = optuna.trial.TrialState
        state = {"done": State.COMPLETE, "pruned": State.PRUNED, "failed": State.FAIL}[outcome.state]
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial, "outcome", _packed(outcome))
            for step, value in enumerate(outcome.steps):
                self._storage.set_trial_intermediate_value(trial, step, value)
            values = [outcome.objective] if outcome.state == "done" else None
            self._storage.set_trial_state_values(trial, state, values)

    def release(self, trial: int) -> None:
        """Gives *trial* back: whoever comes next may take its slot."""
        self._close(trial)

    def free_the_dead(self, running: Mapping[int, FrozenTrial]) -> bool:
        """Gives up the trials under way whose process is gone or shows no sign of life; whether there were any."""
        found = False
        for trial in running.values():
            attributes = trial.user_attrs
            beat, since = self._signs.get(trial._trial_id, (-1, 0.0))
            if attributes["beat"] != beat:
                beat, since = attributes["beat"], stopwatch()
                self._signs[trial._trial_id] = (beat, since)
            here = attributes["host"] == socket.gethostname() and attributes["token"] != _TOKEN
            if stopwatch() - since > self.grace or (here and not _alive(attributes["process"])):
                self._close(trial._trial_id)
                found = True
        return found

    @contextlib.contextmanager
    def alive(self, trial: int) -> Iterator[None]:
        """Shows signs of life of *trial* while the block runs."""
        over = threading.Event()

        def beat() -> None:
            count = 0
            while not over.wait(self.beat):
                count += 1
                # A database that is away for a moment, or a trial that was given up, is noticed when it is finished.
                with contextlib.suppress(Exception):
                    self._storage.set_trial_user_attr(trial, "beat", count)

        thread = threading.Thread(target=beat, daemon=True)
        if not in_memory(self._storage):
            thread.start()
        try:
            yield
        finally:
            over.set()
            if thread.ident is not None:
                thread.join()

    def _close(self, trial: int) -> None:
        import optuna

        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_state_values(trial, optuna.trial.TrialState.FAIL)

    def close(self) -> None:
        """Gives the database's connections back."""
        self._storage.remove_session()
        engine = getattr(getattr(self._storage, "_backend", None), "engine", None)
        if engine is not None:
            engine.dispose()


def in_memory(storage: BaseStorage) -> bool:
    """Whether nobody else can see it."""
    from optuna.storages import InMemoryStorage

    return isinstance(storage, InMemoryStorage)


def open_storage(url: str) -> BaseStorage:
    """Optuna's storage at *url*, its tables made where there are none.

    Raises:
        MissingExtraError: The database's driver is not installed.
        StoreError: The database cannot be reached.
    """
    import sqlalchemy as sa
    from optuna.storages import InMemoryStorage, RDBStorage, get_storage

    if url == MEMORY:
        return InMemoryStorage()
    with told_in_words(url):
        made = sa.make_url(url)
        if made.drivername in ("postgresql", "postgres"):
            made = made.set(drivername="postgresql+psycopg")
        arguments: dict[str, Any] = {}
        if made.get_backend_name() == "sqlite":
            arguments = {"connect_args": {"timeout": BUSY}}
            if made.database and made.database != MEMORY:
                Path(made.database).absolute().parent.mkdir(parents=True, exist_ok=True)
        address = made.render_as_string(hide_password=False)
        try:
            return get_storage(RDBStorage(address, engine_kwargs=arguments))
        except (sa.exc.OperationalError, sa.exc.ProgrammingError, sa.exc.IntegrityError):
            # Another process made the tables at the same moment; or the database is away, which shows again.
            return get_storage(RDBStorage(address, engine_kwargs=arguments))


@contextlib.contextmanager
def told_in_words(url: str) -> Iterator[None]:
    """Says a database's troubles in words of our own, without what is secret in *url*."""
    import optuna
    import sqlalchemy as sa

    where = "database of the search"
    try:
        yield
    except ImportError as error:
        named = str(error.__cause__ or error)
        if "psycopg" in named:
            raise MissingExtraError("psycopg", extra="postgres") from None
        raise StoreError(f"a driver is not installed: {named}", where=where) from error
    except sa.exc.ArgumentError as error:
        raise StoreError(
            "not a database URL", where=where, remedy="write sqlite:///FILE or postgresql://…; secrets as env:NAME"
        ) from error
    except (sa.exc.SQLAlchemyError, optuna.exceptions.OptunaError, OSError) as error:
        place = sa.make_url(url).render_as_string(hide_password=True)
        raise StoreError(f"{place} does not answer: {type(error).__name__}", where=where) from error


def _slot(trial: FrozenTrial) -> Slot:
    told = trial.user_attrs
    return Slot(told["slot"], told["candidate"], told["stage"], told["rank"])


def look_of(trial: FrozenTrial, *, earlier: bool) -> Look | None:
    """The look that *trial* holds; ``None``: it was given up."""
    packed = trial.user_attrs.get("outcome")
    if packed is None:
        return None
    raw = np.frombuffer(base64.b64decode(packed["raw"]), "<f8").astype(np.float64)
    told = json.loads(packed["told"])
    outcome = Outcome(**{**told, "steps": tuple(told["steps"]), "raw": raw})
    return Look(_slot(trial), trial.user_attrs["params"], outcome, earlier, trial.user_attrs["full"])


def _packed(outcome: Outcome) -> dict[str, str]:
    told = {
        "state": outcome.state,
        "objective": outcome.objective,
        "value": outcome.value,
        "log_loss": outcome.log_loss,
        "steps": list(outcome.steps),
        "seconds": outcome.seconds,
        "point": dict(outcome.point),
    }
    return {"told": json.dumps(told), "raw": base64.b64encode(outcome.raw.astype("<f8").tobytes()).decode("ascii")}


def _alive(process: int) -> bool:
    """Whether a process of this machine with such a number runs."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()  # our own number under another token was another process's
