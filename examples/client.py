"""Scores customers with a running API and prints what to do with each.

    vigie serve &
    python client.py 13167 13168 --url=http://127.0.0.1:8000 --key=env:VIGIE_KEY

Needs ``pip install 'vigie[client]'``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vigie.client import ApiError, Client
from vigie.errors import VigieError
from vigie.settings import secret


def main() -> int:
    """Asks for the customers named, all in one request; returns the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("customers", nargs="+", help="ids of customers")
    options.add_argument("--url", default="http://127.0.0.1:8000", help="of the API")
    options.add_argument("--key", default="", help="API key as env:NAME or file:PATH")
    options.add_argument("--score", help="name of the score, where several are served")
    options.add_argument("--reasons", type=int, default=2, help="reasons for each customer")
    said = options.parse_args()
    try:
        key = secret(said.key, Path.cwd(), "--key") if said.key else None
        with Client(said.url, key=key, score=said.score) as vigie:
            for one in vigie.score_many(said.customers, reasons=said.reasons):
                why = ", ".join(reason.words for reason in one.reasons)
                sys.stdout.write(f"{one.customer_id or '':>12}  {one.score:6.1%}  {one.decision:<10}  {why}\n")
    except ApiError as error:
        more = [f"{problem.field}: {problem.reason}\n" for problem in error.problems[1:]]
        sys.stderr.write("".join([f"{error}\n", *more]))
        return 1
    except VigieError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
