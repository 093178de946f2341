"""Writes docs/reference/parity.md by computing: ``python docs/generate_parity.py``.

Every engine computes every row of the parity matrix on one large sample, and each value is compared with the
reference's, bit by bit. It takes some minutes, starts a Redis, a PostgreSQL and a Spark of its own, and fails where a
value differs. Tests run the same matrix on smaller samples, and compare the page's rows and columns with those that exist.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGE = HERE / "reference" / "parity.md"
SEED, CUSTOMERS, MOMENTS = 2026, 150, 8

INTRODUCTION = """\
# Parity

One definition, computed in many places: the same value in all of them, to the last bit. This table is made by computing. Each engine is given the same histories, and each of its values is
compared with that of the [reference](../explanation/kernel.md#how-it-is-known-to-be-right), a slow and obvious program that shares no code with them.

The histories are generated to be difficult: ties in time, repeated ids with other contents, events that become known late or before they happen, arrival in no order and twice,
nulls, −0, 5·10⁻³²⁴, ±10³⁰, ±∞, events of 1970 and of 2999, ends of windows that fall on an event or a microsecond beside it, keys in several scripts, shops that are named and not
known. Moments are up to three days apart, so that an online store has to answer for the past too.

"""
NOTES = """
*batch* is the lake, dealt out to partitions in little memory, as for a training set or a scored base. *SQLite*, *Redis* and *PostgreSQL* are online stores that the events came to in several
deliveries, of which some came twice; *memory* is the store of tests. *one customer* is the plan that a request by id runs through. *Spark* is a session
of two Python workers on one machine; `tests/spark` has one on a cluster.

`at_moment()` and outcomes belong to training sets: a request by id is at no event, and an outcome lies in the future. Engines that answer requests have no such cell (–).

One case is left out because it is not the same: two events with one id that contradict each other in their *time*, of which the one that counts is older than the longest window and what
`[online] keep` adds. An online store has forgotten it and takes the other for a new event; the lake has not. The same event delivered twice is not such a case, however old it is.

`python docs/generate_parity.py` makes this page. `tests/parity` computes the same rows on smaller samples with every change.
"""


def header(engines: Sequence[str]) -> str:
    """The first line of the table."""
    return "| row | features | values | " + " | ".join(engines) + " |"


def page(cells: Mapping[str, Mapping[str, Any]], names: Sequence[str], counts: Mapping[str, int]) -> str:
    """The whole page.

    Args:
        cells: By engine, then by row.
        names: The rows, in order.
        counts: Number of features of each row.
    """
    lines = [header(list(cells)), "|---|--:|--:|" + "---|" * len(cells)]
    for name in names:
        found = [of_engine.get(name) for of_engine in cells.values()]
        compared = max(cell.compared for cell in found if cell is not None)
        said = ["–" if cell is None else _said(cell, compared) for cell in found]
        label = f"`{name}`" if name.isidentifier() else f"*{name}*"
        lines.append(f"| {label} | {counts[name]} | {compared:,} | {' | '.join(said)} |")
    total = sum(cell.compared for of_engine in cells.values() for cell in of_engine.values())
    different = sum(cell.different for of_engine in cells.values() for cell in of_engine.values())
    verdict = "every one is exact" if not different else f"{different:,} differ"
    sample = f"{CUSTOMERS} customers at up to {MOMENTS} moments each; {total:,} values were compared, and {verdict}."
    return f"{INTRODUCTION}{sample[0].upper()}{sample[1:]}\n\n" + "\n".join(lines) + "\n" + NOTES


def _said(cell: Any, compared: int) -> str:
    if cell.different:
        return f"{cell.different:,} differ"
    return "exact" if cell.compared == compared else f"exact ({cell.compared:,})"


def main() -> int:
    """Compute the matrix and write the page; 1 where a value differs."""
    sys.path.insert(0, str(HERE.parent / "tests" / "parity"))
    from parity_engines import ENGINES
    from parity_matrix import NAMES, compare, compare_training, counts, truth
    from parity_sample import sample

    found = sample(SEED, CUSTOMERS, MOMENTS)
    expected = truth(found)
    cells: dict[str, Any] = {}
    for name, opened in ENGINES.items():
        print(name, flush=True)
        with opened() as engine:
            cells[name] = {**compare(engine, found, expected), **compare_training(engine, found)}
        for row, cell in cells[name].items():
            if cell.different:
                print(f"  {row}: {cell.different} of {cell.compared} differ, e.g. {cell.example}", flush=True)
    PAGE.write_text(page(cells, NAMES, counts()), "utf-8")
    return int(any(cell.different for of_engine in cells.values() for cell in of_engine.values()))


if __name__ == "__main__":
    sys.exit(main())
