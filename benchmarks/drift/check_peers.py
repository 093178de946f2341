"""Are the rules of ``rules.py`` those of the packages? And are Vigie's distances Evidently's on the same bins?

    PYTHON_OF_EVIDENTLY benchmarks/drift/check_peers.py evidently
    PYTHON_OF_NANNYML benchmarks/drift/check_peers.py nannyml
    python benchmarks/drift/check_peers.py compare

The first two run in the peers' own environments on three windows of the generated world, which ``compare`` writes when it is run first;
run last, it compares. Files are in ``benchmarks/out/drift``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "out" / "drift"
WINDOWS = 3


def write() -> None:
    """The reference and the windows as Parquet files, and what the rules say of them."""
    import numpy as np
    import polars as pl
    from rules import Evidently, NannyML
    from worlds import Fault, Generated, Rows

    OUT.mkdir(parents=True, exist_ok=True)
    world = Generated(5, a_day=400, fault=Fault(day=2, shift=0.5))
    reference = world.reference()

    def save(name: str, rows: Rows) -> None:
        columns: dict[str, Any] = dict(rows.numbers)
        columns |= {one: [f"v{code}" for code in codes.tolist()] for one, codes in rows.categories.items()}
        pl.DataFrame({**columns, "outcome": [f"v{one}" for one in rows.outcome.tolist()]}).write_parquet(
            OUT / f"{name}.parquet"
        )

    save("reference", reference)
    rules: dict[str, Any] = {"evidently": Evidently(reference, 1), "nannyml": NannyML(reference, 1, 400, 0)}
    told: dict[str, list[list[str]]] = {name: [] for name in rules}
    shares: dict[str, Any] = {}
    for day in range(WINDOWS):
        rows = world.day(day)
        save(f"day{day}", rows)
        for name, rule in rules.items():
            rule.add(day, rows)
            told[name].append(sorted(rule.drifted(day + 1)))
    nannyml = rules["nannyml"]
    for name, (bins, reference_shares, _) in nannyml.columns.items():
        every = {**rows.numbers, **rows.categories, "outcome": rows.outcome}
        from scipy.spatial.distance import jensenshannon

        live = nannyml._shares(every[name], bins, name in reference.numbers)
        shares[name] = float(jensenshannon(reference_shares, live, base=2))
    (OUT / "rules.json").write_text(json.dumps({"told": told, "jensen_shannon": shares, "binned": binned(np)}))


def binned(np: Any) -> list[Any]:
    """Counts in the same bins, for Evidently's formulas; none is empty."""
    chance = np.random.default_rng(1)
    return [[chance.integers(1, 900, 12).tolist() for _ in range(2)] for _ in range(50)]


def evidently() -> None:
    """What Evidently says of the windows, and its PSI, KL and JS of given counts."""
    import numpy as np
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.calculations.stattests import jensenshannon, kl_div, psi
    from evidently.legacy.core import ColumnType
    from evidently.presets import DataDriftPreset

    reference = pd.read_parquet(OUT / "reference.parquet")
    numbers = [name for name in reference if name.startswith("n")]
    columns = DataDefinition(numerical_columns=numbers, categorical_columns=[n for n in reference if n not in numbers])
    drifted = []
    for day in range(WINDOWS):
        data = [
            Dataset.from_pandas(one, data_definition=columns)
            for one in (pd.read_parquet(OUT / f"day{day}.parquet"), reference)
        ]
        told = Report([DataDriftPreset()]).run(*data).dict()["metrics"]
        drifted.append(
            sorted(
                one["config"]["column"]
                for one in told
                if "column" in one.get("config", {}) and float(one["value"]) >= 0.1
            )
        )
    distances = []
    for a, b in json.loads((OUT / "rules.json").read_text())["binned"]:
        live, other = (pd.Series(np.repeat([f"v{i:02}" for i in range(12)], counts)) for counts in (a, b))
        distances.append(
            [
                float(f(other, live, ColumnType.Categorical, 0.1)[0])
                for f in (psi._psi, kl_div._kl_div, jensenshannon._jensenshannon)
            ]
        )
    (OUT / "evidently.json").write_text(json.dumps({"drifted": drifted, "distances": distances}))


def nannyml() -> None:
    """NannyML's Jensen-Shannon distance of the last window, by column."""
    import nannyml as nml
    import pandas as pd

    reference, live = pd.read_parquet(OUT / "reference.parquet"), pd.read_parquet(OUT / f"day{WINDOWS - 1}.parquet")
    names = list(reference)
    calculator = nml.UnivariateDriftCalculator(
        column_names=names, treat_as_categorical=[n for n in names if not n.startswith("n")], chunk_number=1
    )
    told = calculator.fit(reference).calculate(live).filter(period="analysis").to_df()
    (OUT / "nannyml.json").write_text(
        json.dumps({name: float(told[name, "jensen_shannon", "value"].iloc[0]) for name in names})
    )


def compare() -> None:
    """Everything that was written, side by side."""
    import numpy as np

    from vigie.watch.distances import jensen_shannon, kullback_leibler, psi

    if not (OUT / "rules.json").is_file():
        write()
        print(f"written to {OUT}; now run this file with the peers' Pythons")
        return
    rules = json.loads((OUT / "rules.json").read_text())
    if (OUT / "evidently.json").is_file():
        theirs = json.loads((OUT / "evidently.json").read_text())
        for day, (mine, other) in enumerate(zip(rules["told"]["evidently"], theirs["drifted"], strict=True)):
            print(
                f"window {day}: {len(mine)} and {len(other)} columns drifted, different {sorted(set(mine) ^ set(other))}"
            )
        worst = np.zeros(3)
        for (a, b), told in zip(rules["binned"], theirs["distances"], strict=True):
            p, q = np.array(a), np.array(b)
            ours = [psi(p, q, add=0), kullback_leibler(q, p, add=0), jensen_shannon(p, q, base=np.e)]
            worst = np.maximum(worst, np.abs(np.array(ours, dtype=float) - told))
        print(
            "largest difference of PSI, KL (of the reference from the live), JS from Evidently's on the same bins:",
            worst,
        )
    if (OUT / "nannyml.json").is_file():
        theirs = json.loads((OUT / "nannyml.json").read_text())
        far = {name: abs(value - rules["jensen_shannon"][name]) for name, value in theirs.items()}
        print(
            f"NannyML's Jensen-Shannon: largest difference {max(far.values()):.2e} ({max(far, key=lambda one: far[one])})"
        )


if __name__ == "__main__":
    {"evidently": evidently, "nannyml": nannyml, "compare": compare}[sys.argv[1] if len(sys.argv) > 1 else "compare"]()
