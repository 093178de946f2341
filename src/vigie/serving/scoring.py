"""From rows to recorded answers: look up, check, score, record, count. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from vigie.bundle import Explained, ScoreRow
from vigie.clock import iso, stopwatch
from vigie.errors import InputError, VigieError
from vigie.features.values import Columns
from vigie.journal import Prediction, PredictionJournal, identifiers, new_identifier
from vigie.release import CHAMPION
from vigie.serving.messages import ModelAnswer, PredictionAnswer, QuickDecoder, ReasonAnswer, Row, ScoreAnswer
from vigie.serving.metrics import Metrics
from vigie.serving.refusal import Detail, RequestError, detail_of, from_error, refused
from vigie.serving.served import Served
from vigie.serving.settings import ServingSettings

MOST_DETAILS = 100
"""Things named in one refusal at most."""

MOMENT = "moment"
"""Input of a model that asks what day it is; where it is not sent, it is the moment of scoring."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """Circumstances of a request.

    Attributes:
        request_id: Of the answer and the records.
        at: The server's moment, microseconds UTC.
        as_of: The moment the values describe, microseconds UTC.
        started: Reading of the stopwatch when the whole request was there.
        caller: Who asked.
        reasons: How many are wanted for each customer.
    """

    request_id: str
    at: int
    as_of: int
    started: float
    caller: str
    reasons: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """How a customer came to be scored by this model.

    Attributes:
        arm: Of the record; see :mod:`vigie.release.assignment`.
        probability: With which the customer came into the arm, above 0 up to 1.
        rollout: In which arms were assigned; empty for none.
        leave: Nobody is acted on, whatever the model says.
    """

    arm: str = CHAMPION
    probability: float = 1.0
    rollout: str = ""
    leave: bool = False


UNDRAWN = Draw()
"""There is one model, and everybody gets it."""

Glanced = Sequence[Mapping[str, Any] | None]
"""Inputs of customers asked for by id, by name; ``None`` for one who is not known."""
Scored = tuple[dict[str, Any], ScoreRow]
"""A customer's values by input name, and the answer."""


class Answering(Protocol):
    """What scores for one name: a :class:`~vigie.serving.router.Router`, or what opens one when it is asked."""

    @property
    def quick(self) -> QuickDecoder | None:
        """What decodes the body that is sent most often; ``None``: there is nothing quicker."""
        ...

    async def score(self, rows: Sequence[Row], asked: Asked) -> ScoreAnswer:
        """The scores of *rows*, in their order."""
        ...


