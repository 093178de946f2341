"""Erase customers: from everything that Vigie keeps about them, so that nothing of them is in its files any more.

The order follows the data: what waits to go somewhere goes first, so that it cannot arrive behind the broom. Each step can
be done again; a process that was killed in the middle is run once more.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie.data.spool import key_text
from vigie.definition.source import Events, Table
from vigie.errors import DefinitionError
from vigie.features.online.run_store import RunStore
from vigie.journal.forget import forget
from vigie.lifecycle.online import absorbed_again, store_of, syncing
from vigie.lifecycle.project import Project
from vigie.lifecycle.texts import forget_texts, texts_about

if TYPE_CHECKING:
    import polars as pl

    from vigie.data import Lake
    from vigie.data.erasure import Found, Wanted

Progress = Callable[[str, float], None]

_FIELDS = re.compile(r"[,;|\t\n]")
_LONG = 6
"""Characters from which a key is looked for anywhere in a text that cannot be split: a shorter one is in every date."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Item:
    """A place and what of the customers is in it.

    Attributes:
        place: Where, such as ``"lake table orders"``.
        rows: Rows, predictions or histories of theirs.
        older: Files of older versions of a lake's table: these versions cannot be read afterwards.
        left: Files that a writer may be at, which were left alone: erase again later.
    """

    place: str
    rows: int
    older: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Erasure:
    """What will go, or went.

    Attributes:
        customers: Keys.
        items: Every place that was looked at.
        passed: Tables of the lake that were not looked at: no score says which of their columns is the customer.
    """

    customers: tuple[str, ...]
    items: tuple[Item, ...]
    passed: tuple[str, ...]

    @property
    def rows(self) -> int:
        """All of it."""
        return sum(item.rows for item in self.items)

    @property
    def left(self) -> int:
        """Files that were left alone."""
        return sum(item.left for item in self.items)


def plan_erasure(project: Project, customers: Sequence[str]) -> Erasure:
    """What :func:`erase` would remove now; nothing is changed.

    Raises:
        DefinitionError: No customer is named.
        VigieError: Something cannot be read.
    """
    from vigie.data.erasure import survey
    from vigie.features import tables
    from vigie.lifecycle.backfill import tables_folder

    keys = _keys(customers)
    lakes = [_item(place, survey(lake, name, wanted)) for place, lake, name, wanted in _tables(project, keys)]
    waiting = Item("events received, not in the lake yet", _waiting(project, keys))
    store = _store(project)
    online = Item("online store", 0 if store is None else _held(store, _histories(project, store, keys)))
    others = Item("feature tables", tables.erase(tables_folder(project), keys, dry=True))
    journal = Item("predictions", forget(project.journal_folder, keys, dry=True))
    embedded = _embeddings(forget_texts(project, texts_about(project, keys), dry=True))
    return Erasure(keys, (*embedded, waiting, journal, *lakes, online, others), _passed(project))


def erase(project: Project, customers: Sequence[str], progress: Progress | None = None) -> Erasure:
    """Remove everything about *customers*. Killed anywhere, it is ended by running it again.

    A source that delivers them again brings them back: take them out there first.

    Args:
        project: Whose.
        customers: Keys, as text.
        progress: Told about the work.

    Raises:
        DefinitionError: No customer is named.
        VigieError: Something cannot be read or written; what was removed before stays removed.
    """
    from vigie.data.erasure import erase_rows
    from vigie.features import tables
    from vigie.lifecycle.backfill import tables_folder
    from vigie.lifecycle.events import spool_of

    keys = _keys(customers)
    now = project.clock.now()

    def tell(doing: str, share: float) -> None:
        if progress is not None:
            progress(doing, share)

    items: list[Item] = []
    # Whoever brings rows from the lake to the store waits: he might have read them already.
    with syncing(project.settings.state):
        # Their texts say which embeddings are theirs: they go before the texts do.
        tell("embeddings of texts", 0.0)
        items += _embeddings(forget_texts(project, texts_about(project, keys)))
        tell("received events", 0.02)
        spool = spool_of(project)
        _flush_dead_letters(project)
        own = {name: source.key for name, source in _own(project).items()}
        items.append(Item("events received, not in the lake yet", spool.erase(own, keys)))
        tell("predictions", 0.04)
        items.append(Item("predictions", forget(project.journal_folder, keys)))
        moved = {}
        everything = list(_tables(project, keys))
        for number, (place, lake, name, wanted) in enumerate(everything):
            tell(place, 0.05 + 0.6 * number / len(everything))
            found = erase_rows(lake, name, wanted, moment=now)
            items.append(_item(place, found))
            if found.rows and lake is project.lake and found.version == found.before + 1:
                moved[name] = (found.before, found.version)
        tell("online store", 0.65)
        store = _store(project)
        if store is not None:
            theirs = _histories(project, store, keys)
            items.append(Item("online store", _held(store, theirs)))
            store.erase(theirs)
            absorbed_again(store, moved)
    tell("feature tables", 0.8)
    items.append(Item("feature tables", tables.erase(tables_folder(project), keys)))
    tell("done", 1.0)
    done = Erasure(keys, tuple(items), _passed(project))
    log.info(
        "%d customers erased: %d rows; older versions of the lake that held them cannot be read", len(keys), done.rows
    )
    return done


# -- places ----------------------------------------------------------------------------------------------------------


