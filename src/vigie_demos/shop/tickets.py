"""What customers write to the support of the generated shop: varied sentences by topic and tone."""

from __future__ import annotations

import numpy as np

from vigie_demos.shop.mechanism import Integers

TOPICS = ("delivery", "defect", "refund", "invoice", "question")
TOPIC_SHARE = (0.4, 0.2, 0.15, 0.1, 0.15)

_OPENING = ("Hello,", "Good morning,", "Hi there,", "Dear support,", "To whom it may concern,", "")
_BODY = {
    "delivery": (
        "my order {order} should have been here {days} days ago",
        "the parcel with order {order} is marked as delivered, and I have nothing",
        "tracking of {order} has not moved for {days} days",
        "only a part of order {order} was in the box",
    ),
    "defect": (
        "the item from order {order} stopped working after {days} days",
        "what I got with {order} is broken",
        "a piece of order {order} arrived with a scratch",
        "the size of the item in {order} is not the one on your page",
    ),
    "refund": (
        "I sent order {order} back {days} days ago and wait for my money",
        "the refund for {order} is smaller than what I paid",
        "please cancel {order} and pay me back",
    ),
    "invoice": (
        "I need an invoice for order {order}",
        "order {order} was charged twice",
        "the voucher is missing on the bill of {order}",
    ),
    "question": (
        "can I still change the address of order {order}",
        "does what I bought with {order} come with a warranty",
        "how do I return a single item of {order}",
    ),
}
_TONE = {
    1: ("This is unacceptable, I will not order again.", "I am done with this shop.", "Nobody answers. Very disappointed!"),
    2: ("This is the second time.", "I expected better.", "I am not happy with how this is handled."),
    3: ("Please have a look.", "Could you check this?", "Thanks for an answer."),
    4: ("Thank you for your help so far.", "Thanks in advance!", "It is not urgent."),
    5: ("You have always been quick, thank you!", "I like your shop very much.", "Many thanks and kind regards."),
}  # fmt: skip


def sentences(
    rng: np.random.Generator, topics: Integers, satisfaction: Integers, order_ids: list[str], days: Integers
) -> list[str]:
    """One text for each ticket.

    Args:
        rng: Source of chance.
        topics: Index into :data:`TOPICS`, shape (n,).
        satisfaction: 1 … 5, shape (n,): sets the tone.
        order_ids: The order that each ticket is about.
        days: How long the customer has waited, shape (n,).
    """
    picks = rng.random((len(topics), 3))
    texts = []
    for topic, mood, order, waited, pick in zip(topics, satisfaction, order_ids, days, picks, strict=True):
        bodies, tones = _BODY[TOPICS[topic]], _TONE[int(mood)]
        opening = _OPENING[int(pick[0] * len(_OPENING))]
        body = bodies[int(pick[1] * len(bodies))].format(order=order, days=int(waited) + 1)
        parts = [opening, body if opening else body[0].upper() + body[1:]]
        texts.append(f"{' '.join(p for p in parts if p)}. {tones[int(pick[2] * len(tones))]}")
    return texts
