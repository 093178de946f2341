"""Tells people of incidents, through every service that Apprise knows.

What is to be told follows from the ledger: a line that opened an incident, opened it again, made it worse or ended it is a
message owed to each channel that asked for such. Beside it stands, as a fact, whether it was sent. So a message is not lost
where a channel fails or a watcher dies: whoever watches next finds it owed still. One watcher sends at a time, under a
lease; one that dies between sending and noting it makes a message come twice, never not at all.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vigie.clock import iso
from vigie.definition.window import Window
from vigie.errors import DefinitionError, MissingExtraError, SettingsError, did_you_mean
from vigie.lifecycle.incidents import stream_of
from vigie.settings import secret
from vigie.watch.incident import (
    CHANGED,
    OPENED,
    REOPENED,
    RESOLVED,
    SEVERITIES,
    Incident,
    Severity,
    Standing,
    folded,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vigie.journal.ledger import Ledger, LedgerLine
    from vigie.lifecycle.project import Project

TOPIC, BEGUN = "alerts", "alert channels"
"""Topics of facts: what was sent, and since when a channel is told."""
REPEAT = "24h"
"""How long until an incident is told again, if ``[alerts] repeat`` says nothing."""
FIRST_WAIT, LONGEST_WAIT = 60_000_000, 3_600_000_000
"""µs until a channel that failed is tried again: doubled each time, up to the longest."""
_LEASE = 300_000_000
_WHERE = "[alerts]"

_LEVEL = re.compile(r"^.*?(WARNING|ERROR|CRITICAL) - ")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Channel:
    """Somebody who is told.

    Attributes:
        id: Of what ``vigie.toml`` says, without the secret.
        name: To show: the reference, or the service of a URL that is written out.
        url: Of Apprise, resolved.
        severity: Least severity that is told.
        scores: Whose incidents are told; none: all.
        endpoint: Address of the service instead of its usual one: a VPC endpoint, say.
    """

    id: str
    name: str
    url: str
    severity: Severity = "warning"
    scores: tuple[str, ...] = ()
    endpoint: str = ""

    def wants(self, message: Message) -> bool:
        """Whether it is told of something."""
        enough = SEVERITIES.index(message.severity) >= SEVERITIES.index(self.severity)
        return enough and (not self.scores or message.incident.score in self.scores)


@dataclass(frozen=True, slots=True)
class Message:
    """Something owed to a channel.

    Attributes:
        key: The same whoever works it out.
        incident: What it is about, as it is now.
        event: ``"opened"``, ``"reopened"``, ``"worse"``, ``"resolved"`` or ``"open still"``.
        at: When that happened, µs UTC.
        severity: How bad the incident was then.
    """

    key: str
    incident: Incident
    event: str
    at: int
    severity: Severity


def channels_of(project: Project) -> list[Channel]:
    """Who is told: ``[alerts] channels``.

    Raises:
        SettingsError: It is no list of URLs and tables, a secret is missing, or Apprise does not know a URL.
        MissingExtraError: There are channels, and Apprise is not installed.
    """
    said = project.settings.alerts.get("channels", [])
    if not isinstance(said, list):
        raise SettingsError("channels is not a list", where=_WHERE, remedy='write channels = ["env:SLACK_URL"]')
    return [_channel(project, one, number) for number, one in enumerate(said, start=1)]


def send_alerts(project: Project, ledger: Ledger, now: int) -> list[str]:
    """Send what is owed and due; what fails is tried again later.

    Args:
        project: Its ``[alerts]`` say who is told.
        ledger: What happened, and what was sent.
        now: µs UTC.

    Returns:
        What failed, in words. Nothing is lost.

    Raises:
        SettingsError: ``[alerts]`` cannot be meant.
        JournalError: The ledger cannot be read or written.
    """
    channels = channels_of(project)
    if not channels:
        return []
    repeat, holder = _repeat(project), uuid.uuid4().hex
    if not ledger.lease(TOPIC, holder, now, now + _LEASE):
        return []
    try:
        lines = {score: ledger.lines(stream_of(score)) for score in project.scores}
        problems = []
        for channel in channels:
            problems += _tell(project, ledger, channel, lines, repeat, now)
        return problems
    finally:
        ledger.lease(TOPIC, holder, now, 0)


def try_channels(project: Project) -> list[tuple[Channel, str]]:
    """Send every channel a message that says that it is a test; with each what went wrong, empty where nothing did.

    Raises:
        SettingsError: ``[alerts]`` cannot be meant, or there is no channel.
    """
    channels = channels_of(project)
    if not channels:
        raise SettingsError("there are no channels", where=_WHERE, remedy='write channels = ["env:SLACK_URL"]')
    body = "This is a test. Incidents of this project will be told here."
    return [(channel, _notify(channel, "Vigie: test", body, "info")) for channel in channels]


def messages(lines: Sequence[LedgerLine], repeat: int, now: int) -> Iterator[Message]:
    """Everything that is to be told of the incidents of one score, whoever wants it.

    Args:
        lines: All of its incidents.
        repeat: µs until an incident that is open is told again.
        now: µs UTC.
    """
    standing, latest = Standing(), folded(lines)
    told_at: dict[str, int] = {}
    for line in lines:
        before = standing.incidents.get(str(line.body["incident"]))
        standing = folded([line], standing)
        incident = standing.incidents.get(str(line.body["incident"]))
        if incident is None:
            continue
        event = ""
        if line.kind in (OPENED, REOPENED):
            event = line.kind
        elif line.kind == CHANGED and before is not None and incident.line != before.line:
            event = "worse"
        elif line.kind == RESOLVED and not incident.reason.startswith("one with "):
            event = "resolved"
        if event:
            told_at[incident.id] = line.at
            now_is = latest.incidents[incident.id]
            shown = incident if event == "resolved" else now_is
            yield Message(f"{incident.score} {line.number:08d}", shown, event, line.at, incident.severity)
    for incident in latest.ongoing:
        times = (now - told_at.get(incident.id, now)) // repeat
        if times and incident.status(now) == "open" and incident.quiet is None:
            at = told_at[incident.id] + times * repeat
            yield Message(
                f"{incident.score} {incident.line:08d} again {times:04d}", incident, "open still", at, incident.severity
            )


def text_of(project: Project, message: Message) -> tuple[str, str]:
    """Title and body of a message; the body is Markdown."""
    one = message.incident
    what = {"opened": "", "reopened": "again: ", "worse": "worse: ", "resolved": "over: ", "open still": "still: "}
    title = f"[{one.severity}] {one.score}: {what[message.event]}{one.cause.words or one.cause.code}"
    lines = [f"**{one.id}** {message.event}, since {iso(one.since)[:16]} UTC"]
    if message.event == "resolved":
        lines.append(one.reason)
    else:
        if math.isfinite(one.loss):
            lines.append(f"Estimated loss: {one.loss:,.0f} a day")
        if one.affected:
            lines.append(f"Affected: {', '.join(one.affected)}")
        others = [f"- {told.words or told.code}" for told in one.signals[1:6]]
        if others:
            lines += ["", "Follows from it:", *others]
        if len(one.signals) > 6:
            lines.append(f"- … and {len(one.signals) - 6} more")
        if one.suspects:
            lines += ["", "Suspects:", *(f"{n}. {who.why or who.what}" for n, who in enumerate(one.suspects[:3], 1))]
        lines += ["", f"`vigie incidents show {one.id}` shows what to do; `vigie incidents ack {one.id}` takes it on."]
    link = str(project.settings.alerts.get("link", ""))
    if link:
        lines += ["", link.replace("{incident}", one.id).replace("{score}", one.score)]
    return title, "\n".join(lines)


# -- sending -------------------------------------------------------------------------------------------------------


def _tell(
    project: Project,
    ledger: Ledger,
    channel: Channel,
    lines: Mapping[str, Sequence[LedgerLine]],
    repeat: int,
    now: int,
) -> list[str]:
    begun = ledger.facts(BEGUN, channel.id).get(channel.id, {}).get("at")
    if begun is None:
        begun = now
        ledger.put_facts(BEGUN, now, {channel.id: {"at": now, "name": channel.name}})
    sent = {
        key.removesuffix(f" {channel.id}"): body
        for key, body in ledger.facts(TOPIC).items()
        if key.endswith(f" {channel.id}")
    }
    problems: list[str] = []
    for of in lines.values():
        for message in messages(of, repeat, now):
            if not _owed(channel, message, sent, begun):
                continue
            fact = sent.get(message.key, {})
            if "sent" in fact:
                continue
            if fact.get("next", 0) > now:
                break  # what follows would come in another order
            fact, problem = _send(project, channel, message, sent, lines, fact, now)
            ledger.put_facts(TOPIC, now, {f"{message.key} {channel.id}": fact})
            sent[message.key] = fact
            if problem:
                problems.append(f"{channel.name}: {problem}; it is tried again at {iso(fact['next'])[:16]}")
                break
    return problems


def _owed(channel: Channel, message: Message, sent: Mapping[str, Any], begun: int) -> bool:
    incident = message.incident
    if message.event in ("resolved", "open still"):
        told = any(fact.get("incident") == incident.id and "sent" in fact for fact in sent.values())
        return told and (message.event == "resolved" or channel.wants(message))
    # What was over before anybody asked to be told is no news.
    return channel.wants(message) and (incident.ongoing or message.at >= begun)


def _send(
    project: Project,
    channel: Channel,
    message: Message,
    sent: Mapping[str, Any],
    lines: Mapping[str, Sequence[LedgerLine]],
    fact: Mapping[str, Any],
    now: int,
) -> tuple[dict[str, Any], str]:
    """The fact to note, and what went wrong."""
    incident = message.incident
    told: dict[str, Any] = {"incident": incident.id, "event": message.event, "cause": list(incident.cause.key)}
    other = _told_already(incident, sent, lines)
    if other:  # one source that two scores read is one cause
        return {**told, "sent": now, "with": other}, ""
    problem = _notify(channel, *text_of(project, message), incident.severity if message.event != "resolved" else "info")
    if not problem:
        return {**told, "sent": now}, ""
    tries = int(fact.get("tries", 0)) + 1
    log.warning("%s could not be told of %s: %s", channel.name, incident.id, problem)
    wait = min(FIRST_WAIT << min(tries - 1, 10), LONGEST_WAIT)
    return {**told, "tries": tries, "next": now + wait, "error": problem}, problem


def _told_already(incident: Incident, sent: Mapping[str, Any], lines: Mapping[str, Sequence[LedgerLine]]) -> str:
    """The incident of another score under way that has the same cause and was told; empty for none."""
    if incident.cause.score:
        return ""
    for fact in sent.values():
        if fact.get("cause") == list(incident.cause.key) and "sent" in fact and "with" not in fact:
            other = str(fact["incident"])
            score = other.rpartition("-")[0]
            if score == incident.score or score not in lines:
                continue
            found = folded(lines[score]).incidents.get(other)
            if found is not None and (found.ongoing or not incident.ongoing):
                return other
    return ""


def _notify(channel: Channel, title: str, body: str, severity: Severity) -> str:
    """Why it could not be sent; empty where it was."""
    import apprise

    service = apprise.Apprise.instantiate(channel.url)
    assert service is not None, "channels are checked"
    if channel.endpoint:
        setattr(service, "notify_url", channel.endpoint)  # noqa: B010 - some services have it
    kinds = {
        "info": apprise.NotifyType.INFO,
        "warning": apprise.NotifyType.WARNING,
        "critical": apprise.NotifyType.FAILURE,
    }
    sender = apprise.Apprise()
    sender.add(service)
    with apprise.LogCapture(level=logging.WARNING) as captured:  # type: ignore[no-untyped-call]
        try:
            done = sender.notify(
                title=title, body=body, notify_type=kinds[severity], body_format=apprise.NotifyFormat.MARKDOWN
            )
        except Exception as error:  # noqa: BLE001 - a service's plugin may raise anything; the message stays owed
            return f"{type(error).__name__}"
        said = captured.getvalue().strip()
    if done:
        return ""
    return _LEVEL.sub("", said.splitlines()[-1])[:200] if said else "the service did not take it"


# -- settings ------------------------------------------------------------------------------------------------------


def _channel(project: Project, said: object, number: int) -> Channel:
    where = f"{_WHERE} channels, number {number}"
    table: Mapping[str, Any] = said if isinstance(said, dict) else {"url": said}
    known = ("url", "severity", "scores", "endpoint")
    for key in table:
        if key not in known:
            raise SettingsError(f"unknown key '{key}'", where=where, remedy=did_you_mean(key, known))
    reference = table.get("url")
    if not isinstance(reference, str) or not reference:
        raise SettingsError("there is no url", where=where, remedy="give env:NAME, file:PATH or a URL of Apprise")
    severity = table.get("severity", "warning")
    if severity not in SEVERITIES:
        raise SettingsError(f"severity is {severity!r}", where=where, remedy=did_you_mean(str(severity), SEVERITIES))
    scores = table.get("scores", [])
    unknown = [one for one in scores if one not in project.scores] if isinstance(scores, list) else [scores]
    if unknown:
        raise SettingsError(
            f"no score is called {unknown[0]!r}", where=where, remedy=did_you_mean(str(unknown[0]), project.scores)
        )
    url = secret(reference, project.settings.root, where)
    try:
        import apprise
    except ImportError:
        raise MissingExtraError("apprise", extra="alerts") from None
    if apprise.Apprise.instantiate(url, suppress_exceptions=True) is None:
        # The URL itself may hold a secret.
        raise SettingsError(
            "Apprise does not understand the URL",
            where=where,
            remedy="see https://appriseit.com for how a service is written",
        )
    secretly = reference.startswith(("env:", "file:"))
    name = reference if secretly else url.partition(":")[0]
    digest = hashlib.blake2b(reference.encode(), digest_size=6).hexdigest()
    endpoint = secret(str(table.get("endpoint", "")), project.settings.root, where)
    return Channel(digest, name, url, severity, tuple(scores), endpoint)


def _repeat(project: Project) -> int:
    said = project.settings.alerts.get("repeat", REPEAT)
    try:
        return Window.parse(str(said)).microseconds
    except DefinitionError as error:
        raise SettingsError(f"repeat is {said!r}", where=_WHERE, remedy="write 24h, 4h or 30m") from error
