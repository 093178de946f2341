"""What is unusual rings, and what is not does so no more often than it may."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.clock import DAY
from vigie.watch import drift_policy
from vigie.watch.anomaly import (
    MONTH,
    corrected,
    judged_count,
    judged_duration,
    judged_gap,
    judged_share,
    quantile_of,
)
from vigie.watch.anomaly_codes import CODES
from vigie.watch.season import HOUR, WEEK, season_of

BEGIN = 4 * DAY  # a Monday


def traffic(seed: int, weeks: int, base: float, varied: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Requests by hour: a daily wave, half at weekends, negative binomial."""
    r = np.random.default_rng(seed)
    t = np.arange(weeks * 168)
    mean = base * (1 + 0.8 * np.sin((t % 24 - 9) / 24 * 2 * np.pi)) * np.where(t // 24 % 7 >= 5, 0.5, 1.0)
    return r.poisson(mean * r.gamma(1 / varied, varied, len(t))).astype(float), BEGIN + t * HOUR


@pytest.mark.parametrize(("base", "varied"), [(3, 0.02), (50, 0.05), (500, 0.05), (1000, 0.15)])
def test_ordinary_traffic_rings_less_than_allowed(base: float, varied: float) -> None:
    """Ten things looked at every hour for two months may ring 0.2 times; of 1,344 looks at one none may."""
    counts, moments = traffic(3, 12, base, varied)
    p = []
    for i in range(4 * 168, len(counts)):
        judged = judged_count(counts[i], int(moments[i]), counts[:i], moments[:i])
        assert judged is not None
        p.append(judged.p)
    rung = [one for one in p if corrected(one, 10, MONTH / HOUR) <= 0.1]
    assert not rung
    assert np.mean(np.array(p) < 0.01) < 0.03  # the middle is no tighter than it should be
    assert np.mean(np.array(p) < 0.5) > 0.25  # and not so wide that nothing is ever seen; small counts are coarse


@pytest.mark.parametrize("share", [0.0, 0.1, 4.0])
def test_an_outage_and_a_flood_ring_at_once_at_any_hour(share: float) -> None:
    counts, moments = traffic(5, 9, 300)
    for hour in range(8 * 168, 8 * 168 + 24):
        usual = float(np.median(counts[hour % 168 : hour : 168]))
        judged = judged_count(usual * share, int(moments[hour]), counts[:hour], moments[:hour])
        assert judged is not None and judged.outside
        assert corrected(judged.p, 10, MONTH / HOUR) <= 0.1, (hour, judged)


def test_the_quiet_of_the_night_is_no_outage() -> None:
    """The same number is usual at one hour and not at another."""
    counts, moments = traffic(5, 8, 300)
    night, day = 8 * 168 + 3, 8 * 168 + 15
    low = float(np.median(counts[(np.arange(len(counts)) % 168) == 3]))
    at_night = judged_count(low, BEGIN + night * HOUR, counts, moments)
    at_day = judged_count(low, BEGIN + day * HOUR, counts, moments)
    assert at_night is not None and at_night.p > 0.3
    assert at_day is not None and at_day.p < 1e-5


def test_an_outage_of_last_week_does_not_hide_the_next_one() -> None:
    counts, moments = traffic(7, 8, 300)
    counts[-168:-144] = 0
    now = BEGIN + (8 * 168 + 12) * HOUR
    judged = judged_count(0, now, counts, moments)
    assert judged is not None and judged.p < 1e-5
    whole = judged_count(judged.expected, now, counts, moments)
    assert whole is not None and whole.p > 0.3


def test_growth_becomes_usual_within_a_week() -> None:
    counts, moments = traffic(9, 8, 200)
    counts[-168:] = np.round(counts[-168:] * 1.6)
    judged = judged_count(300.0, BEGIN + (8 * 168 + 15) * HOUR, counts, moments)
    before = judged_count(300.0, BEGIN + (8 * 168 + 15) * HOUR, counts[:-168], moments[:-168])
    assert judged is not None and before is not None
    assert judged.expected == pytest.approx(1.6 * before.expected, rel=0.15)


def test_too_little_history_says_nothing() -> None:
    few = np.arange(3, dtype=np.int64) * HOUR + BEGIN
    assert judged_count(0, BEGIN + 3 * HOUR, np.ones(3), few) is None
    assert judged_duration(1.0, BEGIN + 3 * HOUR, np.ones(3), few) is None
    assert judged_share(1, 10, np.zeros(3), np.full(3, 10.0)) is None
    assert judged_gap(DAY, few) is None
    assert season_of(BEGIN + 3 * HOUR, few, HOUR) is None


def test_shares_ring_for_what_is_more_than_usual() -> None:
    r = np.random.default_rng(1)
    wholes = r.poisson(2_000, 200).astype(float)
    parts = r.binomial(wholes.astype(int), 0.002).astype(float)
    usual = judged_share(6, 2_000, parts, wholes)
    bad = judged_share(40, 2_000, parts, wholes)
    assert usual is not None and usual.p > 0.05 and usual.expected == pytest.approx(0.002, rel=0.3)
    assert bad is not None and corrected(bad.p, 10, 720) < 0.01
    parts[50:53] = wholes[50:53]  # an outage of the past
    again = judged_share(40, 2_000, parts, wholes)
    assert again is not None and corrected(again.p, 10, 720) < 0.01
    assert again.expected == pytest.approx(usual.expected, rel=0.05)


def test_shares_of_a_source_that_varies_are_given_more_room() -> None:
    """Nulls that go from 2 % to 12 % from day to day do not ring at 15 %; those that are always 5 % do."""
    r = np.random.default_rng(2)
    wholes = np.full(40, 1_000.0)
    varied = r.binomial(1_000, r.uniform(0.02, 0.12, 40)).astype(float)
    steady = r.binomial(1_000, 0.05, 40).astype(float)
    loose, tight = (
        judged_share(150, 1_000, varied, wholes, both=True),
        judged_share(150, 1_000, steady, wholes, both=True),
    )
    assert loose is not None and corrected(loose.p, 20, 30) > 0.1
    assert tight is not None and corrected(tight.p, 20, 30) < 1e-4
    none = judged_share(0, 1_000, steady, wholes, both=True)
    assert none is not None and corrected(none.p, 20, 30) < 0.01  # a default was filled in


def test_durations_ring_for_what_is_longer() -> None:
    r = np.random.default_rng(3)
    t = np.arange(6 * 168)
    values = np.asarray(0.02 * (1 + 0.5 * (t % 24 > 8)) * np.exp(r.normal(0, 0.1, len(t))), dtype=np.float64)
    now = BEGIN + len(t) * HOUR + 15 * HOUR
    usual, slow = (judged_duration(x, now, values, BEGIN + t * HOUR) for x in (0.031, 0.09))
    assert usual is not None and usual.p > 0.1
    assert slow is not None and corrected(slow.p, 10, 720) < 0.01 and slow.ratio == pytest.approx(3, rel=0.1)
    quick = judged_duration(0.005, now, values, BEGIN + t * HOUR)
    assert quick is not None and quick.p > 0.9


def test_a_source_that_rests_at_weekends_is_late_on_tuesday_not_on_sunday() -> None:
    days = [d for d in range(56) if d % 7 < 5]
    deliveries = BEGIN + np.array(days, dtype=np.int64) * DAY
    sunday = judged_gap(int(2.2 * DAY), deliveries)  # the last one came on a Friday
    assert sunday is not None and sunday.value / sunday.expected < 1
    monday = deliveries[:-4]
    late = judged_gap(int(2.2 * DAY), monday)
    assert late is not None and late.value / late.expected > 2


def test_one_outage_does_not_make_the_next_one_usual() -> None:
    days = np.array([d for d in range(60) if d not in (30, 31, 32, 33)], dtype=np.int64)
    judged = judged_gap(3 * DAY, BEGIN + days * DAY)
    assert judged is not None and judged.expected == pytest.approx(DAY)


def test_correction_is_for_everything_looked_at() -> None:
    assert corrected(1e-6, 1, 1) == pytest.approx(1e-6)
    assert corrected(1e-6, 10, 720) == pytest.approx(7.2e-3, rel=0.01)
    assert corrected(0.5, 10, 720) == 1.0 and corrected(0.0, 10, 720) == 0.0
    assert math.isnan(corrected(math.nan, 10, 720))


def test_quantiles_of_a_histogram() -> None:
    bounds = np.array([0.01, 0.1, 1.0])
    assert quantile_of(np.array([0, 100, 0, 0.0]), bounds, 0.5) == pytest.approx(0.01 * 10**0.5)
    assert quantile_of(np.array([100, 0, 0, 0.0]), bounds, 1.0) == pytest.approx(0.01)
    assert quantile_of(np.array([0, 0, 0, 5.0]), bounds, 0.5) == 1.0
    assert math.isnan(quantile_of(np.zeros(4), bounds, 0.5))


def test_every_kind_is_in_the_reference_with_severity_and_size() -> None:
    root = Path(__file__).parents[2]
    page = (root / "docs" / "reference" / "signals.md").read_text("utf-8")
    sections = {one.split()[0]: one for one in re.split(r"^### ", page, flags=re.MULTILINE)[1:]}
    said = "".join(path.read_text("utf-8") for path in (root / "src" / "vigie").rglob("*.py"))
    # Those of drift are counted out in one line.
    drift = {
        value for value in vars(drift_policy).values() if isinstance(value, str) and re.fullmatch(r"VGW\d{3}", value)
    }
    assert set(sections) == drift | set(re.findall(r"VGW\d{3}", said)) and set(CODES) <= set(sections)
    for code, section in sections.items():
        assert re.match(rf"{code} \w.+\n\n\*\*(info|warning|critical)\*\* · size: \w", section), code
    for code, kind in CODES.items():
        assert sections[code].startswith(f"{code} {kind.title}\n"), code
        assert f"**{kind.severity}** · size: " in sections[code], code


def test_a_week_has_its_hours() -> None:
    moments = BEGIN + np.arange(5 * 168, dtype=np.int64) * HOUR
    found = season_of(BEGIN + 5 * WEEK, moments, HOUR)
    assert found is not None and np.count_nonzero(found[:-1] == found[-1]) == 5


@given(st.integers(0, 400), st.floats(0.01, 300), st.floats(1.0, 20.0))
def test_counts_have_the_probabilities_of_scipy(value: int, mu: float, wide: float) -> None:
    from scipy.stats import nbinom, poisson

    from vigie.watch.anomaly import _negative_binomial

    variance = mu * wide
    if variance <= mu * (1 + 1e-9):
        below, above = poisson.cdf(value, mu), poisson.sf(value - 1, mu)
    else:
        r = mu * mu / (variance - mu)
        below, above = nbinom.cdf(value, r, mu / variance), nbinom.sf(value - 1, r, mu / variance)
    assert _negative_binomial(value, mu, variance) == pytest.approx(
        min(1.0, 2 * min(below, above)), rel=1e-6, abs=1e-12
    )


@given(st.integers(1, 2_000), st.floats(0, 1), st.floats(0.05, 500), st.floats(0.05, 500))
def test_shares_have_the_probabilities_of_scipy(n: int, share: float, a: float, b: float) -> None:
    from scipy.stats import betabinom

    from vigie.watch.anomaly import beta_binomial

    k = round(share * n)
    assert beta_binomial(0, k, n, a, b) == pytest.approx(betabinom.cdf(k, n, a, b), rel=1e-6, abs=1e-9)
    assert beta_binomial(k, n, n, a, b) == pytest.approx(betabinom.sf(k - 1, n, a, b), rel=1e-6, abs=1e-9)
