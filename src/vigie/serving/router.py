"""Which model answers: the champion, or during a rollout the challenger for its share of the customers.

A router stands where a model's scoring stood, and costs one look at an attribute while there is one model. What it does is
one immutable :class:`Routing`, exchanged as a whole: a request that began under one ends under it, so that a new champion, a
step and a rollback cut nobody off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from vigie.clock import stopwatch
from vigie.errors import BundleError
from vigie.release import CHALLENGER, CHAMPION, FALLBACK, HOLDOUT, HoldOut
from vigie.serving.messages import PredictionAnswer, QuickDecoder, Row, ScoreAnswer
from vigie.serving.refusal import RequestError
from vigie.serving.router_metrics import CHALLENGED, DROPPED, FAILED, SHADOWED
from vigie.serving.router_shadow import Shadow, Shown
from vigie.serving.router_trial import Trial, Unit
from vigie.serving.scoring import UNDRAWN, Asked, Draw, Scoring
from vigie.serving.served import Served

ARMS = (CHAMPION, CHALLENGER, HOLDOUT, FALLBACK)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """Who answers now.

    Attributes:
        champion: Answers whoever gets nobody else.
        challenger: Answers its share, or scores in the shadow; ``None``: there is no rollout.
        trial: What is counted; ``None`` likewise.
        step: Of the plan.
        shadow: Where the challenger scores only beside.
        live: Whether a step has begun.
        plain: Whether everybody gets the champion, and nothing is counted.
        draws: How customers come into each arm.
    """

    champion: Scoring
    challenger: Scoring | None = None
    trial: Trial | None = None
    step: int = 0
    shadow: Shadow | None = None
    live: bool = False
    plain: bool = True
    draws: Mapping[str, Draw] = field(default_factory=dict)


class Router:
    """Scores with one of several models; see :meth:`Scoring.score <vigie.serving.scoring.Scoring.score>`.

    Args:
        champion: The model to begin with.
        make: Makes a model ready to score and record.
        holdout: Share of the customers with an id who are never acted on, 0 … below 1: always the same ones, whatever the
            model. Only by them can be seen what acting brings.
        on_champion: Told when another model became champion, in the thread that made it so.
        count: Told what happens in a rollout, for the metrics.
    """

    def __init__(
        self,
        champion: Served,
        make: Callable[[Served], Scoring],
        holdout: float = 0.0,
        on_champion: Callable[[Served], None] | None = None,
        count: Callable[[str], None] | None = None,
    ) -> None:
        self._make, self._holdout, self._on_champion = make, holdout, on_champion
        self._tell = count if count is not None else _nobody
        self._held = HoldOut(champion.name, holdout)
        self._routing = Routing(make(champion))
        self._exchange(self._routing)

    @property
    def quick(self) -> QuickDecoder:
        """The champion's; what it checked, a challenger with other inputs checks again."""
        return self._routing.champion.quick

    # -- what others change ------------------------------------------------------------------------------------------

    @property
    def routing(self) -> Routing:
        """Who answers now."""
        return self._routing

    @property
    def share(self) -> float:
        """Of the customers who get the challenger now."""
        return _share(self._routing)

    @property
    def champion(self) -> Served:
        """The model that answers whoever gets nobody else."""
        return self._routing.champion.served

    def crown(self, champion: Served) -> None:
        """Make another model champion, and end what rollout there is.

        Raises:
            BundleError: Its decisions have other words; the metrics are labelled with those of the start.
        """
        self._check(champion)
        challenger = self._routing.challenger
        # The challenger who won is ready already.
        ready = challenger if challenger is not None and challenger.served is champion else self._make(champion)
        self._exchange(Routing(ready))
        if self._on_champion is not None:
            self._on_champion(champion)

    def begin(self, challenger: Served, trial: Trial) -> None:
        """Put a challenger beside the champion; it gets nobody before :meth:`step`.

        Raises:
            BundleError: Its decisions have other words than the champion's.
        """
        self._check(challenger)
        self._exchange(Routing(self._routing.champion, self._make(challenger), trial))

    def step(self, step: int, *, shadow: bool) -> None:
        """Go to *step* of the plan: give the challenger its share, or let it score in the shadow."""
        now = self._routing
        assert now.challenger is not None and now.trial is not None
        beside = Shadow(now.challenger, now.trial, step) if shadow else None
        self._exchange(replace(now, step=step, shadow=beside, live=True))

    def end(self) -> None:
        """Give everybody to the champion."""
        self._exchange(Routing(self._routing.champion))

    def _check(self, served: Served) -> None:
        now, then = self._routing.champion.served.bundle.decision, served.bundle.decision
        if (now.act, now.leave) != (then.act, then.leave):
            raise BundleError(
                f"version {served.version} decides between {then.act} and {then.leave}, the champion between {now.act} and "
                f"{now.leave}",
                where=served.name,
                remedy="promote it with `vigie models --promote` and start the servers again",
            )

    def _exchange(self, routing: Routing) -> None:
        before = self._routing
        plain = not routing.live and not self._holdout
        self._routing = replace(routing, plain=plain, draws={arm: self._draw(routing, arm) for arm in ARMS})
        if before.shadow is not None and before.shadow is not routing.shadow:
            before.shadow.stop()

    # -- scoring -----------------------------------------------------------------------------------------------------

    async def score(self, rows: Sequence[Row], asked: Asked) -> ScoreAnswer:
        """Scores *rows*, each with the model its customer gets, in their order.

        Raises:
            RequestError: As :meth:`Scoring.score <vigie.serving.scoring.Scoring.score>`; never because of a challenger.
        """
        now = self._routing
        if now.plain:
            return await now.champion.score(rows, asked)
        if len(rows) == 1:
            unit = self._unit(now, rows[0], asked, 0)
            return await self._of_arm(now, self._arm(now, rows[0], unit), rows, (unit,), asked)
        units = [self._unit(now, row, asked, i) for i, row in enumerate(rows)]
        arms = [self._arm(now, row, unit) for row, unit in zip(rows, units, strict=True)]
        if len(set(arms)) == 1:
            answer = await self._of_arm(now, arms[0], rows, units, asked)
        else:
            answer = await self._divided(now, rows, units, arms, asked)
        return answer

    def _unit(self, now: Routing, row: Row, asked: Asked, number: int) -> Unit | None:
        return now.trial.unit(row.customer, asked.request_id, number) if now.trial is not None and now.live else None

    def _arm(self, now: Routing, row: Row, unit: Unit | None) -> str:
        if self._holdout and row.customer is not None and self._held.holds(row.customer):
            return HOLDOUT
        if unit is None or now.trial is None or now.shadow is not None:
            return CHAMPION
        return now.trial.arm(unit, now.step)

    async def _divided(
        self, now: Routing, rows: Sequence[Row], units: Sequence[Unit | None], arms: Sequence[str], asked: Asked
    ) -> ScoreAnswer:
        found: dict[int, PredictionAnswer] = {}
        model = None
        # The champion first: what it refuses is refused before the challenger has recorded anything.
        for arm in (CHAMPION, HOLDOUT, CHALLENGER):
            chosen = [i for i, one in enumerate(arms) if one == arm]
            if not chosen:
                continue
            answer = await self._of_arm(now, arm, [rows[i] for i in chosen], [units[i] for i in chosen], asked)
            model = model or answer.model
            other = answer.model.version if answer.model.version != model.version else None
            for i, one in zip(chosen, answer.predictions, strict=True):
                found[i] = one if other is None else msgspec.structs.replace(one, version=other)
        assert model is not None
        return ScoreAnswer(asked.request_id, model, [found[i] for i in range(len(rows))])

    async def _of_arm(
        self, now: Routing, arm: str, rows: Sequence[Row], units: Sequence[Unit | None], asked: Asked
    ) -> ScoreAnswer:
        if arm == CHALLENGER:
            return await self._challenged(now, rows, units, asked)
        drawn = now.draws[arm]
        started = stopwatch()
        try:
            answer = await now.champion.score(rows, asked, drawn)
        except Exception as error:
            if arm == CHAMPION and _is_ours(error):
                self._count_failure(now, units, stopwatch() - started)
            raise
        if arm == CHAMPION:
            self._count(now, rows, units, asked, answer, stopwatch() - started)
        return answer

    async def _challenged(
        self, now: Routing, rows: Sequence[Row], units: Sequence[Unit | None], asked: Asked
    ) -> ScoreAnswer:
        """The challenger's answer, or the champion's where it fails."""
        assert now.challenger is not None
        started = stopwatch()
        try:
            answer = await now.challenger.score(rows, asked, now.draws[CHALLENGER])
        except Exception as error:
            if isinstance(error, RequestError) and error.kind == "journal":
                raise  # no model's fault
            log.info("the challenger failed and the champion answers: %s", error)
            try:
                answer = await now.champion.score(rows, asked, now.draws[FALLBACK])
            except Exception as second:
                if _is_ours(second):
                    self._count_failure(now, units, stopwatch() - started)
                raise  # the request is at fault where the champion refuses it, too
            self._tell(FAILED)
            self._count_failure(now, units, stopwatch() - started, answer)
            return answer
        self._tell(CHALLENGED)
        self._count(now, rows, units, asked, answer, stopwatch() - started)
        return answer

    def _draw(self, now: Routing, arm: str) -> Draw:
        rest = 1.0 - self._holdout
        rollout = now.trial.rollout if now.trial is not None and now.live else ""
        if arm == HOLDOUT:
            return Draw(HOLDOUT, self._holdout, rollout, leave=True)
        share = _share(now)
        if rest == 1.0 and not rollout:
            return UNDRAWN
        probability = rest * (share if arm in (CHALLENGER, FALLBACK) else 1.0 - share)
        return Draw(arm, probability, rollout)

    # -- counting ----------------------------------------------------------------------------------------------------

    def _count(
        self,
        now: Routing,
        rows: Sequence[Row],
        units: Sequence[Unit | None],
        asked: Asked,
        answer: ScoreAnswer,
        seconds: float,
    ) -> None:
        trial = now.trial
        if trial is None or not now.live:
            return
        act = now.champion.served.bundle.decision.act
        for row, unit, one in zip(rows, units, answer.predictions, strict=True):
            assert unit is not None
            acted = one.decision == act
            if now.shadow is None:
                # A batch is divided between the models, so that its time says nothing about either.
                took = seconds if len(rows) == 1 else None
                trial.count(unit, now.step, failed=False, look=(one.score, acted), seconds=took)
            elif trial.wants_shadow(unit):
                shown = Shown(row, asked, (one.score, acted, one.expected_value, seconds / len(rows)))
                # Behind whatever is to be done for the answer: it is written in this turn of the loop.
                asyncio.get_running_loop().call_soon(self._shadowed, now.shadow, shown)

    def _shadowed(self, shadow: Shadow, shown: Shown) -> None:
        self._tell(SHADOWED if shadow.put(shown) else DROPPED)

    def _count_failure(
        self, now: Routing, units: Sequence[Unit | None], seconds: float, answer: ScoreAnswer | None = None
    ) -> None:
        """A request failed. It is one failure, however many customers it was for, and all of them count.

        Were they left out, one arm would have fewer customers than were drawn for it, and everything else about it would seem
        to differ. The time is what the caller waited.
        """
        if now.trial is None or now.shadow is not None:
            return
        act = now.champion.served.bundle.decision.act
        took = seconds if len(units) == 1 else None
        for i, unit in enumerate(units):
            if unit is not None:
                one = answer.predictions[i] if answer is not None else None
                look = None if one is None else (one.score, one.decision == act)
                now.trial.count(unit, now.step, failed=i == 0, look=look, seconds=took)


def _share(now: Routing) -> float:
    return now.trial.shares[now.step] if now.trial is not None and now.live and now.shadow is None else 0.0


def _nobody(_: str) -> None:
    """Counts for nobody."""


def _is_ours(error: Exception) -> bool:
    """Whether a failure is the server's and a model may be the reason: not the caller's, nor the journal's."""
    return not isinstance(error, RequestError) or (error.status >= 500 and error.kind != "journal")
