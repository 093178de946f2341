"""The house colours, by role. Told apart by colour-blind readers; text roles have a contrast of at least 4.5 on white.

A chart is drawn with the light colours; :mod:`~vigie.report.svg` then writes each as a CSS variable, so that the same
drawing also stands on the dark page.
"""

from __future__ import annotations

INK = "#1b2733"
"""Text."""
MUTED = "#55626f"
"""Secondary text: axis labels, captions."""
GRID = "#e2e7ec"
"""Lines that must not be noticed."""
SURFACE = "#ffffff"
"""What charts and cards stand on."""
BLUE = "#0b66b0"
"""The model, and customers whose outcome is false."""
VERMILLION = "#c8500a"
"""Customers whose outcome is true."""
GREEN = "#0a7f5a"
"""The chosen point."""
AMBER = "#946200"
"""Warnings."""
GREY = "#8b97a3"
"""What is there to compare with."""
PALE = "#c9d6e3"
"""Bars behind other marks."""

DARK = {
    INK: "#e8edf2",
    MUTED: "#a9b5c1",
    GRID: "#313d49",
    SURFACE: "#18212a",
    BLUE: "#62b2f2",
    VERMILLION: "#ff9a5c",
    GREEN: "#4fcf9f",
    AMBER: "#f0c04a",
    GREY: "#8a97a4",
    PALE: "#3c4e60",
}
"""The dark page's colour for each light one."""

VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    SURFACE: "surface",
    BLUE: "blue",
    VERMILLION: "vermillion",
    GREEN: "green",
    AMBER: "amber",
    GREY: "grey",
    PALE: "pale",
}
"""CSS variable of each colour, without the leading hyphens."""


def declarations(colours: dict[str, str] | None = None) -> str:
    """CSS declarations of the variables, light, or as mapped by *colours*."""
    return ";".join(f"--{name}:{(colours or {}).get(light, light)}" for light, name in VARIABLES.items())
