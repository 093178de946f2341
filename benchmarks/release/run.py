"""Rollouts with known truth: how often a challenger that is no worse is rolled back, and how soon one that is.

    python benchmarks/release/run.py [--runs 1000]

Customers come ten a second and are drawn between champion and challenger. Beside Vigie's guardrails, on the same customers:

- *fixed*: errors as Flagger's ``request-success-rate`` with ``min: 99``, ``interval: 1m``, ``threshold: 5`` judges them: a
  minute in which more than 1 % of the challenger's requests failed is a failed check, and the fifth rolls back.
- *test*: a test of two proportions at 5 %, looked at every minute.

Writes ``results.json``, ``results.md`` and ``docs/images/canary.svg``. Takes two minutes or three on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vigie.release import Concurrent, Evidence, Guardrails, decisions, failures, latency, scores
from vigie.release import value as values
from vigie.release.betting import contrast, mixed, steps
from vigie.release.cells import (
    ACTED,
    ARM_CELLS,
    ERRORS,
    LATENCY,
    LATENCY_EDGES,
    SCORE,
    SCORE_EDGES,
    UNITS,
    VALUE,
)
from vigie.release.two_arms import CENTRES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RAILS = Guardrails()
PER_MINUTE = 600
"""Customers."""
HOURS = 4
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Truth:
    """How an arm really is."""

    errors: float = 0.005
    seconds: float = 0.004
    shift: float = 0.0
    value: float = 5.0


def drawn(
    r: np.random.Generator, share: float, n: tuple[int, int], champion: Truth, challenger: Truth
) -> dict[str, Array]:
    """Customers, shape (runs, customers): arm, failed, bin of latency, bin of the score, acted on, value."""
    a = (r.random(n) < share).astype(np.int8)

    def of(name: str) -> Array:
        return np.where(a == 1, getattr(challenger, name), getattr(champion, name))

    seconds = of("seconds") * np.exp(r.normal(0, 0.5, n))
    p = np.clip(1 / (1 + np.exp(-r.normal(-1, 1, n))) + of("shift"), 1e-6, 1 - 1e-6)
    return {
        "arm": a,
        "failed": (r.random(n) < of("errors")).astype(np.int8),
        "slow": np.searchsorted(LATENCY_EDGES, seconds).astype(np.int16),
        "score": np.searchsorted(SCORE_EDGES, p).astype(np.int16),
        "acted": (p > 0.5).astype(np.int8),
    }


class Tables:
    """What one customer does to the wealth of every bet, by arm and answer: the product's own bets, worked out once."""

    def __init__(self, share: float, rails: Guardrails = RAILS) -> None:
        ratio = steps(contrast(share, np.zeros(1), factor=rails.errors_factor))[0]  # (4, F)
        floor = steps(np.array([-rails.errors_floor, 1 - rails.errors_floor]))  # (2, F)
        # By arm and failed: the ratio's bets, and the floor's, which are about the challenger alone.
        self.ratio = np.stack([ratio[0:2], ratio[2:4]])
        self.floor = np.stack([np.zeros_like(floor), floor])
        moved = latency.edges_of(rails.latency_factor)
        j = np.asarray(latency.compared(rails.latency_factor, rails.latency_floor))
        self.slow = self._edges(share, len(LATENCY_EDGES) + 1, j, (0, moved), rails.latency_beyond, (1,))
        j = np.arange(len(SCORE_EDGES))
        self.score = self._edges(share, len(SCORE_EDGES) + 1, j, (0, 0), rails.score_distance, (1, -1))
        both = [steps(contrast(share, CENTRES, margin=rails.decision_difference, sign=s)) for s in (1, -1)]
        acted = np.stack(both)  # (2, C, 4, F)
        self.acted = np.stack([acted[:, :, 0:2], acted[:, :, 2:4]]).transpose(0, 3, 1, 2, 4).reshape(2, 2, -1)

    @staticmethod
    def _edges(
        share: float, bins: int, edges: Array, moved: tuple[int, int], margin: float, signs: tuple[int, ...]
    ) -> Array:
        """Shape (2 arms, bins, signs · edges · centres · bets)."""
        found = []
        for arm in (0, 1):
            yes = (np.arange(bins)[:, None] > edges + moved[arm]).astype(int)  # (bins, edges)
            per = [
                steps(contrast(share, CENTRES, margin=margin, sign=s)).transpose(1, 0, 2) for s in signs
            ]  # (4, C, F)
            found.append(np.stack([one[2 * arm + yes] for one in per], axis=1).reshape(bins, -1))
        return np.stack(found)

    @staticmethod
    def errors_evidence(ratio: Array, floor: Array) -> Array:
        """As :func:`vigie.release.failures.harm` without a shadow, whose wealth is 1: shape (runs,)."""
        together = np.minimum(mixed(ratio, axis=-1), mixed(floor, axis=-1))
        return np.asarray(np.logaddexp(together + math.log1p(-failures.SHADOW_STAKE), math.log(failures.SHADOW_STAKE)))


