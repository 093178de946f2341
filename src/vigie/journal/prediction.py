"""One prediction, as a fact: enough to explain it, audit it, measure it and learn from it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """What was scored, with what values, by which model, and what was decided.

    A field that is new has a default, so that lines that were written before it came are read.

    Attributes:
        id: Identifies the prediction; sorts by time (see :func:`vigie.journal.identifiers`).
        request_id: The request or batch run it was part of.
        score: Name of the score, e.g. ``"churn"``.
        customer: Who was scored; ``None`` where the caller sent values and no id.
        as_of: The moment the values describe, microseconds UTC.
        at: The moment of the prediction on the server's clock, microseconds UTC.
        model: Version of the model in the registry.
        bundle: Hash of the bundle that answered.
        values: The inputs by name, as the model saw them; ``None`` for null, a time in microseconds UTC.
        probability: Of the outcome, 0 … 1.
        decision: What to do, in the words of the project's decision, e.g. ``"contact"`` or ``"leave"``.
        gain: Expected gain of acting instead of passing, in ``currency`` units of the bundle, per customer; ``None`` where
            a sum of the cost matrix is not known for the customer.
        expected_value: Expected result of the decision taken, same unit; ``None`` likewise.
        segment: Name of the risk segment.
        threshold: Lowest gain at which the model acts, same unit; ``None`` where no finite gain is asked for.
        arm: Which of several models or policies decided.
        assignment_probability: Probability with which the customer came into that arm, above 0 up to 1.
        rollout: The release in which arms were assigned; empty where there was none.
        definition: Fingerprint of the score's definition that the model was trained for; empty where it is not known.
        looked_up: Whether the values were computed from the customer's history; ``False``: they were sent by the caller.
        latency_us: Microseconds from the whole request received to the answer ready.
        source: How it was asked for.
        caller: Who asked: an address or the name of a key.
    """

    id: str
    request_id: str
    score: str
    customer: str | None
    as_of: int
    at: int
    model: str
    bundle: str
    values: dict[str, Any]
    probability: float
    decision: str
    gain: float | None
    expected_value: float | None
    segment: str
    threshold: float | None
    arm: str = "champion"
    assignment_probability: float = 1.0
    rollout: str = ""
    definition: str = ""
    looked_up: bool = False
    latency_us: int = 0
    source: Literal["api", "batch"] = "api"
    caller: str = ""
