"""Runs a program that ends when its parent does: ``python -m vigie.lifecycle.supervisor_tether GRACE MODULE ARGUMENTS…``.

Standard input is a pipe whose other end only the parent holds. A parent that is killed, whatever way, lets go of it; then this
process and all of its group are asked to end, and killed after GRACE seconds. The program itself sees an empty standard input.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time


def main() -> None:
    """Run MODULE as the main program."""
    grace, module = float(sys.argv[1]), sys.argv[2]
    tether = os.dup(0)  # not inherited by what the program starts
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=_hold, args=(tether, grace), daemon=True).start()
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _hold(tether: int, grace: float) -> None:
    while os.read(tether, 1):
        pass
    group = os.getpgid(0)
    os.killpg(group, signal.SIGTERM)
    time.sleep(grace)
    os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
