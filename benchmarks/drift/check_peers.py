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
    found = {"told": told, "jensen_shannon": shares, "binned": binned(np), "quality": quality(world)}
    (OUT / "rules.json").write_text(json.dumps(found))


CUT = 0.3
"""From which score on somebody is acted on."""


def quality(world: Any) -> dict[str, Any]:
    """What rules say of outcomes: those that are as foretold, and those of windows in which more and more turn out the other way round."""
    import numpy as np
    import polars as pl
    from rules import EvidentlyQuality, Model, expected_of, quality_of

    reference = world.reference()
    model = Model(reference)
    rule = EvidentlyQuality(reference, 1, model, CUT)
    told: dict[str, Any] = {"failed": [], "auc": [], "estimated": []}
    chance = np.random.default_rng(4)

    def save(name: str, y: Any, p: Any) -> None:
        pl.DataFrame({"y": y.astype(int), "p": p, "d": (p >= CUT).astype(int)}).write_parquet(OUT / f"{name}.parquet")

    save("scored", reference.outcome, model.score(reference))
    for day in range(WINDOWS):
        rows = world.day(10 + day)
        turned = chance.random(len(rows.outcome)) < 0.3 * day
        rows.outcome[turned] = 1 - rows.outcome[turned]
        p = model.score(rows)
        save(f"scored{day}", rows.outcome, p)
        rule.add(day, rows)
        told["failed"].append(sorted(rule.drifted(day + 1)))
        told["auc"].append(quality_of(rows.outcome, p, CUT)["roc_auc"])
        told["estimated"].append(expected_of(p, p > 1)["auc"])
    return told


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
    (OUT / "evidently.json").write_text(
        json.dumps({"drifted": drifted, "distances": distances, "failed": failed_tests()})
    )


def failed_tests() -> list[list[str]]:
    """Figures of a classification whose tests fail, by window, as Evidently says."""
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.presets import ClassificationPreset

    task = BinaryClassification(target="y", prediction_labels="d", prediction_probas="p", pos_label=1)
    columns = DataDefinition(classification=[task], categorical_columns=["y", "d"], numerical_columns=["p"])
    found = []
    for day in range(WINDOWS):
        data = [
            Dataset.from_pandas(pd.read_parquet(OUT / f"{name}.parquet"), data_definition=columns)
            for name in (f"scored{day}", "scored")
        ]
        told = Report([ClassificationPreset(probas_threshold=CUT)], include_tests=True).run(*data).dict()["tests"]
        failed = [one["name"].split(" metric")[0] for one in told if str(one["status"]).endswith("FAIL")]
        found.append(sorted(NAMES.get(one, one) for one in failed))
    return found


NAMES = {
    "Accuracy": "accuracy", "Precision": "precision", "Recall": "recall", "F1 score": "f1", "RocAuc": "roc_auc", "LogLoss": "log_loss",
    "TPR": "tpr", "TNR": "tnr", "FPR": "fpr", "FNR": "fnr",
}  # fmt: skip
"""Of Evidently's tests, as the rule has them."""


def aucs() -> dict[str, Any]:
    """NannyML's realised and estimated AUC of the windows, and how far its limits lie from three standard deviations of its chunks."""
    import nannyml as nml
    import pandas as pd

    asked: dict[str, Any] = {
        "y_pred_proba": "p", "y_pred": "d", "y_true": "y", "problem_type": "classification_binary", "metrics": ["roc_auc"],
    }  # fmt: skip
    reference = pd.read_parquet(OUT / "scored.parquet")
    found: dict[str, Any] = {"auc": [], "estimated": [], "limit": 0.0}
    for day in range(WINDOWS):
        live = pd.read_parquet(OUT / f"scored{day}.parquet")
        realised = nml.PerformanceCalculator(**asked, chunk_size=len(live)).fit(reference)
        told = realised.calculate(live).to_df()
        found["auc"].append(float(told.loc[told["chunk", "period"] == "analysis", ("roc_auc", "value")].iloc[0]))
        chunks = told.loc[told["chunk", "period"] == "reference", "roc_auc"]
        lies = chunks["lower_threshold"].iloc[0] - (chunks["value"].mean() - 3 * chunks["value"].std(ddof=0))
        found["limit"] = max(found["limit"], float(abs(lies)))
        told = nml.CBPE(**asked, chunk_size=len(live)).fit(reference).estimate(live).to_df()
        found["estimated"].append(float(told.loc[told["chunk", "period"] == "analysis", ("roc_auc", "value")].iloc[0]))
    return found


def nannyml() -> None:
    """NannyML's Jensen-Shannon distance of the last window, by column."""
    import nannyml as nml
    import pandas as pd

    nml.disable_usage_logging()
    reference, live = pd.read_parquet(OUT / "reference.parquet"), pd.read_parquet(OUT / f"day{WINDOWS - 1}.parquet")
    names = list(reference)
    calculator = nml.UnivariateDriftCalculator(
        column_names=names, treat_as_categorical=[n for n in names if not n.startswith("n")], chunk_number=1
    )
    told = calculator.fit(reference).calculate(live).filter(period="analysis").to_df()
    distances = {name: float(told[name, "jensen_shannon", "value"].iloc[0]) for name in names}
    (OUT / "nannyml.json").write_text(json.dumps({"distances": distances, "quality": aucs()}))


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
        for day, (mine, other) in enumerate(zip(rules["quality"]["failed"], theirs["failed"], strict=True)):
            print(
                f"outcomes of window {day}: {len(mine)} and {len(other)} tests fail, different {sorted(set(mine) ^ set(other))}"
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
        far = {name: abs(value - rules["jensen_shannon"][name]) for name, value in theirs["distances"].items()}
        print(
            f"NannyML's Jensen-Shannon: largest difference {max(far.values()):.2e} ({max(far, key=lambda one: far[one])})"
        )
        for name, title in (("auc", "realised"), ("estimated", "estimated")):
            apart = [abs(a - b) for a, b in zip(theirs["quality"][name], rules["quality"][name], strict=True)]
            print(f"its {title} AUC of {WINDOWS} windows: largest difference {max(apart):.2e}")
        print(f"its limit from three standard deviations of its chunks: {theirs['quality']['limit']:.2e}")


if __name__ == "__main__":
    {"evidently": evidently, "nannyml": nannyml, "compare": compare}[sys.argv[1] if len(sys.argv) > 1 else "compare"]()
