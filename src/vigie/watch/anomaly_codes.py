"""The kinds of anomalies apart from drift, and how bad each is where nobody can say what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from vigie.watch.signal import Area

Severity = Literal["info", "warning", "critical"]


class Kind(NamedTuple):
    """A kind of anomaly.

    Attributes:
        area: What it is about.
        title: What is wrong, in a few words.
        severity: How bad it is as long as no loss is known.
        size: What :attr:`vigie.watch.Signal.size` is, with its unit.
    """

    area: Area
    title: str
    severity: Severity
    size: str


CODES: Mapping[str, Kind] = {
    "VGW301": Kind(Area.API, "Requests fail", "critical", "share of the requests that the server could not answer"),
    "VGW302": Kind(Area.API, "Answers are slow", "warning", "95 % quantile of the time to answer, ÷ what is usual"),
    "VGW303": Kind(Area.API, "Traffic is not what it is at this hour", "warning", "requests in the hour ÷ expected"),
    "VGW304": Kind(Area.API, "Requests are refused", "warning", "share of the requests that were refused"),
    "VGW311": Kind(Area.INFERENCE, "Scores that cannot be", "critical", "share of scores that are no probability"),
    "VGW312": Kind(Area.INFERENCE, "Scores stand still", "critical", "share of the customers with the commonest score"),
    "VGW313": Kind(Area.INFERENCE, "Number of predictions", "warning", "predictions in the hour ÷ expected"),
    "VGW401": Kind(Area.DATA, "Volume of a source", "warning", "rows of the delivery ÷ expected"),
    "VGW402": Kind(Area.DATA, "Rows are quarantined", "warning", "share of the rows that the contract refused"),
    "VGW403": Kind(Area.DATA, "Values are missing", "warning", "share of the values that are null"),
    "VGW404": Kind(Area.DATA, "A source is late", "critical", "time since the last delivery ÷ what is usual at most"),
    "VGW411": Kind(Area.FEATURES, "Feature reads are slow", "warning", "95 % quantile of the time of a read, ÷ usual"),
    "VGW412": Kind(Area.FEATURES, "The online store is behind the lake", "warning", "seconds behind"),
    "VGW413": Kind(Area.FEATURES, "Online and batch disagree", "critical", "share of values that differ unexplained"),
    "VGW421": Kind(Area.STEPS, "A step of the schedule was given up", "critical", "runs given up since one was done"),
    "VGW490": Kind(Area.STEPS, "A watcher could not look", "warning", "1 where it could not"),
}
"""By code; each has a section in ``docs/reference/signals.md``."""
