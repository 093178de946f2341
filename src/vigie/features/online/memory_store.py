"""An online store in the memory of one process: for tests, and for a server that reads everything from the lake anyway."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from vigie.features.online.run_store import Run


class MemoryStore:
    """Keeps runs in dictionaries. Gone with the process; see :class:`~vigie.features.online.run_store.RunStore`."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, list[bytes]]] = {}
        self._facts: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def append(self, runs: Iterable[Run], facts: Mapping[str, bytes] | None = None) -> None:
        """See :meth:`RunStore.append <vigie.features.online.run_store.RunStore.append>`."""
        whole = list(runs)  # what an iterator raises, it raises before anything has changed
        with self._lock:
            for table, customer, data in whole:
                self._tables.setdefault(table, {}).setdefault(customer, []).append(data)
            self._facts.update(facts or {})

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[list[bytes]]:
        """See :meth:`RunStore.read <vigie.features.online.run_store.RunStore.read>`."""
        with self._lock:
            return [list(self._tables.get(table, {}).get(customer, ())) for table, customer in wanted]

    def replace(self, table: str, customer: str, old: Sequence[bytes], new: Sequence[bytes]) -> bool:
        """See :meth:`RunStore.replace <vigie.features.online.run_store.RunStore.replace>`."""
        with self._lock:
            now = self._tables.get(table, {}).get(customer, [])
            if now[: len(old)] != list(old):
                return False
            then = [*new, *now[len(old) :]]
            if then:
                self._tables.setdefault(table, {})[customer] = then
            else:
                self._forget(table, customer)
            return True

    def erase(self, wanted: Sequence[tuple[str, str]]) -> None:
        """See :meth:`RunStore.erase <vigie.features.online.run_store.RunStore.erase>`."""
        with self._lock:
            for table, customer in wanted:
                self._forget(table, customer)

    def _forget(self, table: str, customer: str) -> None:
        held = self._tables.get(table, {})
        held.pop(customer, None)
        if not held:
            self._tables.pop(table, None)

    def customers(self, table: str, *, runs: int = 1) -> Iterator[str]:
        """See :meth:`RunStore.customers <vigie.features.online.run_store.RunStore.customers>`."""
        with self._lock:
            found = [customer for customer, held in self._tables.get(table, {}).items() if len(held) >= runs]
        yield from found

    def tables(self) -> list[str]:
        """See :meth:`RunStore.tables <vigie.features.online.run_store.RunStore.tables>`."""
        with self._lock:
            return sorted(self._tables)

    def drop(self, table: str) -> None:
        """See :meth:`RunStore.drop <vigie.features.online.run_store.RunStore.drop>`."""
        with self._lock:
            self._tables.pop(table, None)

    def fact(self, name: str) -> bytes | None:
        """See :meth:`RunStore.fact <vigie.features.online.run_store.RunStore.fact>`."""
        with self._lock:
            return self._facts.get(name)

    def facts(self, prefix: str = "") -> dict[str, bytes]:
        """See :meth:`RunStore.facts <vigie.features.online.run_store.RunStore.facts>`."""
        with self._lock:
            return {name: value for name, value in self._facts.items() if name.startswith(prefix)}

    def set_facts(self, facts: Mapping[str, bytes | None]) -> None:
        """See :meth:`RunStore.set_facts <vigie.features.online.run_store.RunStore.set_facts>`."""
        with self._lock:
            for name, value in facts.items():
                if value is None:
                    self._facts.pop(name, None)
                else:
                    self._facts[name] = value

    def close(self) -> None:
        """Nothing to give back."""
