"""Profiles, drift, performance, estimates, anomalies: what changed, how sure that is, and what it costs.

Pure functions over arrays and plain data; where predictions and outcomes come from, and who is told, is not known here.
"""

from vigie.watch.signal import Area, Signal

__all__ = ["Area", "Signal"]