def every_request(share: float, runs: int, customers: int, challenger: Truth, seed: int) -> tuple[Array, float]:
    """First customer after which a guardrail rolled back, shape (runs,); ``customers`` where none did. Looks after each.

    Also the greatest difference from what the product says of the same customers.
    """
    tables, r = Tables(share), np.random.default_rng(seed)
    need = -math.log(RAILS.level)
    slow, score = (np.exp(one).astype(np.float32) for one in (tables.slow, tables.score))
    first, off, block = [], 0.0, 50
    for _ in range(0, runs, block):
        d = drawn(r, share, (block, customers), Truth(), challenger)
        ratio, floor = np.zeros((block, 16)), np.zeros((block, 16))
        acted = np.zeros((block, tables.acted.shape[-1]))
        wealth = {
            "slow": np.ones((block, slow.shape[-1]), np.float32),
            "score": np.ones((block, score.shape[-1]), np.float32),
        }
        fell = np.full(block, customers)
        worst = np.full((4, block), -np.inf)
        for t in range(customers):
            a, failed = d["arm"][:, t], d["failed"][:, t]
            ratio += tables.ratio[a, failed]
            floor += tables.floor[a, failed]
            acted += tables.acted[a, d["acted"][:, t]]
            wealth["slow"] *= slow[a, d["slow"][:, t]]
            wealth["score"] *= score[a, d["score"][:, t]]
            with np.errstate(divide="ignore"):
                now = np.stack(
                    [
                        tables.errors_evidence(ratio, floor),
                        np.log(wealth["slow"].mean(axis=1)),
                        np.log(wealth["score"].mean(axis=1)),
                        mixed(acted, axis=-1),
                    ]
                )
            worst = np.maximum(worst, now)
            fell = np.where((now.max(axis=0) >= need) & (fell == customers), t, fell)
        first.append(fell)
        for run in range(2):
            said = product(share, {name: one[run] for name, one in d.items()})
            off = max(off, float(np.abs(now[:, run] - said).max()))
    return np.concatenate(first)[:runs], off


def cells_of(d: dict[str, Array], arm: int) -> Array:
    """The product's cells of one arm of one run."""
    mine = d["arm"] == arm
    cells = np.zeros(ARM_CELLS)
    cells[UNITS], cells[ERRORS], cells[ACTED] = mine.sum(), d["failed"][mine].sum(), d["acted"][mine].sum()
    cells[LATENCY:SCORE] = np.bincount(d["slow"][mine], minlength=len(LATENCY_EDGES) + 1)
    cells[SCORE:VALUE] = np.bincount(d["score"][mine], minlength=len(SCORE_EDGES) + 1)
    return cells


def product(share: float, d: dict[str, Array]) -> Array:
    """What the product says of one run."""
    e = Evidence((Concurrent(share, cells_of(d, 0), cells_of(d, 1)),))
    return np.array(
        [
            failures.harm(e, RAILS.errors_factor, RAILS.errors_floor),
            latency.harm(e, RAILS.latency_factor, RAILS.latency_beyond, RAILS.latency_floor),
            scores.harm(e, RAILS.score_distance),
            decisions.harm(e, RAILS.decision_difference),
        ]
    )