def _keys(customers: Sequence[str]) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys(key_text(customer) for customer in customers))
    if not keys or "" in keys:
        raise DefinitionError("no customer is named", remedy="give the keys of those to erase: vigie erase C1 C2")
    return keys


def _embeddings(count: int) -> list[Item]:
    """Told where there are any: most projects embed no texts."""
    return [Item("embeddings of texts", count)] if count else []


def _own(project: Project) -> dict[str, Table | Events]:
    """The sources in which a row is of one customer. Those of companies or shops are none of theirs."""
    return {name: source for score in project.scores.values() for name, source in score.own_sources.items()}


def _tables(project: Project, keys: Collection[str]) -> Iterator[tuple[str, Lake, str, Wanted]]:
    """Every table of the lake with rows of customers: what to call it, where it is, and which rows those are."""
    from vigie.data import Lake
    from vigie.data.dead_letters import TABLE
    from vigie.data.erasure import Wanted, by_key
    from vigie.lifecycle.ship import TABLE as PREDICTIONS

    own = _own(project)
    columns = sorted({source.key for source in own.values()})
    quarantine = Lake(project.lake.root / "_quarantine")
    for name in quarantine.names():
        key = [own[name].key] if name in own else columns if name not in project.sources else []
        if key:
            yield f"quarantine of {name}", quarantine, name, Wanted("_id", _texts("text", key, keys))
    if project.lake.has(TABLE):
        yield "dead letters", project.lake, TABLE, Wanted("_id", _texts("payload", columns, keys))
    if project.lake.has(PREDICTIONS):
        # After the journal, so that nothing is shipped behind the broom.
        yield "predictions in the lake", project.lake, PREDICTIONS, Wanted("customer", _spellings(keys))
    for name, source in sorted(own.items()):
        yield f"lake table {name}", project.lake, name, by_key(source.key, keys)
    for name in project.lake.names():
        if name.startswith("scores_") and name not in project.sources:
            yield f"lake table {name}", project.lake, name, by_key("customer", keys)


def _spellings(keys: Collection[str]) -> Callable[[pl.LazyFrame], pl.Series]:
    """Customers as callers wrote their keys: ``17.0`` is ``17``."""

    def find(rows: pl.LazyFrame) -> pl.Series:
        told = rows.select("customer").drop_nulls().collect(engine="streaming")["customer"]
        return told.filter([key_text(customer) in keys for customer in told.to_list()])

    return find


def _passed(project: Project) -> tuple[str, ...]:
    own = _own(project)
    return tuple(name for name in project.lake.names() if name not in own and not name.startswith("scores_"))


def _texts(column: str, key: Sequence[str], keys: Collection[str]) -> Callable[[pl.LazyFrame], pl.Series]:
    """Finds rows by what stands in a text: JSON with a customer's key, or a line that could not be split, with it as a field."""

    def find(rows: pl.LazyFrame) -> pl.Series:
        frame = rows.select("_id", column).collect()
        return frame["_id"].filter([_is_of(text, key, keys) for text in frame[column].to_list()])

    return find


def _is_of(text: str | None, columns: Sequence[str], keys: Collection[str]) -> bool:
    """Whether a text is of one of the customers.

    >>> _is_of('{"customer_id": 17.0}', ["customer_id"], {"17"}), _is_of('"17;2025-01-01;?"', ["customer_id"], {"17"})
    (True, True)
    """
    try:
        said: Any = json.loads(text or "null")
    except ValueError:
        said = text
    if isinstance(said, dict):
        return any(said.get(column) is not None and key_text(said[column]) in keys for column in columns)
    fields = _FIELDS.split(said if isinstance(said, str) else text or "")
    return any(key_text(field.strip().strip("\"'{}[]")) in keys for field in fields) or any(
        len(key) >= _LONG and key in (text or "") for key in keys
    )


def _item(place: str, found: Found) -> Item:
    return Item(place, found.rows, found.older, found.left)


def _store(project: Project) -> RunStore | None:
    """The online store; ``None`` where there is none yet, or it is the memory of another process."""
    url = str(project.settings.online.get("url", ""))
    if url.startswith("memory:") or (not url and not (project.settings.state / "online.db").exists()):
        return None
    return store_of(project.settings)


def _histories(project: Project, store: RunStore, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Tables and keys of their histories, in tables that nothing asks for any more too."""
    others = project.sources.keys() - _own(project).keys()
    tables = [table for table in store.tables() if table.partition("@")[0] not in others]
    return [(table, key) for table in tables for key in keys]


def _held(store: RunStore, wanted: Sequence[tuple[str, str]]) -> int:
    return sum(map(bool, store.read(wanted)))


def _waiting(project: Project, keys: Collection[str]) -> int:
    from vigie.lifecycle.events import spool_of

    spool, count = spool_of(project), 0
    for name, source in _own(project).items():
        lines = spool.read(name, {}, 1 << 62)
        count += sum(
            line.row is not None and line.row.get(source.key) is not None and key_text(line.row[source.key]) in keys
            for line in lines
        )
    return count


def _flush_dead_letters(project: Project) -> None:
    """To the lake with them, where a text can be looked for."""
    from vigie.data.dead_letters import DeadLetters
    from vigie.lifecycle.events import spool_of

    DeadLetters(project.lake, spool_of(project)).flush(project.clock.now())
