"""Which customer gets which model: the same answer on every machine, without asking anybody.

A customer's place is a number from 0 to 1 made of a salt and the key by BLAKE2b. Below the challenger's share it is the
challenger, so that a greater share moves nobody back. Another salt gives places that have nothing to do with these: two
rollouts, and the hold-out, divide customers independently.
"""

from __future__ import annotations

from hashlib import blake2b

CHAMPION, CHALLENGER, HOLDOUT, FALLBACK = "champion", "challenger", "holdout", "fallback"
"""Values of ``arm`` in the records. ``fallback``: drawn for the challenger, which failed, and answered by the champion."""


class Places:
    """Places of customers under one salt.

    Args:
        salt: For example the id of a rollout.

    >>> half = Places("rollout 1")
    >>> 0 <= half.of("42") < 1, half.of("42") == Places("rollout 1").of("42")
    (True, True)
    """

    def __init__(self, salt: str) -> None:
        self._salted = blake2b(salt.encode(), digest_size=8)

    def number(self, customer: str) -> int:
        """Place of a customer as a whole number below 2**64."""
        hashed = self._salted.copy()
        # A zero between: the salt "a" with customer "bc" is not the salt "ab" with "c".
        hashed.update(b"\0" + customer.encode("utf-8", "surrogatepass"))
        return int.from_bytes(hashed.digest())

    def of(self, customer: str) -> float:
        """Place of a customer, at least 0 and below 1."""
        # The upper 53 bits, so that rounding never gives 1.
        return (self.number(customer) >> 11) * 2.0**-53


class HoldOut:
    """Customers who are never acted on: always the same ones, whatever the model, in requests and in batches.

    Args:
        score: Name of the score; each has a hold-out of its own.
        share: Of the customers, 0 … below 1.
    """

    def __init__(self, score: str, share: float) -> None:
        self.share = share
        self._places = Places(f"holdout {score}")

    def holds(self, customer: str) -> bool:
        """Whether the customer is never acted on."""
        return self._places.of(customer) < self.share
