"""The exploration as one HTML page: each section in a file of its own, named after what it shows."""

from vigie.training.explore.page.document import render, write_exploration

__all__ = ["render", "write_exploration"]
