"""Since when: the day on which counts began to differ."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vigie.features.values import Array
from vigie.watch.drift_policy import FEATURE, MISSING, UNSEEN
from vigie.watch.profile import Profile

LOOK_BACK = 35
"""Days in which the beginning of a drift is looked for."""


def began(days: Mapping[int, Profile], last: int, code: str, subject: str, back: int = LOOK_BACK) -> int:
    """The day on which counts began to differ from those before: the most likely single change (Hinkley 1970).

    Args:
        days: Profiles by day.
        last: The day after the last to look at.
        code: Of the signal.
        subject: Of the signal.
        back: Days to look at.

    Returns:
        The first day that there is, if no day differs evidently from those before.
    """
    there = [day for day in range(last - back, last) if (one := days.get(day)) is not None and one.rows]
    rows = [(day, counts) for day in there if (counts := _counts(days[day], code, subject)) is not None]
    rows = [one for one in rows if len(one[1]) == len(rows[-1][1])]
    if len(rows) < 2:
        return rows[0][0] if rows else last - 1
    from scipy.special import chdtrc

    counted = np.cumsum(np.array([counts for _, counts in rows], dtype=np.float64), axis=0)
    before, after = counted[:-1], counted[-1] - counted[:-1]
    worth = min(days[day].effective / days[day].rows for day, _ in rows)
    gain = (_information(before) + _information(after) - _information(counted[-1])) * worth
    freedom = max(int(np.count_nonzero(counted[-1])) - 1, 1)
    if float(chdtrc(freedom, 2 * gain.max())) * len(gain) > 0.001:
        return rows[0][0]
    return rows[int(gain.argmax()) + 1][0]


def _counts(profile: Profile, code: str, subject: str) -> Array | None:
    """What of a day is compared for a signal; ``None`` for nothing."""
    if code in (FEATURE, MISSING, UNSEEN) and subject not in profile.cells:
        return None
    match code:
        case "VGW101":
            return profile.cells[subject]
        case "VGW102":
            return np.array([profile.missing[subject], profile.of(subject) - profile.missing[subject]])
        case "VGW103":
            return np.array([profile.unseen[subject], profile.of(subject) - profile.unseen[subject]])
        case "VGW104":
            return profile.score
        case "VGW105":
            return np.array([profile.acted, profile.decided - profile.acted])
        case "VGW106":
            return np.array([profile.positives, profile.known - profile.positives])
    return np.concatenate(list(profile.cells.values())) if profile.cells else None


def _information(counts: Array) -> Array:
    """Σ c · ln(c / n): the log-likelihood of counts under their own shares."""
    total = counts.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.where(counts > 0, counts * np.log(counts), 0.0).sum(axis=-1)
        return np.asarray(inner - np.where(total > 0, total * np.log(total), 0.0))
