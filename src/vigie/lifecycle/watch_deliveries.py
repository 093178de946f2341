"""When the events that outcomes are read from were delivered last."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vigie.definition import Score
    from vigie.lifecycle.project import Project


def outcome_sources(score: Score) -> list[str]:
    """Names of the sources that outcomes are read from; of a score at events, that of the events first."""
    from vigie.definition.moments import At
    from vigie.definition.source import sources_of

    at = [score.moments.source.name] if isinstance(score.moments, At) else []
    return list(dict.fromkeys([*at, *sorted(sources_of([score.outcome]))]))


def last_delivery(project: Project, name: str) -> int:
    """When rows of a source came last, µs; 0 for never."""
    versions = project.lake.versions(name) if project.lake.has(name) else []
    moments = (one.metadata.get("ingest", one.metadata.get("received", one.moment)) for one in versions if one.rows > 0)
    return max(map(int, moments), default=0)
