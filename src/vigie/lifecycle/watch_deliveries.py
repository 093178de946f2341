"""When the events that outcomes are read from were delivered last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vigie.data.lake import Version
    from vigie.definition import Score
    from vigie.lifecycle.project import Project


def outcome_sources(score: Score) -> list[str]:
    """Names of the sources that outcomes are read from; of a score at events, that of the events first."""
    from vigie.definition.moments import At
    from vigie.definition.source import sources_of

    at = [score.moments.source.name] if isinstance(score.moments, At) else []
    return list(dict.fromkeys([*at, *sorted(sources_of([score.outcome]))]))


def last_delivery(project: Project, name: str) -> int:
    """When a source was delivered last, µs; 0 for never.

    A delivery of nothing new is one: on that day nothing happened. What was refused as a whole, or released from quarantine, is none.
    """
    versions = project.lake.versions(name) if project.lake.has(name) else []
    return max((_came(one) for one in versions), default=0)


def _came(version: Version) -> int:
    said = version.metadata
    refused = int(said.get("quarantined", 0))
    if "released" in said or (refused and refused >= int(said.get("read", 0))):
        return 0
    at = said.get("ingest", said.get("received", version.moment if version.rows else 0))
    return int(at)
