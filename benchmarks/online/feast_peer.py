"""The same 20 values of the same customers, stored in Feast. Run by the Python of Feast's own environment.

python feast_peer.py load sqlite|redis REDIS_PORT FOLDER
python feast_peer.py time sqlite|redis REDIS_PORT FOLDER CALLS
"""

from __future__ import annotations

import datetime
import gc
import json
import os
import sys
import time
from pathlib import Path

os.environ["FEAST_USAGE"] = "False"

import numpy as np
import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.types import Float64

NAMES = [f"f{i}" for i in range(20)]
ASKED = [f"fv:{name}" for name in NAMES]

command, kind, port, folder = sys.argv[1:5]
repo = Path(folder) / f"feast_{kind}"
repo.mkdir(exist_ok=True)
online = (
    "type: sqlite\n  path: online.db" if kind == "sqlite" else f"type: redis\n  connection_string: 127.0.0.1:{port}"
)
(repo / "feature_store.yaml").write_text(
    "project: bench\nprovider: local\nregistry: registry.db\n"
    f"online_store:\n  {online}\noffline_store:\n  type: dask\nentity_key_serialization_version: 3\n"
)
os.chdir(repo)
store = FeatureStore(repo_path=".")

values = str(Path(folder) / "values.parquet")
if command == "load":
    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.INT64)
    source = FileSource(name="src", path=values, timestamp_field="event_timestamp")
    fields = [Field(name=name, dtype=Float64) for name in NAMES]
    view = FeatureView(name="fv", entities=[customer], ttl=datetime.timedelta(days=0), schema=fields, source=source)
    store.apply([customer, view])
    store.write_to_online_store("fv", pd.read_parquet(values))
else:
    calls = int(sys.argv[5])
    r = np.random.default_rng(1)
    one = [[int(i)] for i in r.integers(0, 10_000, calls)]
    many = [[int(i) for i in r.choice(10_000, 100, replace=False)] for _ in range(max(calls // 30, 5))]

    def look_up(keys: list[int]) -> dict[str, list[object]]:
        """The stored values, by name."""
        return store.get_online_features(features=ASKED, entity_rows=[{"customer_id": key} for key in keys]).to_dict()

    result = {}
    gc.collect()
    gc.freeze()
    for name, asked in (("1", one), ("100", many)):
        for keys in asked[:30]:
            look_up(keys)
        took = []
        for keys in asked:
            begun = time.perf_counter()
            look_up(keys)
            took.append(time.perf_counter() - begun)
        result[name] = {"p50_ms": float(np.median(took) * 1e3), "p99_ms": float(np.percentile(took, 99) * 1e3)}
    found = look_up(list(range(10)))
    result["values"] = [[found[name][i] for name in NAMES] for i in range(10)]
    print(json.dumps(result))