def by_minute(share: float, runs: int, minutes: int, error_rate: float, seed: int) -> dict[str, Array]:
    """Minute in which each rule rolled an equal challenger back, shape (runs,); ``minutes`` where it did not."""
    tables, r = Tables(share), np.random.default_rng(seed)
    need, truth = -math.log(RAILS.level), Truth(errors=error_rate)
    fell = {name: np.full(runs, minutes) for name in ("vigie", "fixed", "test")}
    state = [
        np.zeros((runs, one.shape[-1])) for one in (tables.ratio, tables.floor, tables.slow, tables.score, tables.acted)
    ]
    state[2:4] = [one.astype(np.float32) for one in state[2:4]]
    checks, seen = np.zeros(runs, int), np.zeros((runs, 2, 2))
    flat = [
        one.reshape(-1, one.shape[-1]) for one in (tables.ratio, tables.floor, tables.slow, tables.score, tables.acted)
    ]
    flat[2:4] = [one.astype(np.float32) for one in flat[2:4]]
    rows = np.arange(runs)[:, None]
    for minute in range(minutes):
        d = drawn(r, share, (runs, PER_MINUTE), truth, truth)
        for i, name in enumerate(("failed", "failed", "slow", "score", "acted")):
            bins = flat[i].shape[0] // 2
            place = (rows * (2 * bins) + d["arm"] * bins + d[name]).ravel()
            counts = np.bincount(place, minlength=runs * 2 * bins).reshape(runs, 2 * bins).astype(flat[i].dtype)
            state[i] += counts @ flat[i]
            if i == 0:
                seen += counts.reshape(runs, 2, 2)
                challenger = counts.reshape(runs, 2, 2)[:, 1]
        said = [tables.errors_evidence(state[0], state[1]), *(mixed(one, axis=-1) for one in state[2:])]
        checks += challenger[:, 1] / challenger.sum(axis=1) > 0.01
        n, failed = seen.sum(axis=2), seen[:, :, 1]
        pool = failed.sum(axis=1) / n.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (failed[:, 1] / n[:, 1] - failed[:, 0] / n[:, 0]) / np.sqrt(pool * (1 - pool) * (1 / n).sum(axis=1))
        rang = {"vigie": np.max(said, axis=0) >= need, "fixed": checks >= 5, "test": z > 1.645}
        for name, now in rang.items():
            fell[name] = np.where(now & (fell[name] == minutes), minute, fell[name])
    return fell


def errors_seen(share: float, runs: int, customers: int, before: float, after: float, seed: int) -> Array:
    """Customers until an error rate is seen, shape (runs,). Looks after each."""
    tables, r = Tables(share), np.random.default_rng(seed)
    need = -math.log(RAILS.level)
    ratio, floor, fell = np.zeros((runs, 16)), np.zeros((runs, 16)), np.full(runs, customers)
    for t in range(customers):
        a = (r.random(runs) < share).astype(int)
        failed = (r.random(runs) < np.where(a == 1, after, before)).astype(int)
        ratio += tables.ratio[a, failed]
        floor += tables.floor[a, failed]
        if failed.any():  # without a failure evidence of harm does not grow
            fell = np.where((tables.errors_evidence(ratio, floor) >= need) & (fell == customers), t + 1, fell)
        if (fell < customers).all():
            break
    return fell


def fixed_seen(share: float, runs: int, minutes: int, after: float, seed: int) -> Array:
    """The same of the fixed rule, in customers, by whole minutes."""
    r = np.random.default_rng(seed)
    n = r.binomial(PER_MINUTE, share, (runs, minutes))
    failed = r.binomial(n, after) / np.maximum(n, 1) > 0.01
    checks = failed.cumsum(axis=1) >= 5
    return np.where(checks.any(axis=1), (checks.argmax(axis=1) + 1) * PER_MINUTE, minutes * PER_MINUTE)


