"""``vigie features``: what is computed of customers, and what is kept to compute it."""

from __future__ import annotations

import typer

from vigie.cli import (
    features_backfill,
    features_export,
    features_lineage,
    features_list,
    features_materialise,
    features_page,
    features_show,
    features_verify,
)

group = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
"""The commands below ``vigie features``; each is a module of its own, ``features_<command>.py``."""

group.command("list")(features_list.listing)
group.command("show")(features_show.show)
group.command("lineage")(features_lineage.lineage)
group.command("page")(features_page.page)
group.command("verify")(features_verify.verify)
group.command("backfill")(features_backfill.backfill)
group.command("materialise")(features_materialise.materialise)
group.add_typer(features_export.group, name="export", help="Features for other feature stores.")
