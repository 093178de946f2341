"""Coverage-guided fuzzing (atheris) of what strangers send: bodies of every protocol, and the files of a bundle.

    python benchmarks/fuzz/run.py [--seconds 60] [TARGET ...]

Nothing but a refusal in words (``VigieError``, ``RequestError``) may be raised, and no process may die. Bundles are tried with files
that were changed *and* signed again, as somebody would who wants to be loaded: hashes keep nobody out who can write the
manifest. A finding stops the target and leaves its input in ``--keep``. Needs atheris.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["vigie.serving", "vigie.bundle"]):
    from vigie.bundle import Scorer, parse, scorer
    from vigie.bundle import format as files_of_bundle
    from vigie.bundle.golden import replay
    from vigie.serving import events_messages, features_messages, invocations, messages, v2_messages

from vigie.errors import VigieError
from vigie.serving.refusal import RequestError

LIMIT = 50
ALLOWED = (VigieError, RequestError)
assert parse and scorer


def small_bundle(folder: Path, trees: bool) -> Path:
    """A bundle with numbers, categories and money, of few trees or of a line."""
    import numpy as np

    from vigie import Campaign, Score, Table
    from vigie.definition import Kind
    from vigie.features.training_set import TrainingSet
    from vigie.features.values import Values
    from vigie.training import TrainOptions
    from vigie.training.train import train

    r = np.random.default_rng(1)
    table, n = Table("t", key="id"), 300
    schema = {
        "t": {
            "x": Kind.NUMBER,
            "c": Kind.CATEGORY,
            "b": Kind.BOOLEAN,
            "d": Kind.TIME,
            "worth": Kind.NUMBER,
            "y": Kind.BOOLEAN,
        }
    }
    score = Score(
        "s", outcome=table["y"] == True, features=[table["x", "c", "b", "d"]],  # noqa: E712
        decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=table["worth"]),
    ).bound(schema)  # fmt: skip
    columns = [
        Values(Kind.NUMBER, r.normal(size=n)), Values(Kind.CATEGORY, r.integers(0, 3, n).astype(np.int32), ("a", "b", "é")),
        Values(Kind.BOOLEAN, r.integers(0, 2, n).astype(float)), Values(Kind.TIME, r.integers(10**15, 2 * 10**15, n)),
    ]  # fmt: skip
    rows = TrainingSet(
        customers=np.arange(n).astype(str).astype(object), moments=np.zeros(n, np.int64),
        features=dict(zip([f.name for f in score.bound_features], columns, strict=True)),
        extras={"t_worth": Values(Kind.NUMBER, r.gamma(2, 20, n))}, labels=(r.random(n) < 0.4).astype(np.int8), score=score,
        schema=schema, as_of=1, versions={"t": 0}, immature=0, unknown=0,
    )  # fmt: skip
    name = "lightgbm" if trees else "logistic_regression"
    found = train(rows, TrainOptions(models=(name,), trials=0, stack=False, select=False, folds=2), evidence=False)
    best = next(one for one in found.candidates if one.name == name)
    assert best is not None
    files_of_bundle.write_bundle(found.bundle, folder / name)
    return folder / name


def bodies(folder: Path) -> dict[str, Callable[[bytes], object]]:
    """What reads a body, by target."""
    made = Scorer(files_of_bundle.load_bundle(small_bundle(folder, trees=False)))
    kinds = {name: given.kind for name, given in made.inputs.items()}

    quick = messages.QuickDecoder(made.reader)

    def score(data: bytes) -> None:
        at_once = quick(data)
        request = messages.decode(data)
        if at_once is not None:
            (row,) = messages.rows_of(request, LIMIT)
            assert repr(sorted(at_once[0].values.items())) == repr(sorted(made.parse(row.values).items())), (
                "two ways, two values"
            )
        for row in messages.rows_of(request, LIMIT):
            if row.values is not None:
                made.score_one(made.parse(row.values))
        messages.moment_asked(request.as_of, 2 * 10**15)

    def split(data: bytes) -> tuple[bytes, int | None]:
        return (data[2:], int.from_bytes(data[:2]) if data[:1] != b"\0" else None) if len(data) > 2 else (data, None)

    return {
        "score": score,
        "invocations-json": lambda data: invocations.read_invocation(data, "application/json", kinds, LIMIT),
        "invocations-csv": lambda data: invocations.read_invocation(data, "text/csv", kinds, LIMIT),
        "v2": lambda data: v2_messages.read_inference(*split(data), kinds, LIMIT),
        "events": lambda data: events_messages.decode_events(data, LIMIT),
        "features": lambda data: features_messages.from_body(data, LIMIT),
        "features-query": lambda data: features_messages.from_query(data, LIMIT),
    }


def bundles(folder: Path, *, trees: bool) -> Callable[[bytes], object]:
    """Reads a bundle of which one file was changed, signed again."""
    place = small_bundle(folder, trees=trees)
    files = {entry.name: entry.read_bytes() for entry in place.iterdir() if entry.name != files_of_bundle.MANIFEST}
    names = sorted(files)

    def read(data: bytes) -> None:
        take = atheris.FuzzedDataProvider(data)
        name = names[take.ConsumeIntInRange(0, len(names) - 1)]
        content = bytearray(files[name])
        for _ in range(take.ConsumeIntInRange(1, 4)):
            at = take.ConsumeIntInRange(0, len(content))
            what, length = take.ConsumeIntInRange(0, 2), take.ConsumeIntInRange(0, 12)
            new = take.ConsumeBytes(length)
            content[at : at + (0 if what == 0 else length)] = b"" if what == 2 else new
        changed = {**files, name: bytes(content)}
        signed = {**changed, files_of_bundle.MANIFEST: files_of_bundle.stored(files_of_bundle._manifest("s", changed))}
        bundle = files_of_bundle._read(signed, where="fuzzed")
        Scorer(bundle)
        replay(bundle)

    return read


TARGETS = (
    "score",
    "invocations-json",
    "invocations-csv",
    "v2",
    "events",
    "features",
    "features-query",
    "bundle-line",
    "bundle-trees",
)
SEEDS = [
    b'{"values": {"t_x": 1.5, "t_c": "a", "t_b": true, "t_d": "2024-02-29", "t_worth": 7}, "reasons": 2}',
    b'{"customers": [{"customer_id": 7}], "as_of": "2024-01-01T00:00:00Z", "request_id": "r-1"}',
    b'{"dataframe_split": {"columns": ["t_x", "t_c"], "data": [[1, "a"], [null, "b"]]}, "params": {"a": 1}}',
    b'{"instances": [{"t_x": 1e300}]}', b'{"inputs": {"t_x": [1, 2], "t_c": ["a", "b"]}}', b't_x,t_c,t_b\n1,"a,b",true\n,,\n',
    b'{"id": "1", "inputs": [{"name": "t_x", "shape": [2, 1], "datatype": "FP64", "data": [1, 2]}], "outputs": [{"name": "probability"}]}',
    b'{"source": "orders", "events": [{"id": "1", "amount": 3}]}', b"customer=1&customer=2&feature=x&as_of=2024-01-01",
]  # fmt: skip


def fuzz(target: str, seconds: int, keep: Path) -> None:
    """One target, in this process, which libFuzzer ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        read = (
            bundles(folder, trees=target == "bundle-trees") if target.startswith("bundle") else bodies(folder)[target]
        )
        corpus = folder / "corpus"
        corpus.mkdir()
        for i, seed in enumerate(SEEDS):
            (corpus / str(i)).write_bytes(seed)

        def once(data: bytes) -> None:
            with contextlib.suppress(*ALLOWED):
                read(data)

        atheris.Setup(
            [sys.argv[0], str(corpus), f"-max_total_time={seconds}", f"-artifact_prefix={keep}/{target}-", "-max_len=4096",
             "-rss_limit_mb=4096", "-timeout=10", "-print_final_stats=1", "-verbosity=0"], once,
        )  # fmt: skip
        atheris.Fuzz()


def main() -> None:
    """Each target in a process of its own, one after the other."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=[])
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vigie-fuzz")
    arguments.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given: Any = arguments.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    if given.here:
        fuzz(given.targets[0], given.seconds, given.keep)
        return
    failed = []
    for target in given.targets or TARGETS:
        begun = time.monotonic()
        command = [
            sys.executable,
            __file__,
            "--here",
            target,
            "--seconds",
            str(given.seconds),
            "--keep",
            str(given.keep),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "number_of_executed_units" in line]
        runs = said[0].split()[-1] if said else "?"
        print(
            f"{target:<18} {runs:>10} inputs in {time.monotonic() - begun:.0f} s: {'nothing' if done.returncode == 0 else 'FOUND'}",
            flush=True,
        )
        if done.returncode:
            failed.append(target)
            print("\n".join((done.stdout + done.stderr).splitlines()[-40:]))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
