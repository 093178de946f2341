"""Section: how good the scores are. Ranking, calibration, lift, and how the two groups separate."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from vigie.economics.strategies import VIGIE
from vigie.report import svg
from vigie.report.blocks import Head, figure, figures, key, table
from vigie.report.charts.bars import tenths_bars
from vigie.report.charts.curves import (
    Curve,
    Reliability,
    calibration_curve,
    gains_curve,
    precision_recall_curve,
    roc_curve,
)
from vigie.report.charts.distributions import score_histogram
from vigie.report.condense import at_share, gains, histogram, precision_recall, roc, wilson
from vigie.report.html import Content, Html, join, tag
from vigie.report.numerals import count, decimal, percent
from vigie.report.page import Section
from vigie.training.metrics import calibration_bins
from vigie.training.report.subject import Subject

SHORT = 40
"""Points of a curve that only stands behind another."""


def section(subject: Subject) -> Section:
    """Curves of the winner on the test rows."""
    labels, metrics = subject.result.test_labels, subject.result.best.test
    positives = int(np.sum(labels))
    summary = tag(
        "p",
        f"All of this is measured on the {count(len(labels))} test rows, {count(positives)} of them positive "
        f"({subject.words.positive}). AUC {decimal(metrics.auc)}, average precision {decimal(metrics.average_precision)}, "
        f"Brier score {decimal(metrics.brier)}, calibration error {decimal(metrics.ece)}.",
    )
    if not positives or positives == len(labels):
        note = "Only one outcome occurs among the test rows: how well they are ranked cannot be told."
        return Section("quality", "How good the scores are", join(summary, tag("p", note)))
    drawn = figures(*_ranking(subject), *_truth(subject), *_lift(subject))
    return Section("quality", "How good the scores are", join(summary, drawn, _confusion(subject)))


def _others(subject: Subject, kind: str) -> dict[str, Curve]:
    make = {"roc": roc, "pr": precision_recall, "gains": gains}[kind]
    found: dict[str, Curve] = {}
    for candidate in subject.result.candidates:
        if candidate.name != subject.result.winner and np.ptp(candidate.probability_test) > 0:
            points = make(subject.result.test_labels, candidate.probability_test)
            step = max(1, len(points) // SHORT)
            found[candidate.title] = [*points[:-1:step], points[-1]]
    return found


def _ranking(subject: Subject) -> list[Html]:
    result, words, vigie = subject.result, subject.words, subject.vigie
    labels, p = result.test_labels, result.best.probability_test
    rate = float(labels.mean())
    alarms = vigie.acted * (1 - vigie.precision) / (1 - rate)
    grey = " Grey: the other candidates." if len(result.candidates) > 1 else ""
    metrics = result.best.test
    first = figure(
        svg.inline(
            roc_curve(roc(labels, p), _others(subject, "roc"), _point(alarms, vigie.recall)),
            f"ROC curve, area {decimal(metrics.auc)}. The decision finds {percent(vigie.recall)} of the positives at {percent(alarms)} false alarms.",
        ),
        join(
            tag("b", f"ROC: AUC {decimal(metrics.auc)}. "),
            f"Shown one who {words.positive} and one who does not, the model ranks them rightly {percent(metrics.auc, 0)} of the time. "
            f"The dashed line is chance.{grey}{_off_the_curve(subject)}",
        ),
    )
    point = _point(vigie.recall, vigie.precision) if vigie.acted else None
    second = figure(
        svg.inline(
            precision_recall_curve(precision_recall(labels, p), _others(subject, "pr"), point, rate),
            f"Precision-recall curve, average precision {decimal(metrics.average_precision)}; at random {percent(rate)}.",
        ),
        join(
            tag("b", f"Precision and recall: average precision {decimal(metrics.average_precision)}. "),
            f"Further right more of the positives are found; higher up fewer are {words.done} for nothing. At random "
            f"precision is {percent(rate)} (dashed).{grey}",
        ),
    )
    return [first, second]


def _off_the_curve(subject: Subject) -> str:
    level = subject.threshold
    alike = level is not None and level[1] - level[0] < 5e-4
    if alike and subject.capacity is None:
        return ""
    return " The decision may lie off the curve: it ranks by money, not by probability."


def _point(x: float, y: float) -> tuple[float, float] | None:
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _truth(subject: Subject) -> list[Html]:
    result, words = subject.result, subject.words
    labels, p = result.test_labels, result.best.probability_test
    points = [
        Reliability(float(m), float(o), *wilson(float(o) * int(n), int(n)), int(n))
        for m, o, n in zip(*calibration_bins(labels, p), strict=True)
    ]
    sizes = sorted({point.count for point in points})
    each = count(sizes[0]) if sizes[0] == sizes[-1] else f"{count(sizes[0])} to {count(sizes[-1])}"
    said = "; ".join(f"{percent(point.predicted)} predicted, {percent(point.observed)} true" for point in points)
    first = figure(
        svg.inline(calibration_curve(points), f"Calibration: {said}."),
        join(
            tag("b", f"Are the probabilities true? Error {percent(result.best.test.ece)}. "),
            f"Each point is {each} {words.many} with about the same probability; on the dashed line what was predicted "
            "is what happened. Above it the model is too careful, below too bold. Lines are 95% intervals.",
        ),
    )
    level = subject.threshold
    mark = level[0] if level is not None and level[1] - level[0] < 5e-4 else None
    second = figure(
        svg.inline(
            score_histogram(histogram(p, labels), threshold=mark),
            "Distribution of the predicted probability by outcome.",
        ),
        join(
            key(("vermillion", words.yes), ("blue", words.no)),
            tag("b", "How the two groups separate. "),
            "Predicted probability in each group, both adding up to 100%; the less they overlap the better.",
        ),
    )
    return [first, second]


def _lift(subject: Subject) -> list[Html]:
    result, words, vigie = subject.result, subject.words, subject.vigie
    labels, p = result.test_labels, result.best.probability_test
    curve = gains(labels, p)
    rate = float(labels.mean())
    at = [at_share(curve, tenth / 10) for tenth in range(11)]
    rates = [(b - a) * 10 * rate for a, b in pairwise(at)]
    first = figure(
        svg.inline(
            gains_curve(curve, _others(subject, "gains"), _point(vigie.acted, vigie.recall)),
            f"Cumulative gains: the best 10% hold {percent(at[1])} of the positives, the best 30% {percent(at[3])}.",
        ),
        join(
            tag(
                "b",
                f"Gains. The best 10% hold {percent(at[1], 0)} of the positives, the best 30% {percent(at[3], 0)}. ",
            ),
            "The dashed line is choosing at random.",
        ),
    )
    second = figure(
        svg.inline(
            tenths_bars(rates, rate), "Share of positives by tenth: " + ", ".join(percent(r, 0) for r in rates) + "."
        ),
        join(
            tag("b", f"Lift {decimal(result.best.test.lift_at_10, 1)}. "),
            f"In the best tenth {percent(rates[0], 0)} are positive against {percent(rate)} of all {words.many} (dashed). "
            "Bars must fall from left to right.",
        ),
    )
    return [first, second]


def _confusion(subject: Subject) -> Content:
    act = subject.acts.get(VIGIE)
    if act is None:
        return ""
    words, positive = subject.words, subject.result.test_labels == 1
    heads = [Head("", number=False), Head(words.done.capitalize()), Head(f"Not {words.done}")]
    lines: list[list[Content]] = [
        [name.capitalize(), count(int(np.sum(act & group))), count(int(np.sum(~act & group)))]
        for name, group in ((words.yes, positive), (words.no, ~positive))
    ]
    caption = (
        f"The decision on the test rows. Precision {percent(subject.vigie.precision)}, recall {percent(subject.vigie.recall)}, "
        f"F1 {decimal(subject.vigie.f1, 2)}."
    )
    return table(heads, lines, caption=caption)
