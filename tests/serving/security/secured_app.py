"""A server that asks for keys or certificates, run as a program: ``secured_app.py OPTIONS`` with JSON."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from vigie.clock import SystemClock
from vigie.lifecycle.serve import make_app, plan_bundle
from vigie.serving import serve
from vigie.serving.security.settings import SecuritySettings
from vigie.serving.security.tls import Tls

if __name__ == "__main__":
    said = json.loads(sys.argv[1])
    folder = Path(said["folder"])
    plan = plan_bundle(Path(said["bundle"]), folder / "journal", SystemClock())
    who = SecuritySettings(folder, folder / "keys.db", folder / "admin", limits=said.get("limits", ""))
    tls = None if "cert" not in said else Tls(Path(said["cert"]), ca=Path(said["ca"]) if "ca" in said else None)
    from dataclasses import replace

    plan = replace(plan, security=who, tls=tls)
    serve(
        partial(make_app, plan),
        host=said.get("host", "127.0.0.1"),
        port=0,
        workers=said.get("workers", 1),
        authenticated=plan.authenticated,
        tls=tls,
        on_listening=lambda url: print(url, flush=True),
    )
