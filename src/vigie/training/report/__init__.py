"""The training report: one HTML file that says what a model is worth, when to distrust it and what to do next.

Each section has a file of its own, named after what it answers; :mod:`~vigie.training.report.subject` holds what several of
them need. Everything is aggregated before it is drawn, so the file stays small whatever the number of customers.
"""

from vigie.training.report.document import render, write_report

__all__ = ["render", "write_report"]
