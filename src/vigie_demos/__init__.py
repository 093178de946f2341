"""Complete projects on real public data and on a generated shop, to try Vigie and to measure it.

The real data lie inside wheels of the ``demo`` extra and are read from the installed files: no network, no import of
the packages that carry them, nothing copied into this one.
"""

from vigie_demos.project import DEMOS, DemoProject, create

__all__ = ["DEMOS", "DemoProject", "create"]
