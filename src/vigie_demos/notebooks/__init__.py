"""The example notebooks, as texts: Markdown whose Python blocks are the cells.

A text has no outputs, no counters and no paths of somebody's machine, and two versions of it can be compared. ``vigie
notebook`` makes notebooks of them; ``examples/notebooks`` holds the same, executed, to be read without running anything.
"""

from vigie_demos.notebooks.convert import NOTEBOOKS, notebook, write_notebooks

__all__ = ["NOTEBOOKS", "notebook", "write_notebooks"]
