"""What several sections of a training report need, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from vigie.definition.moments import At, Every
from vigie.definition.score import Score
from vigie.economics import PayoffValues, ProfitCurve, profit_curve, strategy_acts
from vigie.economics.strategies import NOBODY, RULE, VIGIE
from vigie.features import rowwise
from vigie.report.charts.money import Strategy
from vigie.report.language import say
from vigie.report.numerals import count, plural
from vigie.training.capacity import Capacity
from vigie.training.evidence import Estimate, Evidence
from vigie.training.report.interval import difference_interval
from vigie.training.report.words import Words
from vigie.training.result import Metrics, TrainingResult

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Subject:
    """A training run as the report's sections look at it.

    Attributes:
        result: The run.
    """

    result: TrainingResult

    @property
    def score(self) -> Score:
        """The question."""
        return self.result.training_set.score

    @property
    def currency(self) -> str:
        """ISO 4217 code of all money."""
        return self.result.currency

    @cached_property
    def words(self) -> Words:
        """Words of the decision."""
        return Words.of(self.score.decision)

    @property
    def capacity(self) -> int | None:
        """How many can be acted on at one moment, where that bounds the test: customers with a moment each are unbounded."""
        return None if isinstance(self.score.moments, At) else self.score.decision.capacity

    @property
    def vigie(self) -> Metrics:
        """The proposed decision on the test rows."""
        return self.result.strategies[VIGIE]

    @cached_property
    def unit(self) -> str:
        """What money is for one of: ``"customer"``, or ``"customer and month"`` where each is decided on again and again."""
        one = self.words.one
        customers = self.result.training_set.customers[self.result.test_index]
        if len(set(customers.tolist())) == len(customers):
            return one
        match self.score.moments:
            case Every(period=str(period)):
                return say("{one} and {period}", one=one, period=_period(period))
        return say("{one} and moment", one=one)

    @cached_property
    def tested(self) -> str:
        """The test rows in words: ``"1,761 customers"``, or how often how many were decided on."""
        customers = len(set(self.result.training_set.customers[self.result.test_index].tolist()))
        rows = len(self.result.test_index)
        if customers == rows:
            return plural(rows, self.words.one, self.words.many)
        moments = len(np.unique(self.result.test_moments))
        return say(
            "{rows} decisions ({customers} at {moments})",
            rows=count(rows),
            customers=plural(customers, self.words.one, self.words.many),
            moments=plural(moments, "moment"),
        )

    @property
    def evidence(self) -> Evidence:
        """What was found out beside the metrics."""
        return self.result.evidence

    @cached_property
    def rival(self) -> str:
        """The strategy that the decision is measured against.

        The best fixed strategy by the training rows, where the run says which that is: then the test has not chosen
        it. The best on the test rows where the run does not say, and where one of them beats the decision there: that
        must not be passed over in silence. Of equals the simplest.
        """
        others = {name: m.value for name, m in self.result.strategies.items() if name != VIGIE}
        best = max(
            others, key=lambda name: others[name] if others[name] == others[name] else float("-inf"), default=NOBODY
        )
        known = self.evidence.value
        if known is None or known.rival not in others or others[best] > self.vigie.value:
            return best
        return known.rival

    @cached_property
    def lead(self) -> Estimate | None:
        """The decision's lead over :attr:`rival` with its interval, money for one customer; ``None``: not to be told."""
        known = self.evidence.value
        if known is not None and known.rival == self.rival:
            return known.over_rival
        if VIGIE not in self.acts or self.rival not in self.acts:
            return None
        customers = self.result.training_set.customers[self.result.test_index]
        interval = difference_interval(
            self.payoff, self.result.test_labels, self.acts[VIGIE], self.acts[self.rival], customers
        )
        return None if interval is None else Estimate(self.advantage, *interval)

    @property
    def advantage(self) -> float:
        """Money for one customer that the decision brings more than :attr:`rival`."""
        return self.vigie.value - self.result.strategies[self.rival].value

    @cached_property
    def payoff(self) -> PayoffValues:
        """Cost matrix of the test rows, with 0 where a sum is not known: such a customer brings nothing either way."""
        return PayoffValues(*(np.nan_to_num(amounts, nan=0.0) for amounts in self.result.test_payoff.sums()))

    @cached_property
    def gain(self) -> Array:
        """Expected gain of acting on each test row."""
        return self.result.test_payoff.gain(self.result.best.probability_test)

    @cached_property
    def acts(self) -> dict[str, Array]:
        """Who each strategy acts on among the test rows; only strategies whose acts bring exactly what was measured.

        The result keeps money, not acts. They are worked out again by the same functions and checked against it, so
        that an interval is never drawn around another decision than the one reported.
        """
        result, capacity, moments = self.result, self.capacity, self.result.test_moments
        limits = Capacity.of(capacity, result.training_set.moments)
        act = limits.act(self.gain, result.best.min_gain, result.test_index)
        rule = None
        if self.score.rule is not None and RULE in result.strategies:
            extras = {name: values.take(result.test_index) for name, values in result.training_set.extras.items()}
            rule = np.nan_to_num(rowwise.evaluate(self.score.rule, extras, len(result.test_index)).data)
        found = strategy_acts(
            result.best.probability_test,
            act,
            rule=rule,
            capacity=capacity,
            moments=moments,
            seed=result.options.seed,
        )
        return {name: chosen for name, chosen in found.items() if self._brings(name, chosen)}

    def _brings(self, name: str, act: Array) -> bool:
        measured = self.result.strategies.get(name)
        if measured is None:
            return False
        value = float(np.mean(self.payoff.realised(act, self.result.test_labels)))
        return bool(np.isclose(value, measured.value, rtol=1e-6, atol=1e-9))

    @cached_property
    def curve(self) -> ProfitCurve | None:
        """Money for one customer over the share acted on; ``None`` without test rows."""
        if not len(self.result.test_labels):
            return None
        act = self.acts.get(VIGIE, np.asarray(self.gain >= self.result.best.min_gain))
        return profit_curve(self.gain, self.payoff, self.result.test_labels, act)

    @cached_property
    def threshold(self) -> tuple[float, float] | None:
        """Lowest and highest probability that is acted on from, over the test rows; ``None`` where there is none.

        ``gain(p) ≥ min_gain`` solved for *p*; both are equal where the cost matrix is the same for all.
        """
        pay, least = self.result.test_payoff, self.result.best.min_gain
        cost = pay.pass_negative - pay.act_negative
        slope = np.asarray(pay.act_positive - pay.pass_positive + cost, dtype=np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            level = np.atleast_1d(np.where(slope > 0, (least + cost) / slope, np.nan))
        level = level[(level >= 0) & (level <= 1)]
        return (float(level.min()), float(level.max())) if len(level) else None

    def strategies(self) -> list[Strategy]:
        """Every strategy with what it brought, the proposed one last."""
        return [
            Strategy(self.words.strategy(name), m.acted, m.value, name == VIGIE)
            for name, m in sorted(self.result.strategies.items(), key=lambda item: item[0] == VIGIE)
            if m.value == m.value
        ]


def _period(name: str) -> str:
    words = {
        "hour": say("hour"),
        "day": say("day"),
        "week": say("week"),
        "month": say("month"),
        "quarter": say("quarter"),
        "year": say("year"),
    }
    return words[name]
