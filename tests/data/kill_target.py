"""One ingest in a process of its own, for tests that kill it."""

import sys
from pathlib import Path

from vigie.clock import SystemClock
from vigie.data import FileLocation, Lake, SqlLocation, ingest
from vigie.definition import Events

root, kind = Path(sys.argv[1]), sys.argv[2]
if kind == "files":
    location = FileLocation((str(root / "in" / "*.csv"),))
else:
    location = SqlLocation(f"sqlite:///{root / 'shop.db'}", table="orders", watermark="at")
orders = Events("orders", key="customer", time="at", id="order_id")
print("ready", flush=True)
ingest(orders, location, Lake(root / "lake"), root / "contracts", SystemClock(), commit_rows=400)
print("done", flush=True)
