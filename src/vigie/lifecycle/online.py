"""From the lake to the online store: first a plan that can be shown, then its application, which can be killed anywhere.

What a table of the store has absorbed is a fact beside its rows, set in the same transaction. A table that is not there is
loaded in partitions of customers, each with a fact of its own, so that a load goes on where it was killed; from then on it
takes in the rows of new versions. Rows may be put any number of times: what happened between a put and its fact happens
again, and changes nothing.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vigie.clock import DAY
from vigie.data.file_lock import locked
from vigie.definition.kind import Kind
from vigie.definition.score import Score
from vigie.definition.window import Window
from vigie.errors import ContractError, DataError, DefinitionError, RegistryError, SettingsError
from vigie.features.online.histories import OnlineHistories
from vigie.features.online.holding import Holding, joined
from vigie.features.online.needs import holdings_of
from vigie.features.online.open_store import open_store
from vigie.features.online.run_store import RunStore
from vigie.lifecycle.project import Project
from vigie.settings import Settings, secret

if TYPE_CHECKING:
    from vigie.data import Lake

State = Literal["absent", "loading", "behind", "rewritten", "current"]
Progress = Callable[[str, float], None]

KEEP = "7d"
"""How far back ``as_of`` can lie beyond the longest window, if ``[online] keep`` says nothing."""
UNUSED = DAY
"""How long a table that nothing asks for any more is kept: another process may still answer from it."""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What will be done for one source.

    Attributes:
        source: Name of the source.
        table: Its table in the store.
        state: ``absent``: all of it will be loaded. ``loading``: a load was interrupted and will go on. ``behind``: the rows
            of new versions will be added. ``rewritten``: the lake's table was written anew, the store's will be too.
            ``current``: nothing.
        absorbed: Version of the lake that the store has; -1 for none.
        version: Version that it will have.
        rows: Rows that will be read, about.
        done: Partitions that are loaded already.
        parts: Partitions of the whole load; 0 where nothing is loaded.
    """

    source: str
    table: str
    state: State
    absorbed: int
    version: int
    rows: int
    done: int = 0
    parts: int = 0

    def words(self) -> str:
        """What will be done, in English."""
        match self.state:
            case "absent":
                return f"load {self.rows:,} rows in {self.parts} parts"
            case "loading":
                return f"go on loading: {self.done} of {self.parts} parts are there"
            case "behind":
                return f"add {self.rows:,} rows of versions {self.absorbed + 1} to {self.version}"
            case "rewritten":
                return f"the lake's table was written anew: load {self.rows:,} rows in {self.parts} parts"
            case "current":
                return f"nothing: the store has version {self.absorbed}"


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What will be done to bring the store up to the lake.

    Attributes:
        sources: One entry for each source.
        dropped: Tables of the store that nothing has asked for in a day, and that will be removed.
    """

    sources: tuple[SourcePlan, ...]
    dropped: tuple[str, ...] = ()

    @property
    def current(self) -> bool:
        """Whether there is nothing to do."""
        return not self.dropped and all(source.state == "current" for source in self.sources)

    @property
    def rows(self) -> int:
        """Rows that will be read, about."""
        return sum(source.rows for source in self.sources)


def store_of(settings: Settings) -> RunStore:
    """The online store that ``[online]`` of *settings* names, or the default one in the state folder.

    Raises:
        SettingsError: It names none that there is.
        StoreError: It cannot be reached.
    """
    said = settings.online
    url, namespace = said.get("url", ""), said.get("namespace", "vigie")
    for key, value in (("url", url), ("namespace", namespace)):
        if not isinstance(value, str):
            raise SettingsError(f"{key} must be a text", where="[online]")
    url = secret(url, settings.root, "[online] url")
    file = url.removeprefix("sqlite:///")
    if file != url and file and not file.startswith("/"):
        url = f"sqlite:///{settings.root / file}"
    return open_store(url, namespace, default=settings.state / "online.db")


def keep_of(settings: Settings) -> int:
    """How far back, µs, ``as_of`` can lie beyond the longest window.

    Raises:
        SettingsError: ``[online] keep`` is not a length of time.
    """
    said = settings.online.get("keep", KEEP)
    try:
        return Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"keep is {said!r}", where="[online]", remedy="write 7d, 36h, 90m or 30s") from error


def open_histories(project: Project, scores: Iterable[Score] | None = None) -> OnlineHistories:
    """Online histories with everything that *scores* need; nothing is loaded yet: see :func:`sync`.

    Args:
        project: Whose sources and store.
        scores: As declared, or as a bundle has them (:func:`~vigie.lifecycle.model_in_use.score_of`); ``None``: those of
            the project files and their champions.

    Raises:
        ContractError: A source was never ingested.
        SettingsError: ``[online]`` is wrong.
        StoreError: The store cannot be reached.
    """
    needed = []
    for score in _all_scores(project) if scores is None else scores:
        schema = project.schema(score)
        needed.append(holdings_of(score.bound(schema), schema))
    return histories_for(project, joined(needed))


def _all_scores(project: Project) -> Iterator[Score]:
    from vigie.lifecycle.model_in_use import load_model, score_of

    registered = set(project.registry.names())
    for name, score in project.scores.items():
        yield score
        if name in registered:
            # What serves now may be defined in another way than what will be trained next.
            with contextlib.suppress(RegistryError):
                yield score_of(load_model(project, name).bundle, score)


def histories_for(project: Project, wanted: Mapping[str, Holding], store: RunStore | None = None) -> OnlineHistories:
    """Online histories that serve *wanted*, from tables that are loaded already where one has all that is wanted.

    Args:
        project: Whose.
        wanted: What of each source is needed.
        store: Where; ``None``: what ``[online]`` names.

    Raises:
        SettingsError: ``[online]`` is wrong.
        StoreError: The store cannot be reached.
    """
    store = store_of(project.settings) if store is None else store
    there = store.facts("loaded/")
    holdings = {name: _covering(holding, there) or holding for name, holding in wanted.items()}
    return OnlineHistories(store, holdings, keep=keep_of(project.settings), clock=project.clock)


def plan_sync(project: Project, histories: OnlineHistories) -> SyncPlan:
    """What :func:`apply_sync` would do now.

    Raises:
        ContractError: A source was never ingested.
        DataError: The lake cannot be read.
        StoreError: The store cannot be read.
    """
    store = histories.store
    return SyncPlan(
        tuple(_plan_source(project.lake, store, histories.holdings[name]) for name in sorted(histories.holdings)),
        tuple(_unused(store, histories, project.clock.now())),
    )


def apply_sync(project: Project, histories: OnlineHistories, plan: SyncPlan, progress: Progress | None = None) -> None:
    """Do what *plan* says. Hold :func:`syncing` meanwhile.

    Raises:
        DataError: The lake cannot be read; what was put stays, and the next time goes on from there.
        StoreError: The store cannot be written; likewise.
    """
    _use(histories, project.clock.now())
    total, before = max(plan.rows, 1), 0
    for source in plan.sources:

        def tell(doing: str, share: float, source: SourcePlan = source, before: int = before) -> None:
            if progress is not None:
                progress(f"{source.source}: {doing}", (before + share * source.rows) / total)

        if source.state == "behind":
            _add(project.lake, histories, source, tell)
        elif source.state != "current":
            _load(project.lake, histories, source, tell)
        before += source.rows
    for table in plan.dropped:
        histories.store.drop(table)
        histories.store.set_facts(
            dict.fromkeys((*histories.store.facts(f"load/{table}/"), f"loaded/{table}", f"used/{table}"))
        )


def sync(
    project: Project, histories: OnlineHistories, *, progress: Progress | None = None, wait: bool = True
) -> SyncPlan | None:
    """Bring the store up to the lake.

    Args:
        project: Whose lake.
        histories: What is held of it.
        progress: Told about the work.
        wait: Whether to wait where another process is at it.

    Returns:
        What was done; ``None`` where another process is at it and was not waited for.

    Raises:
        ContractError: A source was never ingested.
        DataError: The lake cannot be read.
        StoreError: The store cannot be read or written.
    """
    with syncing(project.settings.state, wait=wait) as mine:
        if not mine:
            return None
        plan = plan_sync(project, histories)
        apply_sync(project, histories, plan, progress)
        return plan


@contextlib.contextmanager
def syncing(state: Path, *, wait: bool = True) -> Iterator[bool]:
    """The right to bring rows from the lake to the store: one holder at a time of all that share the state folder.

    Of two that put versions of a table's row at the same time, the slower one would leave the older row as the last. The
    lock ends with the process that holds it.

    Yields:
        Whether it was got; always true with *wait*.
    """
    state.mkdir(parents=True, exist_ok=True)
    with locked(state / "online.lock", wait=wait, create=True) as held:
        yield held is not None


# -- planning --------------------------------------------------------------------------------------------------------


def _covering(wanted: Holding, there: Mapping[str, bytes]) -> Holding | None:
    """A loaded holding that has everything of *wanted*."""
    found: list[Holding] = []
    for said in map(json.loads, there.values()):
        if said["source"] != wanted.source.meaning():
            continue
        holding = Holding(wanted.source, {name: Kind(kind) for name, kind in said["columns"].items()}, said["window"])
        columns = wanted.columns.items() <= holding.columns.items()
        window = holding.window is None or (wanted.window is not None and wanted.window <= holding.window)
        if columns and window and f"loaded/{holding.table}" in there:
            found.append(holding)
    # The widest, so that all who ask come to share one table and the others can go.
    return max(found, key=lambda h: (len(h.columns), h.window is None, h.window or 0), default=None)


def _plan_source(lake: Lake, store: RunStore, holding: Holding) -> SourcePlan:
    name, table = holding.source.name, holding.table
    if not lake.has(name):
        raise ContractError(f"source '{name}' was not ingested yet", remedy="run `vigie ingest` first")
    version, identity = lake.version(name), _identity(lake, name)
    loaded = store.fact(f"loaded/{table}")
    if loaded is not None:
        said = json.loads(loaded)
        absorbed = int(said["version"])
        if said["lake"] == identity and absorbed <= version and not _rewritten(lake, name, absorbed, version):
            new = sum(v.rows for v in lake.versions(name)[absorbed + 1 : version + 1])
            return SourcePlan(name, table, "behind" if version > absorbed else "current", absorbed, version, new)
        rows = _rows(lake, name, version)
        return SourcePlan(name, table, "rewritten", absorbed, version, rows, 0, _parts(rows))
    begun = [json.loads(value) for value in store.facts(f"load/{table}/").values()]
    if begun and all(part["lake"] == identity and part["by"] == _by() for part in begun):
        then = int(begun[0]["version"])
        with contextlib.suppress(DataError):
            rows = _rows(lake, name, then)
            if not _rewritten(lake, name, then, version):
                return SourcePlan(name, table, "loading", -1, then, rows, len(begun), int(begun[0]["of"]))
    rows = _rows(lake, name, version)
    return SourcePlan(name, table, "absent", -1, version, rows, 0, _parts(rows))


def _rows(lake: Lake, name: str, version: int) -> int:
    import polars as pl

    return int(lake.scan(name, version=version).select(pl.len()).collect().item())


def _parts(rows: int) -> int:
    from vigie.lifecycle.online_rows import ROWS

    return -(-rows // ROWS)


def _identity(lake: Lake, name: str) -> str:
    """Changes when a lake's table is deleted and made again."""
    return str(lake.table(name).metadata().id)


