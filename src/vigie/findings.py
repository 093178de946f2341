"""Findings: what a check has to say, in one form for the command line, the API, the report and the gate.

A check answers with zero or more findings. A finding has a stable code (``VGL…`` leakage, ``VGD…`` data, ``VGT…``
training, ``VGE…`` economics), a severity, the place, an explanation with the numbers that made it, and a remedy.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Severity(enum.IntEnum):
    """How much a finding matters. Ordered: ``max()`` of several is the worst."""

    NOTE = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """Lower-case word for display."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found.

    Attributes:
        code: Stable identifier, e.g. ``"VGL001"``; documented in ``docs/reference/findings.md``.
        severity: an ``ERROR`` stops what would follow by itself, such as becoming champion, until a person decides.
        title: A few words, the same for every finding of this code.
        where: The source, column, feature or model concerned.
        explanation: What was seen, with the numbers.
        remedy: What to do about it.
    """

    code: str
    severity: Severity
    title: str
    where: str
    explanation: str
    remedy: str
