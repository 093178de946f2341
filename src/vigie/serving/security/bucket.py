"""A token bucket in one number.

A bucket of *b* tokens that fills at *r* tokens a second is the same as the *generic cell rate algorithm* (ITU-T I.371):
all there is to keep is the moment at which the bucket will be full again. A bucket that is full is one of the past, and
need not be kept at all. In any time *t*, at most *b + r·t* requests pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vigie.errors import SettingsError

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_RATE = re.compile(r"([0-9]+(?:\.[0-9]+)?)/([smhd])")


@dataclass(frozen=True, slots=True)
class Rate:
    """How many requests pass.

    Attributes:
        per_second: In the long run; above 0.
        burst: At once, after a pause; at least 1.
        said: As it was written.
    """

    per_second: float
    burst: int
    said: str = ""

    @classmethod
    def parse(cls, text: str, burst: int | None = None, *, where: str = "rate") -> Rate:
        """The rate that *text* says.

        Args:
            text: ``100/s``, ``600/m``, ``5000/h`` or ``20000/d``.
            burst: Requests at once; ``None``: what comes in a second, and one at least.
            where: What an error should name.

        Raises:
            SettingsError: It is not a rate, or *burst* is below 1.

        >>> Rate.parse("600/m").burst
        10
        """
        read = _RATE.fullmatch(text.strip())
        if read is None or float(read[1]) == 0:
            raise SettingsError(f"{text!r} is not a rate", where=where, remedy="write 100/s, 600/m, 5000/h or 20000/d")
        per_second = float(read[1]) / _UNITS[read[2]]
        if burst is not None and burst < 1:
            raise SettingsError(f"a burst of {burst} lets nothing pass", where=where, remedy="give 1 or more")
        return cls(per_second, max(1, int(per_second)) if burst is None else burst, text.strip())

    def take(self, full_at: float, now: float) -> tuple[float, float]:
        """One request.

        Args:
            full_at: When the bucket will be full, seconds on any clock; of a bucket not kept, 0.
            now: The moment, seconds on that clock.

        Returns:
            When the bucket will be full after it, and 0; or, where none is left, *full_at* and the seconds until one is.
        """
        after = max(full_at, now) + 1.0 / self.per_second
        wait = after - now - self.burst / self.per_second
        # Sums of fractions of a second: what is left of the last digit is not a reason to refuse.
        return (full_at, wait) if wait > 1e-9 else (after, 0.0)
