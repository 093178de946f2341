"""Looks at a training set before anything is trained: what one must know, column by column and in pairs.

:func:`view_of` says which rows may be looked at, :func:`explore` looks, :func:`render` writes it down as one HTML page. In
a notebook the parts of an :class:`Exploration` are used one by one.
"""

from vigie.training.explore.exploration import Exploration, explore
from vigie.training.explore.page import render, write_exploration
from vigie.training.explore.view import View, view_of

__all__ = ["Exploration", "View", "explore", "render", "view_of", "write_exploration"]
