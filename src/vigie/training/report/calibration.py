"""How far the probabilities can be believed: slope and offset with their intervals, and the maps that were tried."""

from __future__ import annotations

from vigie.report.blocks import Head, table
from vigie.report.html import Content, join, tag
from vigie.report.language import say
from vigie.report.numerals import decimal
from vigie.training.evidence import Estimate
from vigie.training.report.reproduce import calibration_words
from vigie.training.report.subject import Subject


def calibration(subject: Subject) -> Content:
    """Nothing where it was not looked at."""
    known = subject.evidence.reliability
    if known is None:
        return ""
    heads = [
        Head(say("Measure"), number=False),
        Head(say("On the test")),
        Head(say("95% interval")),
        Head(say("Right is")),
        Head(say("What it means"), number=False, words=True),
    ]
    lines: list[list[Content]] = [
        [
            say("Slope"),
            decimal(known.slope.value, 2),
            _interval(known.slope, 2),
            "1",
            say("Below 1: the highest probabilities are too high and the lowest too low."),
        ],
        [
            say("Offset"),
            decimal(known.offset.value, 2),
            _interval(known.offset, 2),
            "0",
            say("Above 0: more came true than was predicted, in log-odds."),
        ],
        [
            say("Expected error"),
            decimal(known.ece.value, 3),
            _interval(known.ece, 3),
            "0",
            say("Mean distance between what was predicted and what came true."),
        ],
    ]
    return join(
        tag("h3", say("Can a probability be taken at its word?")),
        tag("p", _verdict(known.slope, known.offset)),
        table(heads, lines, caption=say("Calibration on the test rows, which chose neither model nor map.")),
        _maps(subject),
    )


def _verdict(slope: Estimate, offset: Estimate) -> str:
    if not offset.low <= 0 <= offset.high:
        return (
            say("They are too low on the whole: more came true than was predicted.")
            if offset.value > 0
            else say("They are too high on the whole: less came true than was predicted.")
        )
    if not slope.low <= 1 <= slope.high:
        return (
            say("They are right on the whole, and too extreme at both ends.")
            if slope.value < 1
            else say("They are right on the whole, and too timid at both ends.")
        )
    return say("Yes, as far as these rows can tell: slope and offset are right within their intervals.")


def _interval(estimate: Estimate, digits: int) -> str:
    return say("{low} to {high}", low=decimal(estimate.low, digits), high=decimal(estimate.high, digits))


def _maps(subject: Subject) -> Content:
    known = subject.evidence.reliability
    if known is None or not known.losses:
        return ""
    chosen = subject.result.best.calibration
    said = ", ".join(f"{calibration_words(name)} {decimal(loss, 4)}" for name, loss in known.losses.items())
    return tag(
        "p",
        say(
            "Maps tried on the winner, by cross-validated log loss: {said}. Chosen: {chosen}.",
            said=said,
            chosen=calibration_words(chosen),
        ),
        class_="small quiet",
    )
