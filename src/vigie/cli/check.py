"""``vigie check``: is the project sound?"""

from __future__ import annotations

from pathlib import Path

import typer

from vigie.cli import screen
from vigie.cli.arguments import AsOf, Environment, Folder, open_project
from vigie.findings import Severity


def check(project: Folder = Path(), environment: Environment = None, as_of: AsOf = None) -> None:
    """Check project files, settings, contracts and the fit between them. Exit code 1 on findings of severity error."""
    from vigie.lifecycle.check import check_project

    opened = open_project(project, environment, as_of)
    with screen.stage(f"Check {', '.join(opened.scores)}"):
        found = check_project(opened)
    screen.findings(found, at_most=100)
    if not found:
        screen.say("nothing to complain about")
    if any(finding.severity is Severity.ERROR for finding in found):
        raise typer.Exit(1)