class Scoring:
    """Scores customers with one model and records every prediction before it is answered.

    Args:
        served: The model.
        journal: Where predictions are recorded.
        metrics: Where they are counted.
        settings: Limits.
    """

    def __init__(self, served: Served, journal: PredictionJournal, metrics: Metrics, settings: ServingSettings) -> None:
        self._served = served
        self._scorer = served.scorer
        self._provider = served.provider
        self._journal = journal
        self._metrics = metrics
        self._background = settings.background_rows
        self._model = ModelAnswer(served.name, served.version, served.bundle.hash)
        self._rule = served.bundle.decision
        self._threshold = _finite(self._rule.request_cut)
        self._definition = str(served.bundle.lineage.get("definition", ""))
        self._asks_moment = MOMENT in served.kinds
        self._reader = self._scorer.reader
        self.quick = QuickDecoder(self._reader)
        """Decodes what is sent to this model most often."""

    @property
    def served(self) -> Served:
        """The model."""
        return self._served

    def asking_through(self, wrap: Callable[[Any], Any]) -> Scoring:
        """This, with model, features and journal wrapped by somebody who looks on."""
        self._scorer, self._provider, self._journal = map(wrap, (self._scorer, self._provider, self._journal))
        return self

    async def score(self, rows: Sequence[Row], asked: Asked, drawn: Draw = UNDRAWN) -> ScoreAnswer:
        """Scores *rows*, in their order. When it returns, every prediction is on record.

        Args:
            rows: Customers, at least one.
            asked: Circumstances.
            drawn: How they came to be scored by this model.

        Raises:
            RequestError: A row does not fit, a customer is not known, or nothing can be looked up or recorded.
        """
        if len(rows) == 1 and not asked.reasons and self._background > 1:
            one = await self._one(rows[0], asked, drawn)
            if one is not None:
                return one
        quick, glanced = not asked.reasons and len(rows) < self._background, None
        if quick and not all(row.values is not None for row in rows):
            glanced = self._glanced(rows, asked)
            quick = glanced is not None
        if quick:
            events, explained = self._record(rows, asked, drawn, glanced)
        else:
            events, explained = await asyncio.to_thread(self._record, rows, asked, drawn)
        if self._journal.power:
            await self._settled(len(events))
        for event in events:
            self._metrics.prediction(event.score, event.decision, event.segment)
        as_of = iso(asked.as_of)
        predictions = [
            PredictionAnswer(e.customer, e.probability, e.decision, e.segment, e.expected_value, as_of) for e in events
        ]
        if asked.reasons:
            predictions = [_with_reasons(one, why) for one, why in zip(predictions, explained, strict=True)]
        return ScoreAnswer(asked.request_id, self._model, predictions)

    async def _one(self, row: Row, asked: Asked, drawn: Draw) -> ScoreAnswer | None:
        """As :meth:`score` for one customer, with less in between; ``None``: getting the inputs may take long."""
        try:
            if row.values is not None:
                values = self._parsed(row, asked)
            else:
                glanced = self._glanced((row,), asked)
                if glanced is None:
                    return None
                found = glanced[0]
                if found is None:
                    self._refuse_unknown((row,), asked)
                    return None
                values = {name: found[name] for name in self._scorer.inputs}
            event = self._event(new_identifier(asked.at), row, values, self._scorer.score_one(values), asked, drawn)
            self._journal.append([event], settle=False)
        except VigieError as error:
            raise from_error(error) from error
        if self._journal.power:
            await self._settled(1)
        self._metrics.prediction(event.score, event.decision, event.segment)
        answer = PredictionAnswer(
            event.customer, event.probability, event.decision, event.segment, event.expected_value, iso(asked.as_of)
        )
        return ScoreAnswer(asked.request_id, self._model, [answer])

    def answers(self, rows: Sequence[Row], asked: Asked) -> list[ScoreRow]:
        """What the model would answer; nothing is recorded. For a thread that nobody waits for.

        Raises:
            RequestError: A row does not fit, or a customer is not known.
            VigieError: Nothing can be looked up.
        """
        return [answer for _, answer in self._scored(rows, asked)]

    def _record(
        self, rows: Sequence[Row], asked: Asked, drawn: Draw, glanced: Glanced | None = None
    ) -> tuple[list[Prediction], list[Explained]]:
        try:
            scored = self._scored(rows, asked, glanced)
            explained = self._explained([values for values, _ in scored], asked.reasons) if asked.reasons else []
            events = self._events(rows, scored, asked, drawn)
            self._journal.append(events, settle=False)
        except VigieError as error:
            raise from_error(error) from error
        return events, explained

    async def _settled(self, count: int) -> None:
        """Waits for the disk, together with the other requests of the moment."""
        try:
            await self._journal.settled(count)
        except VigieError as error:
            raise from_error(error) from error

    def _explained(self, values: list[dict[str, Any]], top: int) -> list[Explained]:
        """Reasons are not recorded: values and bundle are, and give them again."""
        explainer, n = self._served.explainer, len(values)
        if n < self._background:
            return [explainer.explained(row, top) for row in values]
        return explainer.all_explained(self._scorer.columns(values), values, top)

    def _glanced(self, rows: Sequence[Row], asked: Asked) -> Glanced | None:
        """Inputs of the customers asked for by id, where they are at hand; ``None`` where getting them may take long."""
        if self._provider is None:
            return None
        began = stopwatch()
        try:
            found = self._provider.at_hand([_id(row) for row in rows if row.values is None], asked.as_of)
        except VigieError as error:
            raise from_error(error) from error
        if found is not None:
            self._metrics.read(stopwatch() - began)
        return found

    def _scored(self, rows: Sequence[Row], asked: Asked, glanced: Glanced | None = None) -> list[Scored]:
        """The answer for each row: those with values together, those by id together."""
        by_id = [i for i, row in enumerate(rows) if row.values is None]
        if not by_id:
            return self._of_values(rows, asked)
        sent = [i for i, row in enumerate(rows) if row.values is not None]
        chosen = [rows[i] for i in by_id]
        found = self._of_customers(chosen, asked) if glanced is None else self._of_glanced(chosen, glanced, asked)
        scored = dict(zip(by_id, found, strict=True))
        scored.update(zip(sent, self._of_values([rows[i] for i in sent], asked), strict=True))
        return [scored[i] for i in range(len(rows))]

    def _of_values(self, rows: Sequence[Row], asked: Asked) -> list[Scored]:
        parsed = self._all_parsed(rows, asked)
        if len(parsed) < self._background:  # one by one is faster for a few, and the same to the bit
            return [(values, self._scorer.score_one(values)) for values in parsed]
        return self._answers(self._scorer.columns(parsed), parsed)

    def _of_glanced(self, rows: Sequence[Row], glanced: Glanced, asked: Asked) -> list[Scored]:
        self._refuse_unknown([row for row, found in zip(rows, glanced, strict=True) if found is None], asked)
        inputs = tuple(self._scorer.inputs)
        all_values = [{name: found[name] for name in inputs} for found in glanced if found is not None]
        return [(values, self._scorer.score_one(values)) for values in all_values]

    def _of_customers(self, rows: Sequence[Row], asked: Asked) -> list[Scored]:
        columns = self._looked_up(rows, asked)
        lists = {name: columns[name].to_list() for name in self._scorer.inputs}
        return self._answers(columns, [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)])

    def _answers(self, columns: Columns, values: list[dict[str, Any]]) -> list[Scored]:
        scores = self._scorer.score(columns, len(values))
        answers = zip(
            scores.probability.tolist(),
            scores.gain.tolist(),
            scores.act.tolist(),
            scores.expected_value.tolist(),
            scores.segment.tolist(),
            strict=True,
        )
        names = scores.segment_names
        return [(row, ScoreRow(*one, names[one[-1]])) for row, one in zip(values, answers, strict=True)]

    def _parsed(self, row: Row, asked: Asked) -> dict[str, Any]:
        sent = row.values or {}
        if row.reader is self._reader:
            if self._asks_moment:
                sent.setdefault(MOMENT, asked.as_of)
            return sent
        if self._asks_moment and sent.get(MOMENT) is None:
            sent = {**sent, MOMENT: asked.as_of}
        try:
            return self._scorer.parse(sent)
        except InputError as error:
            raise RequestError(422, [detail_of(error, row.values_path)], "input") from error

    def _all_parsed(self, rows: Sequence[Row], asked: Asked) -> list[dict[str, Any]]:
        parsed: list[dict[str, Any]] = []
        details: list[Detail] = []
        for row in rows:
            try:
                parsed.append(self._parsed(row, asked))
            except RequestError as problem:
                details += problem.details
                if len(details) == MOST_DETAILS:
                    break
        if details:
            raise RequestError(422, details, "input")
        return parsed

    def _looked_up(self, rows: Sequence[Row], asked: Asked) -> Columns:
        """Features and extras of customers asked for by id."""
        provider = self._provider
        if provider is None:
            raise refused(
                422,
                rows[0].customer_path,
                "this server cannot look up a customer's features",
                "send values, or start the server with access to the lake",
                "customer",
            )
        began = stopwatch()
        found = provider.features([_id(row) for row in rows], asked.as_of)
        self._metrics.read(stopwatch() - began)
        known = found.known.tolist()
        self._refuse_unknown([row for row, there in zip(rows, known, strict=True) if not there], asked)
        return {**found.extras, **found.features}

    def _refuse_unknown(self, unknown: Sequence[Row], asked: Asked) -> None:
        if unknown:
            raise RequestError(
                422,
                [
                    Detail(
                        row.customer_path,
                        f"no customer {_id(row)!r} is known at {iso(asked.as_of)}",
                        "check the id, or send values",
                    )
                    for row in unknown[:MOST_DETAILS]
                ],
                "customer",
            )

    def _events(self, rows: Sequence[Row], scored: Sequence[Scored], asked: Asked, drawn: Draw) -> list[Prediction]:
        return [
            self._event(identifier, row, values, answer, asked, drawn)
            for identifier, row, (values, answer) in zip(identifiers(asked.at, len(rows)), rows, scored, strict=True)
        ]

    def _event(
        self, identifier: str, row: Row, values: dict[str, Any], answer: ScoreRow, asked: Asked, drawn: Draw
    ) -> Prediction:
        served, rule = self._served, self._rule
        return Prediction(
            id=identifier,
            request_id=asked.request_id,
            score=served.name,
            customer=row.customer,
            as_of=asked.as_of,
            at=asked.at,
            model=served.version,
            bundle=served.bundle.hash,
            values=values,
            probability=answer.probability,
            decision=rule.act if answer.act and not drawn.leave else rule.leave,
            gain=_finite(answer.gain),
            expected_value=_finite(_of_leaving(answer) if drawn.leave else answer.expected_value),
            segment=answer.segment_name,
            threshold=self._threshold,
            arm=drawn.arm,
            assignment_probability=drawn.probability,
            rollout=drawn.rollout,
            definition=self._definition,
            looked_up=row.values is None,
            latency_us=round((stopwatch() - asked.started) * 1e6),
            caller=asked.caller,
        )


def _with_reasons(prediction: PredictionAnswer, explained: Explained) -> PredictionAnswer:
    reasons = [
        ReasonAnswer(one.feature, one.value, one.contribution, str(one.words), str(one.effect))
        for one in explained.reasons
    ]
    return msgspec.structs.replace(
        prediction, reasons=reasons, reasons_base=explained.base, reasons_scale=explained.scale
    )


def _of_leaving(answer: ScoreRow) -> float:
    """Expected result of not acting."""
    return answer.expected_value - answer.gain if answer.act else answer.expected_value


def _finite(amount: float) -> float | None:
    return amount if math.isfinite(amount) else None


def _id(row: Row) -> str:
    assert row.customer is not None, "a row has values or an id"
    return row.customer
