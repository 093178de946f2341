"""Memory of a server over many requests, in one run: ``python benchmarks/serving/soak.py [--seconds 10] [--marks 12]``.

One worker with the journal on answers ``wrk`` at full speed: customers by values, one in ten with reasons, one in fifty wrong. Resident
memory is read after each of *marks* stretches of *seconds*. What a leak of one byte a request would add is printed beside what
was added after the first third, by when caches are warm. Writes ``soak.md`` beside this file. Needs wrk.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from run import HERE, memory, start, stop, vigie, wrk


def bodies_of(rows: list[dict[str, object]]) -> list[str]:
    """Requests as they come: most plain, some with reasons, a few that are refused."""
    found = []
    for i, row in enumerate(rows):
        body: dict[str, object] = {"values": row}
        if i % 10 == 3:
            body["reasons"] = 3
        if i % 50 == 7:
            body = {"values": {**row, "no_such_input": 1}}
        found.append(json.dumps(body))
    return found


def main() -> None:
    """Run and write the table."""
    from model import save

    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--marks", type=int, default=12)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, _ = save(folder)
        bodies = folder / "bodies.txt"
        bodies.write_text("\n".join(bodies_of(rows)))
        server = vigie(folder, "", "lightgbm", 8101)
        process, _ = start(server, server.body(rows[0]), folder / "log.txt")
        asked, marks = 0.0, [(0, memory(process.pid))]
        try:
            for _ in range(given.marks):
                rate, *_ = wrk(server, bodies, 8, given.seconds)
                asked += rate * given.seconds
                marks.append((round(asked), memory(process.pid)))
                print(f"{marks[-1][0]:>10,} requests {marks[-1][1]:8.1f} MB", flush=True)
        finally:
            stop(process)
    warm = marks[len(marks) // 3]
    grown, after = marks[-1][1] - warm[1], marks[-1][0] - warm[0]
    lines = [
        "| requests answered | resident MB |",
        "|---|---|",
        *(f"| {count:,} | {mb:.1f} |" for count, mb in marks),
        "",
        f"After the first third {grown:+.1f} MB over {after:,} requests: {grown * 2**20 / after:+.2f} bytes a request.",
        "",
    ]
    (HERE / "soak.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
