"""How often the gate lets a challenger pass, by what it is truly worth: `python benchmarks/gate/run.py [worlds]`.

A campaign (contact 1, offer 10, accepted 0.3, value 200) decides about customers whose probabilities are known exactly; each
customer has two rows. Models know the log-odds up to noise of their own, calibrated for that noise, so that more noise is less
money and nothing else. The true difference of value is worked out on 400,000 rows.
"""

from __future__ import annotations

import functools
import sys

import numpy as np

from vigie.bundle.logistic import logistic
from vigie.economics import PayoffValues
from vigie.training.gate import GateOptions, Side, judge

PAYOFF = PayoffValues.constant(0.3 * 190 - 1, -11.0)
SPREAD, MEAN, CHAMPION = 1.2, -1.4, 0.6
"""Of the log-odds among customers; noise of the champion's."""


def model(z: np.ndarray, noise: float, generator: np.random.Generator) -> np.ndarray:
    """Probability of who sees the log-odds *z* with *noise*: the mean over what they may be (MacKay's approximation)."""
    share = SPREAD**2 / (SPREAD**2 + noise**2)
    seen = MEAN + share * (z - MEAN + noise * generator.normal(size=len(z)))
    left = share * noise**2
    return logistic(seen / np.sqrt(1 + np.pi * left / 8))


def money(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Brought by acting where the expected gain is above 0."""
    return PAYOFF.realised(PAYOFF.gain(p) >= 0, y)


def world(customers: int, noise: float, seed: int) -> tuple[Side, Side, np.ndarray, np.ndarray]:
    """Challenger, champion, outcomes and customers of the rows of one test; two rows a customer."""
    r = np.random.default_rng(seed)
    z = np.repeat(MEAN + SPREAD * r.normal(size=customers), 2)
    y = (r.random(len(z)) < logistic(z)).astype(np.int8)
    sides = [Side(money(p, y), p) for p in (model(z, noise, r), model(z, CHAMPION, r))]
    return sides[0], sides[1], y, np.repeat(np.arange(customers), 2)


@functools.cache
def truth(noise: float) -> tuple[float, float]:
    """Expected money for one customer: of the champion, and how much more the challenger brings."""
    r = np.random.default_rng(99)
    z = MEAN + SPREAD * r.normal(size=400_000)
    risk = logistic(z)
    worth = []
    for one in (CHAMPION, noise):
        act = PAYOFF.gain(model(z, one, r)) >= 0
        worth.append(float(np.where(act, PAYOFF.gain(risk), 0.0).mean()))
    return worth[0], worth[1] - worth[0]


def worth(target: float) -> float:
    """Noise of the challenger whose value differs from the champion's by the share *target* of it."""
    low, high = 0.0, 3.0
    for _ in range(12):
        middle = (low + high) / 2
        champion, more = truth(middle)
        low, high = (middle, high) if more / champion > target else (low, middle)
    return (low + high) / 2


def main(worlds: int) -> None:
    """Print the table of the docs."""
    champion, _ = truth(CHAMPION)
    print(f"champion {champion:.3f} for one customer; margin 5 % of it; {worlds} worlds a cell")
    for target in (-0.10, -0.05, 0.0, 0.05, 0.10):
        noise = worth(target)
        cells = []
        for customers in (500, 2_000, 8_000):
            for tries in (1,) if customers > 2_000 else (1, 4):
                passed = naive = 0
                for seed in range(worlds):
                    a, b, y, who = world(customers, noise, seed)
                    passed += judge(a, b, y, who, tries=tries, options=GateOptions()).passes
                    naive += a.money.mean() > b.money.mean()
                cells.append(f"{customers}/{tries}: {passed / worlds:.3f} (point alone {naive / worlds:.3f})")
        print(f"{target:+.0%} noise {noise:.2f}  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
