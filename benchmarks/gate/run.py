"""How often the gate lets a challenger pass: `python benchmarks/gate/run.py [worlds] [--said]`.

By what it is truly worth or, with ``--said``, by what is wrong with its probabilities while its decisions stay right.

A campaign (contact 1, offer 10, accepted 0.3, value 200) decides about customers whose probabilities are known exactly; each
customer has two rows. Models know the log-odds up to noise of their own, calibrated for that noise, so that more noise is less
money and nothing else. The true difference of value is worked out on 400,000 rows.
"""

from __future__ import annotations

import functools
import sys

import numpy as np

from vigie.bundle.logistic import log_odds, logistic
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
    sides = [Side(money(p, y), p, PAYOFF.gain(p) >= 0) for p in (model(z, noise, r), model(z, CHAMPION, r))]
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
                    passed += judge(a, b, y, who, tries=tries, options=GateOptions(), payoff=PAYOFF).passes
                    naive += a.money.mean() > b.money.mean()
                cells.append(f"{customers}/{tries}: {passed / worlds:.3f} (point alone {naive / worlds:.3f})")
        print(f"{target:+.0%} noise {noise:.2f}  " + "  ".join(cells), flush=True)


SAID = {
    "nothing": (1.0, 0.0),
    "1.4 times too far apart": (1.4, 0.0),
    "twice too far apart": (2.0, 0.0),
    "half as far apart": (0.5, 0.0),
    "0.2 too high": (1.0, 0.2),
    "0.6 too high": (1.0, 0.6),
}
"""What may be wrong with log-odds: slope about their mean, and offset."""


def probabilities(worlds: int, customers: int = 2_000) -> None:
    """The same for challengers that decide rightly, bring 5 % more, and say wrong probabilities; against three champions."""
    noise = worth(0.05)
    for name, (slope, offset) in SAID.items():
        cells = []
        for kind in ("as good", "constant, acts on all", "constant, acts on nobody"):
            passed, why = 0, {"value": 0, "log_loss": 0, "promise": 0}
            for seed in range(worlds):
                new, old, y, who = world(customers, noise, seed)
                assert new.probability is not None and new.act is not None
                if kind != "as good":
                    act = np.full(len(y), kind.endswith("all"))
                    old = Side(PAYOFF.realised(act, y), np.full(len(y), y.mean()), act)
                z = log_odds(new.probability)
                said = logistic(z.mean() + slope * (z - z.mean()) + offset)
                found = judge(Side(new.money, said, new.act), old, y, who, options=GateOptions(), payoff=PAYOFF)
                passed += found.passes
                for one in found.checks:
                    why[one.name] += not one.passes
            cells.append(f"{kind}: {passed / worlds:.2f} (refused for {why})")
        print(f"{name}: " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    numbers = [int(one) for one in sys.argv[1:] if one.isdigit()]
    (probabilities if "--said" in sys.argv else main)(numbers[0] if numbers else 200)
