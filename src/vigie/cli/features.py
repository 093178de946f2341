"""``vigie features``: what is computed of customers, and what is kept to compute it."""

from __future__ import annotations

import typer

from vigie.cli import features_backfill, features_verify

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
"""The commands below ``vigie features``; each is a module of its own, ``features_<command>.py``."""

group.command("verify")(features_verify.verify)
group.command("backfill")(features_backfill.backfill)
