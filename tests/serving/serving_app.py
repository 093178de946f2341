"""Factories of apps for worker processes: functions of a module, as workers need them. Run as a program it serves one."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from vigie.bundle import load_bundle
from vigie.clock import SystemClock
from vigie.errors import BundleError
from vigie.journal import PredictionJournal
from vigie.serving import Served, ServingSettings, create_app, serve


def make(bundle: str, journal: str, settings: ServingSettings) -> FastAPI:
    served = Served("churn", "1", load_bundle(Path(bundle)))
    return create_app({"churn": served}, PredictionJournal(journal), SystemClock(), settings)


def broken(settings: ServingSettings) -> FastAPI:
    raise BundleError("the bundle is broken", remedy="make another")


if __name__ == "__main__":
    bundle, journal, workers = sys.argv[1:]
    factory = partial(make, bundle, journal) if bundle != "broken" else broken
    serve(factory, port=0, workers=int(workers), on_listening=lambda url: print(url, flush=True))
