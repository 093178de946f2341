"""What every online store must do, as tests: subclass :class:`RunStoreConformance` and pytest runs them against yours.

Asserts say more when they are rewritten: ``pytest.register_assert_rewrite("vigie.features.online.conformance")`` in a
``conftest.py``, before this module is imported. Needs pytest, and a system that can fork.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from vigie.features.online.run_store import Run, RunStore

Make = Callable[[], RunStore]

ORDERS, VISITS = "orders@0123456789ab", "visits@ba9876543210"
ODD_KEYS = (
    "", " ", "0", "00", "-1", "a:b", "a", ":", "{a}b", "%41", "A", "a%b_c", "*?[x]", "'; DROP TABLE runs; --", '"', "\\",
    "line\nbreak", "\t", "Ünïcödé", "U\u0308", "客户", "🛒", "a" * 10_000, "a" * 9_999 + "b",
)  # fmt: skip
"""Keys of customers that differ, however much some of them look alike."""


class RunStoreConformance:
    """Tests of a store. A subclass gives the fixture ``make``, and ``files`` where the store has files of its own.

    Attributes:
        survives: Whether runs outlive the process, and other processes see them: false for a store in memory.
    """

    survives = True

    @pytest.fixture
    def make(self) -> Make:
        """Opens the store, as another process would. Empty when a test begins; every opening in it is of the same."""
        raise NotImplementedError("give a fixture 'make': a function without arguments that opens your store")

    @pytest.fixture
    def files(self) -> Callable[[], Sequence[Path]]:
        """The files in which the store keeps runs, to look for what was erased; none where that is up to a server."""
        return list

    @pytest.fixture
    def store(self, make: Make) -> Iterator[RunStore]:
        """The store, closed after the test."""
        with closing(make()) as store:
            yield store

    # -- appending and reading -----------------------------------------------------------------------------------

    def test_runs_come_back_in_the_order_of_their_arrival(self, store: RunStore) -> None:
        store.append([Run(ORDERS, "ana", b"1"), Run(ORDERS, "bob", b"2"), Run(ORDERS, "ana", b"3")])
        store.append([Run(ORDERS, "ana", b"0")])

        assert store.read([(ORDERS, "ana"), (ORDERS, "bob")]) == [[b"1", b"3", b"0"], [b"2"]]

    def test_tables_are_apart(self, store: RunStore) -> None:
        store.append([Run(ORDERS, "ana", b"1"), Run(VISITS, "ana", b"2")])

        assert store.read([(VISITS, "ana"), (ORDERS, "ana")]) == [[b"2"], [b"1"]]

    def test_what_is_not_there_reads_as_nothing(self, store: RunStore) -> None:
        assert store.read([]) == []
        assert store.read([(ORDERS, "ana"), (VISITS, "")]) == [[], []]
        store.append([])
        store.append([Run(ORDERS, "ana", b"1")])
        assert store.read([(ORDERS, "an"), (ORDERS, "ana "), (VISITS, "ana")]) == [[], [], []]

    def test_the_same_may_be_asked_for_twice(self, store: RunStore) -> None:
        store.append([Run(ORDERS, "ana", b"1")])

        assert store.read([(ORDERS, "ana")] * 3) == [[b"1"]] * 3

    def test_equal_runs_are_kept_all(self, store: RunStore) -> None:
        store.append([Run(ORDERS, "ana", b"1")] * 2)
        store.append([Run(ORDERS, "ana", b"1")])

        assert store.read([(ORDERS, "ana")]) == [[b"1"] * 3]

    def test_runs_are_any_bytes(self, store: RunStore) -> None:
        runs = [b"", b"\x00", bytes(range(256)), b"\r\n", "é".encode(), b"nil", b"\\x00"]
        store.append(Run(ORDERS, "ana", data) for data in runs)

        found = store.read([(ORDERS, "ana")])[0]

        assert found == runs
        assert all(type(data) is bytes for data in found)

    def test_a_large_run(self, store: RunStore) -> None:
        large = random.Random(1).randbytes(10 << 20)
        store.append([Run(ORDERS, "ana", b"1"), Run(ORDERS, "ana", large), Run(ORDERS, "bob", b"2")])

        assert store.read([(ORDERS, "ana")]) == [[b"1", large]]
        assert store.replace(ORDERS, "ana", [b"1", large], [large])
        assert store.read([(ORDERS, "ana"), (ORDERS, "bob")]) == [[large], [b"2"]]

    def test_many_runs_at_once(self, store: RunStore) -> None:
        runs = [Run(ORDERS, f"c{i % 7_000}", b"%d" % i) for i in range(30_000)]
        store.append(runs)

        found = store.read([(ORDERS, f"c{i}") for i in range(7_000)])

        assert found == [[b"%d" % i for i in range(start, 30_000, 7_000)] for start in range(7_000)]

    def test_odd_keys_are_keys_like_any_other(self, store: RunStore) -> None:
        wanted = [(table, key) for table in (ORDERS, VISITS) for key in ODD_KEYS]
        store.append(Run(table, key, b"%d" % i) for i, (table, key) in enumerate(wanted))

        assert store.read(wanted) == [[b"%d" % i] for i in range(len(wanted))]
        assert sorted(store.customers(ORDERS)) == sorted(ODD_KEYS)
        for key in ODD_KEYS:
            assert store.replace(ORDERS, key, [], [b"before"])
            store.erase([(VISITS, key)])
        assert store.read(wanted) == [[b"before", b"%d" % i] for i in range(len(ODD_KEYS))] + [[]] * len(ODD_KEYS)
        assert store.tables() == [ORDERS]

    # -- facts ---------------------------------------------------------------------------------------------------

    def test_facts_are_set_with_the_runs_they_go_with(self, store: RunStore) -> None:
        store.append([Run(ORDERS, "ana", b"1")], {"loaded/orders": b"\x00{}", "other": b""})
        store.append([], {"alone": b"yes"})

        assert store.fact("loaded/orders") == b"\x00{}"
        assert (store.fact("other"), store.fact("alone"), store.fact("loaded")) == (b"", b"yes", None)

    def test_facts_by_their_beginning(self, store: RunStore) -> None:
        store.set_facts({"load/a/1": b"1", "load/a/2": b"2", "load/a%": b"3", "Load/a/3": b"4"})

        assert store.facts("load/a/") == {"load/a/1": b"1", "load/a/2": b"2"}
        assert store.facts("load/a") == {"load/a/1": b"1", "load/a/2": b"2", "load/a%": b"3"}
        assert len(store.facts()) == 4
        assert store.facts("nothing") == {}

    def test_facts_are_replaced_and_removed(self, store: RunStore) -> None:
        store.set_facts({"a": b"1", "b": b"2"})
        store.set_facts({"a": b"3", "b": None, "never": None})

        assert store.facts() == {"a": b"3"}

    def test_an_append_that_cannot_be_made_leaves_nothing(self, store: RunStore) -> None:
        def failing() -> Iterator[Run]:
            yield Run(ORDERS, "ana", b"1")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.append(failing(), {"a": b"1"})

        assert store.read([(ORDERS, "ana")]) == [[]]
        assert (store.tables(), store.facts()) == ([], {})

    # -- replacing -----------------------------------------------------------------------------------------------

    def test_replacing_merges_runs(self, store: RunStore) -> None:
        store.append(Run(ORDERS, "ana", data) for data in (b"1", b"2", b"3"))

        assert store.replace(ORDERS, "ana", [b"1", b"2", b"3"], [b"123"])
        assert store.read([(ORDERS, "ana")]) == [[b"123"]]

    def test_what_arrived_since_stays_behind(self, store: RunStore) -> None:
        store.append(Run(ORDERS, "ana", data) for data in (b"1", b"2"))
        old = store.read([(ORDERS, "ana")])[0]
        store.append([Run(ORDERS, "ana", b"3")])

        assert store.replace(ORDERS, "ana", old, [b"12"])
        assert store.read([(ORDERS, "ana")]) == [[b"12", b"3"]]
        store.append([Run(ORDERS, "ana", b"4")])
        assert store.replace(ORDERS, "ana", [b"12"], [b"a", b"b", b"c"])
        store.append([Run(ORDERS, "ana", b"5")])
        assert store.read([(ORDERS, "ana")]) == [[b"a", b"b", b"c", b"3", b"4", b"5"]]

    @pytest.mark.parametrize("old", [[b"2"], [b"1", b"3"], [b"1", b"2", b"3"], [b""], [b"1", b""], [b"1\x00"]])
    def test_nothing_is_replaced_where_somebody_was_faster(self, store: RunStore, old: list[bytes]) -> None:
        store.append(Run(ORDERS, "ana", data) for data in (b"1", b"2"))

        assert not store.replace(ORDERS, "ana", old, [b"x"])
        assert not store.replace(ORDERS, "bob", old, [b"x"])
        assert store.read([(ORDERS, "ana"), (ORDERS, "bob")]) == [[b"1", b"2"], []]

    def test_replacing_by_nothing(self, store: RunStore) -> None:
        store.append(Run(ORDERS, "ana", data) for data in (b"1", b"2"))

        assert store.replace(ORDERS, "ana", [b"1"], [])
        assert store.read([(ORDERS, "ana")]) == [[b"2"]]
        assert store.replace(ORDERS, "ana", [b"2"], [])
        assert list(store.customers(ORDERS)) == []
        assert store.tables() == []

    def test_replacing_nothing_puts_in_front(self, store: RunStore) -> None:
        assert store.replace(ORDERS, "ana", [], [b"2"])
        assert store.replace(ORDERS, "ana", [], [b"0", b"1"])
        assert store.replace(ORDERS, "bob", [], [])

        assert store.read([(ORDERS, "ana"), (ORDERS, "bob")]) == [[b"0", b"1", b"2"], []]
        assert list(store.customers(ORDERS)) == ["ana"]

    # -- listing, erasing, dropping ------------------------------------------------------------------------------

    def test_customers_of_a_table(self, store: RunStore) -> None:
        everybody = [f"c{i}" for i in range(2_500)]
        store.append(Run(ORDERS, key, b"1") for key in everybody)
        store.append(Run(ORDERS, key, b"2") for key in everybody[::2])
        store.append([Run(VISITS, "c1", b"3"), Run(ORDERS, "c0", b"4")])

        assert sorted(store.customers(ORDERS)) == sorted(everybody)
        assert sorted(store.customers(ORDERS, runs=2)) == sorted(everybody[::2])
        assert list(store.customers(ORDERS, runs=3)) == ["c0"]
        assert list(store.customers("nothing@0")) == []

    def test_others_may_write_while_customers_are_listed(self, store: RunStore) -> None:
        everybody = {f"c{i}" for i in range(2_500)}
        store.append(Run(ORDERS, key, data) for key in everybody for data in (b"1", b"2"))

        found = []
        for number, key in enumerate(store.customers(ORDERS, runs=2)):
            found.append(key)
            assert store.replace(ORDERS, key, [b"1", b"2"], [b"12"])
            if number % 100 == 0:
                store.append([Run(ORDERS, f"new{number}", b"1"), Run(VISITS, key, b"1")])

        assert {key for key in found if not key.startswith("new")} == everybody
        assert list(store.customers(ORDERS, runs=2)) == []

    def test_tables_are_those_with_something_in_them(self, store: RunStore) -> None:
        assert store.tables() == []
        store.append([Run(VISITS, "ana", b"1"), Run(ORDERS, "ana", b"1")])
        assert store.tables() == [ORDERS, VISITS]
        store.erase([(VISITS, "ana")])
        assert store.tables() == [ORDERS]

    def test_dropping_a_table(self, store: RunStore) -> None:
        store.append(Run(ORDERS, f"c{i}", b"1") for i in range(2_500))
        store.append([Run(VISITS, "c1", b"2")], {"loaded/orders": b"1"})
        store.drop(ORDERS)
        store.drop("nothing@0")

        assert store.tables() == [VISITS]
        assert list(store.customers(ORDERS)) == []
        assert store.read([(ORDERS, "c1"), (VISITS, "c1")]) == [[], [b"2"]]
        assert store.fact("loaded/orders") == b"1"
        store.append([Run(ORDERS, "c1", b"3")])
        assert store.read([(ORDERS, "c1")]) == [[b"3"]]

    def test_erasing_leaves_nothing(self, store: RunStore, files: Callable[[], Sequence[Path]]) -> None:
        chance = random.Random(4)
        others = [Run(ORDERS, f"c{i}", chance.randbytes(chance.choice((40, 900, 6_000)))) for i in range(800)]
        key, secret = "ana.erased@example.org", b"the-secret-of-ana"
        for begin in range(0, len(others), 100):
            own = [Run(t, key, secret + b"%d" % begin + bytes(size)) for t in (ORDERS, VISITS) for size in (5, 3_000)]
            store.append([*others[begin : begin + 100], *own])
        assert store.replace(ORDERS, key, store.read([(ORDERS, key)])[0], [secret + b" merged"])

        store.erase([(ORDERS, key), (VISITS, key), (ORDERS, "nobody")])

        assert store.read([(ORDERS, key), (VISITS, key)]) == [[], []]
        assert key not in set(store.customers(ORDERS))
        assert store.tables() == [ORDERS]
        assert store.read([(run.table, run.customer) for run in others]) == [[run.data] for run in others]
        kept = b"".join(path.read_bytes() for path in files() if path.is_file())
        assert secret not in kept and key.encode() not in kept
        store.erase([(ORDERS, key)])
        store.append([Run(ORDERS, key, b"back")])
        assert store.read([(ORDERS, key)]) == [[b"back"]]

    # -- several at a time ---------------------------------------------------------------------------------------

    def test_concurrent_appends_are_kept_all_each_in_its_order(self, store: RunStore) -> None:
        def write(name: int) -> None:
            for i in range(40):
                store.append([Run(ORDERS, "all", b"%d %d" % (name, i)), Run(ORDERS, f"c{name}", b"%d" % i)])

        _together(*[lambda name=name: write(name) for name in range(4)])

        together, *own = store.read([(ORDERS, "all"), *((ORDERS, f"c{name}") for name in range(4))])
        assert own == [[b"%d" % i for i in range(40)]] * 4
        assert len(together) == 160
        for name in range(4):
            assert [run for run in together if run.startswith(b"%d " % name)] == [
                b"%d %d" % (name, i) for i in range(40)
            ]

    def test_what_was_read_stays_the_beginning_of_what_is_read_later(self, make: Make, store: RunStore) -> None:
        stop = threading.Event()
        seen: list[list[bytes]] = [[]]

        def look() -> None:
            while not stop.is_set():
                now = store.read([(ORDERS, "ana")])[0]
                assert now[: len(seen[-1])] == seen[-1], "a run appeared before one that had been there"
                seen.append(now)

        def write(name: int) -> None:
            with closing(make() if self.survives else store) as own:
                for i in range(60):
                    own.append([Run(ORDERS, "ana", b"%d %d" % (name, i))])

        reader = _Thread(look)
        reader.start()
        _together(*[lambda name=name: write(name) for name in range(3)])
        stop.set()
        reader.end()
        assert len(store.read([(ORDERS, "ana")])[0]) == 180

    def test_replacing_loses_nothing_whoever_races(self, make: Make, store: RunStore) -> None:
        def write(name: int) -> None:
            for i in range(40):
                store.append([Run(ORDERS, "ana", b"<%d %d>" % (name, i))])

        def merge() -> None:
            with closing(make() if self.survives else store) as own:
                for _ in range(30):
                    old = own.read([(ORDERS, "ana")])[0]
                    if old:
                        own.replace(ORDERS, "ana", old, [b"".join(old)])

        _together(*[lambda name=name: write(name) for name in range(2)], merge, merge)

        content = b"".join(store.read([(ORDERS, "ana")])[0])
        assert content.count(b"<") == 80
        for name in range(2):
            places = [content.index(b"<%d %d>" % (name, i)) for i in range(40)]
            assert places == sorted(places)

    def test_one_of_those_who_replace_the_same_wins(self, store: RunStore) -> None:
        for attempt in range(10):
            key = f"c{attempt}"
            store.append([Run(ORDERS, key, b"1"), Run(ORDERS, key, b"2")])
            won: list[bytes] = []

            def merge(by: bytes, key: str = key, won: list[bytes] = won) -> None:
                if store.replace(ORDERS, key, [b"1", b"2"], [by]):
                    won.append(by)

            _together(*[lambda by=by: merge(by) for by in (b"a", b"b", b"c")])

            assert len(won) == 1
            assert store.read([(ORDERS, key)]) == [won]

    def test_any_sequence_of_calls_does_what_a_dictionary_of_lists_does(self, store: RunStore) -> None:
        chance = random.Random(7)
        model: dict[tuple[str, str], list[bytes]] = {}
        keys = [(table, key) for table in (ORDERS, VISITS) for key in ("a", "b", "c")]
        for step in range(400):
            table, key = chance.choice(keys)
            held = model.get((table, key), [])
            match chance.choice(
                ("append", "append", "append", "replace", "stale", "erase" if step % 9 == 0 else "read")
            ):
                case "append":
                    runs = [Run(*chance.choice(keys), b"%d" % (step * 10 + i)) for i in range(chance.randrange(4))]
                    store.append(runs, {"step": b"%d" % step})
                    for run in runs:
                        model.setdefault((run.table, run.customer), []).append(run.data)
                case "replace":
                    count = chance.randrange(len(held) + 1)
                    new = [b"%d new" % step for _ in range(chance.randrange(3))]
                    assert store.replace(table, key, held[:count], new)
                    model[table, key] = [*new, *held[count:]]
                case "stale":
                    assert not store.replace(table, key, [*held, b"more"], [b"x"])
                case "erase":
                    store.erase([(table, key)])
                    model.pop((table, key), None)
            assert store.read(keys) == [model.get(wanted, []) for wanted in keys]
        full = {wanted for wanted, runs in model.items() if runs}
        assert store.tables() == sorted({table for table, _ in full})
        for table in (ORDERS, VISITS):
            assert sorted(store.customers(table)) == sorted(key for there, key in full if there == table)

    # -- processes -----------------------------------------------------------------------------------------------

    def test_what_was_written_is_there_when_opened_again(self, make: Make) -> None:
        if not self.survives:
            return
        with closing(make()) as first:
            first.append([Run(ORDERS, "ana", b"1")], {"a": b"1"})
            with closing(make()) as second:
                assert second.read([(ORDERS, "ana")]) == [[b"1"]]
                second.append([Run(ORDERS, "ana", b"2"), Run(VISITS, "ana", b"3")])
            assert first.read([(ORDERS, "ana"), (VISITS, "ana")]) == [[b"1", b"2"], [b"3"]]
        with closing(make()) as third:
            assert third.read([(ORDERS, "ana"), (VISITS, "ana")]) == [[b"1", b"2"], [b"3"]]
            assert third.facts() == {"a": b"1"}

    def test_closing_twice_does_nothing(self, make: Make) -> None:
        store = make()
        store.append([Run(ORDERS, "ana", b"1")])
        store.close()
        store.close()

    def test_a_killed_writer_leaves_whole_appends_and_all_it_was_told_of(self, make: Make) -> None:
        if not self.survives:
            return
        chance = random.Random()
        for attempt in range(3):
            table, keys = f"killed@{attempt}", [f"c{i}" for i in range(5)]
            told = _killed(make, table, keys, after=chance.randrange(5, 60), pause=chance.random() * 0.01)
            time.sleep(0.2)  # a server may still be at what it was sent
            with closing(make()) as store:
                found = store.read([(table, key) for key in keys])
                done = len(found[0])
                assert done in (told, told + 1)
                assert found == [[b"%d %d" % (n, i) + bytes(2_000) for n in range(done)] for i in range(5)]
                assert store.fact(table) == b"%d" % (done - 1)
                store.append([Run(table, "c0", b"alive")])
                assert store.read([(table, "c0")])[0][-1] == b"alive"


def _killed(make: Make, table: str, keys: Sequence[str], *, after: int, pause: float) -> int:
    """Has another process append and tell, kills it with SIGKILL; how many appends it told of."""
    heard, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store = make()
            for number in range(100_000):
                runs = [Run(table, key, b"%d %d" % (number, i) + bytes(2_000)) for i, key in enumerate(keys)]
                store.append(runs, {table: b"%d" % number})
                os.write(tells, b".")
        finally:
            os._exit(1)
    os.close(tells)
    told = 0
    try:
        while told < after:
            more = len(os.read(heard, 1))
            assert more, "the writer died by itself"
            told += more
        time.sleep(pause)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    while more := len(os.read(heard, 65_536)):
        told += more
    os.close(heard)
    return told


class _Thread(threading.Thread):
    """A thread whose failure is not lost."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - raised again by end()
            self._error = error

    def end(self) -> None:
        """Wait for it; raise what it raised."""
        self.join(120)
        assert not self.is_alive(), "a thread does not come back"
        if self._error is not None:
            raise self._error


def _together(*works: Callable[[], None]) -> None:
    threads = [_Thread(work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.end()
