"""``vigie keys``: who may call the API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from vigie.cli import screen
from vigie.cli.arguments import Environment, Folder
from vigie.clock import SystemClock, iso, parse_moment
from vigie.errors import DefinitionError, SettingsError

if TYPE_CHECKING:
    from vigie.journal.admin import AdminEvent
    from vigie.serving.security.key import ApiKey
    from vigie.settings import Settings

group = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Who the key is for; stands in the record of every prediction.")]
Expires = Annotated[
    str | None, typer.Option("--expires", help="How long it is valid: 90d, 12h.", show_default="for good")
]


@group.command()
def create(
    name: Name,
    role: Annotated[
        list[str],
        typer.Option(
            "--role", help="What it allows: score, explain, features, events, metrics, admin. May be repeated."
        ),
    ],
    scores: Annotated[
        list[str] | None,
        typer.Option("--scores", help="Scores it allows; may be repeated, or separated by commas.", show_default="all"),
    ] = None,
    expires: Expires = None,
    rate: Annotated[
        str | None, typer.Option("--rate", help="Requests: 100/s, 600/m, 5000/h.", show_default="any number")
    ] = None,
    burst: Annotated[
        int | None, typer.Option("--burst", help="Of those, at once.", show_default="those of a second")
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option("--max-rows", help="Customers or events in a request.", show_default="as the server")
    ] = None,
    max_body: Annotated[
        int | None, typer.Option("--max-body", help="Bytes of a request.", show_default="as the server")
    ] = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Make a key and show it, once: only its hash is kept.

    With the first key of a project its server asks every caller for one; a server that runs has to be started again for
    that. Later keys are known to it within a second.
    """
    from vigie.lifecycle.project import Project
    from vigie.lifecycle.security import administration_of
    from vigie.serving.security.administration import Wanted

    named = _listed(scores)
    opened = Project.open(project, environment, SystemClock())
    for score in named:
        opened.score(score)
    wanted = Wanted(
        roles=_listed(role),
        scores=named,
        lasts=None if expires is None else _span(expires, "--expires"),
        rate=rate or "",
        burst=burst,
        max_rows=max_rows,
        max_body_bytes=max_body,
    )
    key, text = administration_of(opened.settings, SystemClock()).create(name, wanted)
    _show(key, text)