def histogram_seen(what: str, share: float, runs: int, customers: int, challenger: Truth, seed: int) -> Array:
    """Customers until slower answers or other scores are seen, shape (runs,). Looks after each."""
    tables, r = Tables(share), np.random.default_rng(seed)
    table = np.exp({"slow": tables.slow, "score": tables.score}[what]).astype(np.float32)
    limit, found, block = 1 / RAILS.level, [], 50
    for _ in range(0, runs, block):
        d = drawn(r, share, (block, customers), Truth(), challenger)
        wealth, fell = np.ones((block, table.shape[-1]), np.float32), np.full(block, customers)
        for t in range(customers):
            wealth *= table[d["arm"][:, t], d[what][:, t]]
            fell = np.where((wealth.mean(axis=1) >= limit) & (fell == customers), t + 1, fell)
            if (fell < customers).all():
                break
        found.append(fell)
    return np.concatenate(found)[:runs]


def value_seen(share: float, runs: int, customers: int, before: float, after: float, seed: int) -> Array:
    """Customers with a known outcome until a lower value is seen; nothing may be lost. Looks after every hundred."""
    low, high = -11.0, 56.0
    rails = Guardrails(value_low=low, value_high=high, value_loss=0.0)
    table = steps(-values.outcomes(share, low, high, 1.0)).transpose(1, 0, 2).reshape(34, -1)
    r, total, fell = np.random.default_rng(seed), 0.0, np.full(runs, customers)
    for done in range(0, customers, 100):
        n = r.binomial(100, share, runs)
        # A decision brings either end of the range: as unlike each other as values can be.
        good1 = r.binomial(n, (after - low) / (high - low))
        good0 = r.binomial(100 - n, (before - low) / (high - low))
        counts = np.zeros((runs, 34))
        counts[:, 0], counts[:, 16], counts[:, 17], counts[:, 33] = 100 - n - good0, good0, n - good1, good1
        total = total + counts @ table
        fell = np.where((mixed(total, axis=-1) >= -math.log(rails.level)) & (fell == customers), done + 100, fell)
        if (fell < customers).all():
            break
    return fell


def draw(curves: dict[str, list[float]]) -> str:
    """Share of equal challengers rolled back over the hours, as an SVG document."""
    import altair as alt

    from vigie.report.charts.layers import layered, rows
    from vigie.report.palette import BLUE, GREY, INK, MUTED
    from vigie.report.picture import picture

    named = {"fixed": "fixed threshold, five failed checks", "test": "test at 5 %, each minute", "vigie": "Vigie"}
    colours = dict(zip(named.values(), (GREY, MUTED, BLUE), strict=True))
    points = [
        {"hours": (minute + 1) / 60, "rolled back": 100 * share, "rule": named[name]}
        for name, line in curves.items()
        for minute, share in enumerate(line)
    ]
    x = alt.X(
        "hours:Q", axis=alt.Axis(title="hours at 10 customers a second", tickMinStep=1), scale=alt.Scale(nice=False)
    )
    y = alt.Y(
        "rolled back:Q",
        axis=alt.Axis(title="% of equal challengers rolled back", grid=True),
        scale=alt.Scale(domain=[0, 100]),
    )
    colour = alt.Color("rule:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None)
    lines = alt.Chart(rows(points)).mark_line().encode(x=x, y=y, color=colour)
    ends = [
        {"hours": HOURS * 0.98, "rolled back": 100 * line[-1] + (4 if line[-1] < 0.9 else -5), "rule": named[name]}
        for name, line in curves.items()
    ]
    texts = alt.Chart(rows(ends)).mark_text(align="right", color=INK).encode(x=x, y=y, text="rule:N")
    drawn = picture(layered(lines, texts, width=640, height=300), "").svg
    return drawn.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "")  # it links to nothing


def words(fell: Array, most: int) -> str:
    """Median and ninth decile, in customers; where not all were seen, that."""
    if (fell >= most).mean() > 0.5:
        return "–"
    told = [f"{float(np.quantile(fell, q)):,.0f}" for q in (0.5, 0.9)]
    return f"{told[0]} ({told[1] if (fell < most).mean() >= 0.9 else 'not all'})"