def _by() -> str:
    """What deals customers out to partitions: another release might do it in another way."""
    import polars as pl

    return f"polars {pl.__version__}"


def _rewritten(lake: Lake, name: str, before: int, after: int) -> bool:
    """Whether a version after *before*, up to *after*, replaced the rows there were."""
    if after <= before:
        return False
    table = lake.table(name, after)
    commits = table.history(after - before)
    return any(str(commit.get("operationParameters", {}).get("mode")) == "Overwrite" for commit in commits)


def _unused(store: RunStore, histories: OnlineHistories, now: int) -> list[str]:
    """Tables of these sources that are held in another way now and that nothing asked for in a while."""
    own, used, found = set(histories.tables), store.facts("used/"), []
    for table in store.tables():
        if table not in own and table.partition("@")[0] in histories.holdings:
            main = table.partition("+")[0]
            if main not in own and now - int(used.get(f"used/{main}", b"0")) > UNUSED:
                found.append(table)
    return found


# -- applying --------------------------------------------------------------------------------------------------------


def _use(histories: OnlineHistories, now: int) -> None:
    """Say that these tables are asked for: nobody drops them within a day."""
    known = histories.store.facts("used/")
    facts = {f"used/{holding.table}": str(now).encode() for holding in histories.holdings.values()}
    # Once an hour is often enough: this runs every few seconds.
    fresh = {name: value for name, value in facts.items() if now - int(known.get(name, b"0")) > UNUSED // 24}
    if fresh:
        histories.store.set_facts(dict(fresh))


def _load(lake: Lake, histories: OnlineHistories, plan: SourcePlan, tell: Progress) -> None:
    from vigie.lifecycle.online_rows import Dealt, newest_batch

    store, holding, table = histories.store, histories.holdings[plan.source], plan.table
    begun = store.facts(f"load/{table}/")
    if plan.state == "rewritten":
        for each in (name for name in histories.tables if name.partition("+")[0] == table):
            store.drop(each)
    if plan.state != "loading":
        store.set_facts(dict.fromkeys((*begun, f"loaded/{table}")))
        begun = {}
    frame = lake.scan(plan.source, version=plan.version)
    said = {"version": plan.version, "of": plan.parts, "lake": _identity(lake, plan.source), "by": _by()}
    names = [f"load/{table}/{i}" for i in range(plan.parts)]
    with Dealt(holding, frame, plan.parts, plan.rows, lambda share: tell("read", 0.2 * share)) as dealt:
        for i, name in enumerate(names):
            if name not in begun:
                histories.put(plan.source, dealt.arrivals(i), {name: json.dumps(said).encode()})
            tell(f"part {i + 1} of {plan.parts}", 0.2 + 0.8 * (i + 1) / plan.parts)
    loaded = _loaded(lake, holding, plan.version, newest_batch(frame) if plan.rows else "")
    store.set_facts({f"loaded/{table}": loaded, **dict.fromkeys(names)})


def _add(lake: Lake, histories: OnlineHistories, plan: SourcePlan, tell: Progress) -> None:
    from vigie.lifecycle.online_rows import newest_batch, since

    store, holding, fact = histories.store, histories.holdings[plan.source], f"loaded/{plan.table}"
    batch = str(json.loads(store.fact(fact) or b"{}").get("batch", ""))
    done = 0
    for arrivals in since(holding, lake, plan.absorbed, plan.version, batch):
        histories.put(plan.source, arrivals)
        done += len(arrivals)
        tell(f"{done:,} rows", min(done / max(plan.rows, 1), 1.0))
    newest = newest_batch(lake.scan(plan.source, version=plan.version)) if done else batch
    store.set_facts({fact: _loaded(lake, holding, plan.version, newest)})


def _loaded(lake: Lake, holding: Holding, version: int, batch: str) -> bytes:
    said: dict[str, Any] = {
        "version": version,
        "batch": batch,
        "lake": _identity(lake, holding.source.name),
        "source": holding.source.meaning(),
        "columns": {name: str(kind) for name, kind in holding.columns.items()},
        "window": holding.window,
    }
    return json.dumps(said).encode()


def absorbed_again(store: RunStore, moved: Mapping[str, tuple[int, int]]) -> None:
    """Tell tables that had absorbed a version that they have absorbed a later one, which brought no rows.

    Args:
        store: Where.
        moved: For each source the version before and after.
    """
    facts: dict[str, bytes | None] = dict.fromkeys(store.facts("load/"))
    for name, value in store.facts("loaded/").items():
        said = json.loads(value)
        source = name.removeprefix("loaded/").partition("@")[0]
        if source in moved and said["version"] == moved[source][0]:
            facts[name] = json.dumps({**said, "version": moved[source][1]}).encode()
    store.set_facts(facts)


def tables_of(store: RunStore, sources: Sequence[str]) -> list[str]:
    """All tables of a store that hold something of *sources*, in whatever way."""
    return [table for table in store.tables() if table.partition("@")[0] in sources]