@group.command("list")
def listing(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """List the keys, without what would open anything."""
    from vigie.lifecycle.security import security_of

    now = SystemClock().now()
    keys = security_of(_settings(project, environment)).store().read()
    if as_json:
        for key in keys:
            typer.echo(json.dumps(_told(key, now)))
        return
    if not keys:
        screen.say("there are no keys: vigie keys create NAME --role score")
        return
    rows = [
        [
            key.name,
            f"vgk_{key.id}_…",
            ", ".join(key.roles),
            "all" if key.scores is None else ", ".join(key.scores),
            key.rate or "any",
            iso(key.created)[:10],
            "never" if key.expires is None else iso(key.expires)[:10],
            key.state(now) + (f", and the one before until {iso(key.old_until)}" if key.old_until > now else ""),
        ]
        for key in keys
    ]
    headings = ("name", "key", "roles", "scores", "rate", "made", "expires", "state")
    screen.table([(heading, "left") for heading in headings], rows, cut=7)


@group.command()
def rotate(
    name: Name,
    grace: Annotated[
        str, typer.Option("--grace", help="How long the old one stays valid: 7d, 1h; 0 for not at all.")
    ] = "1d",
    expires: Expires = None,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Make a new key under the same name; the old one stays valid for a while.

    Without --expires the new one is valid for as long as the old one was, from now on.
    """
    from vigie.lifecycle.security import administration_of

    span = 0 if grace in ("0", "0s") else _span(grace, "--grace")
    lasts = None if expires is None else _span(expires, "--expires")
    key, text = administration_of(_settings(project, environment), SystemClock()).rotate(name, span, lasts)
    _show(key, text)
    if key.old_until:
        screen.say(f"the old one is valid until {iso(key.old_until)}")


@group.command()
def revoke(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="For the record.", show_default=False)] = "",
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Make a key invalid for good, on every server within a second."""
    from vigie.lifecycle.security import administration_of

    key = administration_of(_settings(project, environment), SystemClock()).revoke(name, reason)
    screen.say(f"[bold]{escape(key.name)}[/] vgk_{key.id}_… is not valid any more")


@group.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to: a .json file.")],
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Write the hashes of the keys to a file, for `vigie serve --bundle … --keys FILE` where there is no project."""
    from vigie.lifecycle.security import administration_of

    if file.suffix != ".json":
        raise SettingsError("not a .json file", where=str(file), remedy="call it keys.json")
    count = administration_of(_settings(project, environment), SystemClock()).export(file)
    screen.say(f"{count} {'key' if count == 1 else 'keys'} in {escape(str(file))}", wrap=False)


@group.command()
def audit(
    since: Annotated[str | None, typer.Option("--since", help="From this date or time on.", show_default="all")] = None,
    name: Annotated[str | None, typer.Option("--name", help="About this key alone.", show_default="all")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
    project: Folder = Path(),
    environment: Environment = None,
) -> None:
    """Show who made, replaced and revoked keys, and whom the server turned away.

    Of refusals for one reason there is a line in ten seconds, with their number; of a key that was replaced and is still used, one
    in ten minutes.
    """
    from vigie.journal.admin import AdminReader
    from vigie.lifecycle.security import security_of

    try:
        start = 0 if since is None else parse_moment(since)
    except ValueError as error:
        raise SettingsError(f"--since {since!r} is not a date", remedy="write it as 2026-01-31") from error
    reader = AdminReader(security_of(_settings(project, environment)).journal)
    events = [event for event in reader if event.at >= start and name in (None, event.subject)]
    if as_json:
        import msgspec

        for event in events:
            typer.echo(msgspec.json.encode(event).decode())
    elif not events:
        screen.say("nothing is on record")
    else:
        headings = [
            ("when", "left"),
            ("what", "left"),
            ("key", "left"),
            ("by", "left"),
            ("why", "left"),
            ("times", "right"),
        ]
        screen.table(headings, [_row(event) for event in events])
    if reader.torn:
        screen.errors.print(f"{reader.torn} lines are cut off: the disk was full when they were written")


def _row(event: AdminEvent) -> list[str]:
    why = " ".join(filter(None, (event.reason, event.path)))
    when = iso(event.at - event.at % 1_000_000)
    return [when, event.action, event.subject, event.actor, why, f"{event.count:,}"]


def _settings(folder: Path, environment: str | None) -> Settings:
    from vigie.settings import find, read

    return read(find(folder.resolve()), environment)


def _listed(given: list[str] | None) -> list[str]:
    return [word.strip() for one in given or () for word in one.split(",") if word.strip()]


def _span(text: str, option: str) -> int:
    from vigie.definition.window import Window

    try:
        return Window.parse(text).microseconds
    except DefinitionError as error:
        raise SettingsError(error.what, where=option, remedy=error.remedy) from error


def _show(key: ApiKey, text: str) -> None:
    """The key alone on standard output, so that it can be piped into a vault; what is to be said of it beside."""
    scores = "all scores" if key.scores is None else ", ".join(key.scores)
    until = "for good" if key.expires is None else f"until {iso(key.expires)}"
    screen.errors.print(
        f"[bold]{escape(key.name)}[/]: {', '.join(key.roles)} of {escape(scores)}, {until}. It is shown this once:",
        soft_wrap=True,
    )
    typer.echo(text)


def _told(key: ApiKey, now: int) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.id,
        "roles": key.roles,
        "scores": key.scores,
        "created": iso(key.created),
        "expires": None if key.expires is None else iso(key.expires),
        "state": key.state(now),
        "old_until": iso(key.old_until) if key.old_until > now else None,
        "rate": key.rate or None,
        "burst": key.burst,
        "max_rows": key.max_rows,
        "max_body_bytes": key.max_body_bytes,
    }