def main() -> None:
    """Runs everything."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    runs = parser.parse_args().runs
    began, few = time.perf_counter(), max(runs // 5, 50)
    result: dict[str, Any] = {"runs": runs}

    looked = 2_000
    first, off = every_request(0.5, runs, looked, Truth(), seed=1)
    assert off < 0.05, f"the simulation is off from the product by {off}"
    result["false"] = {"customers": looked, "rolled_back": int((first < looked).sum()), "off": off}
    print(result["false"], f"{time.perf_counter() - began:.0f} s", flush=True)

    customers = 20_000
    edge = errors_seen(0.5, runs, customers, 0.01, 0.01 * RAILS.errors_factor, seed=7)
    result["edge"] = {"customers": customers, "rolled_back": int((edge < customers).sum())}
    print(result["edge"], f"{time.perf_counter() - began:.0f} s", flush=True)

    minutes = 60 * HOURS
    fell = by_minute(0.1, runs, minutes, 0.005, seed=2)
    curves = {name: [float((one <= minute).mean()) for minute in range(minutes)] for name, one in fell.items()}
    result["by_minute"] = {name: line[-1] for name, line in curves.items()}
    rare = fixed_seen(0.1, runs, minutes, 0.001, seed=2)
    result["by_minute"]["fixed, rare"] = float((rare < minutes * PER_MINUTE).mean())
    (ROOT / "docs" / "images" / "canary.svg").write_text(draw(curves) + "\n")
    print(result["by_minute"], f"{time.perf_counter() - began:.0f} s", flush=True)

    table = []
    for share in (0.1, 0.5):
        most = 40_000
        seen = errors_seen(share, few, most, 0.001, 0.01, seed=3)
        fixed = fixed_seen(share, few, most // PER_MINUTE, 0.01, seed=3)
        table.append((share, "errors 0.1 % → 1 %", words(seen, most), words(fixed, most // PER_MINUTE * PER_MINUTE)))
        seen = histogram_seen("slow", share, few, 4_000, Truth(seconds=0.008), seed=4)
        table.append((share, "latency × 2", words(seen, 4_000), "–"))
        seen = histogram_seen("score", share, few, 12_000, Truth(shift=0.05), seed=5)
        table.append((share, "scores + 0.05", words(seen, 12_000), "–"))
        seen = value_seen(share, few, 3_000_000, 5.0, 4.5, seed=6)
        table.append((share, "value − 10 %", words(seen, 3_000_000), "–"))
        print(table[-4:], f"{time.perf_counter() - began:.0f} s", flush=True)
    result["seen"] = [list(row) for row in table]
    result["seconds"] = round(time.perf_counter() - began)
    (HERE / "results.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    false, edge, end = result["false"], result["edge"], result["by_minute"]
    lines = [
        "| a challenger that is no worse than allowed | rolled back |",
        "|---|---|",
        f"| Vigie: equal; all guardrails, looked at after each of {looked:,} customers at 50 % | "
        f"{false['rolled_back']} of {runs:,} runs; promised {RAILS.alpha:.0%} at most |",
        f"| Vigie: just as bad as allowed; errors, after each of {customers:,} customers at 50 % | "
        f"{edge['rolled_back']} of {runs:,} runs; promised {RAILS.level:.2%} at most |",
        f"| Vigie: equal; all guardrails, every minute for {HOURS} hours at 10 % | {end['vigie']:.1%} |",
        f"| a test of two proportions at 5 %: equal; errors alone, every minute for {HOURS} hours | {end['test']:.1%} |",
        f"| fixed threshold: equal, errors of 0.5 %; every minute for {HOURS} hours | {end['fixed']:.1%} |",
        f"| fixed threshold: equal, errors of 0.1 %; likewise | {end['fixed, rare']:.1%} |",
        "",
        "| what happens | share | Vigie: customers until the rollback, median (90 %) | fixed threshold |",
        "|---|---|---|---|",
        *(f"| {row[1]} | {row[0]:.0%} | {row[2]} | {row[3]} |" for row in table),
    ]
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
