"""Section: how good the scores are. Ranking, calibration, lift, and how the two groups separate."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from vigie.economics.strategies import VIGIE
from vigie.report import svg
from vigie.report.blocks import Head, capital, figure, figures, key, table
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
from vigie.report.language import say
from vigie.report.numerals import count, decimal, percent
from vigie.report.page import Section
from vigie.report.rich import rich
from vigie.training.metrics import calibration_bins
from vigie.training.report.calibration import calibration
from vigie.training.report.subject import Subject

SHORT = 40
"""Points of a curve that only stands behind another."""


def section(subject: Subject) -> Section:
    """Curves of the winner on the test rows."""
    labels, metrics = subject.result.test_labels, subject.result.best.test
    positives = int(np.sum(labels))
    title = say("How good the scores are")
    summary = tag(
        "p",
        say(
            "All of this is measured on the {rows} test rows, {positives} of them positive ({words.positive}). AUC {auc}, "
            "average precision {precision}, Brier score {brier}, calibration error {error}.",
            rows=count(len(labels)),
            positives=count(positives),
            words=subject.words,
            auc=decimal(metrics.auc),
            precision=decimal(metrics.average_precision),
            brier=decimal(metrics.brier),
            error=decimal(metrics.ece),
        ),
    )
    if not positives or positives == len(labels):
        note = say("Only one outcome occurs among the test rows: how well they are ranked cannot be told.")
        return Section("quality", title, join(summary, tag("p", note)))
    drawn = figures(*_ranking(subject), *_truth(subject), *_lift(subject))
    return Section("quality", title, join(summary, drawn, calibration(subject), _confusion(subject)))


def _others(subject: Subject, kind: str) -> dict[str, Curve]:
    make = {"roc": roc, "pr": precision_recall, "gains": gains}[kind]
    found: dict[str, Curve] = {}
    for candidate in subject.result.candidates:
        if candidate.name != subject.result.winner and np.ptp(candidate.probability_test) > 0:
            points = make(subject.result.test_labels, candidate.probability_test)
            step = max(1, len(points) // SHORT)
            found[say(candidate.title)] = [*points[:-1:step], points[-1]]
    return found


def _ranking(subject: Subject) -> list[Html]:
    result, words, vigie = subject.result, subject.words, subject.vigie
    labels, p = result.test_labels, result.best.probability_test
    rate = float(labels.mean())
    alarms = vigie.acted * (1 - vigie.precision) / (1 - rate)
    grey = f" {say('Grey: the other candidates.')}" if len(result.candidates) > 1 else ""
    metrics = result.best.test
    first = figure(
        svg.inline(
            roc_curve(roc(labels, p), _others(subject, "roc"), _point(alarms, vigie.recall)),
            say(
                "ROC curve, area {auc}. The decision finds {recall} of the positives at {alarms} false alarms.",
                auc=decimal(metrics.auc),
                recall=percent(vigie.recall),
                alarms=percent(alarms),
            ),
        ),
        join(
            rich(
                "**ROC: AUC {auc}.** Shown one who {words.positive} and one who does not, the model ranks them rightly "
                "{share} of the time. The dashed line is chance.",
                auc=decimal(metrics.auc),
                words=words,
                share=percent(metrics.auc, 0),
            ),
            f"{grey}{_off_the_curve(subject)}",
        ),
    )
    point = _point(vigie.recall, vigie.precision) if vigie.acted else None
    second = figure(
        svg.inline(
            precision_recall_curve(precision_recall(labels, p), _others(subject, "pr"), point, rate),
            say(
                "Precision-recall curve, average precision {precision}; at random {rate}.",
                precision=decimal(metrics.average_precision),
                rate=percent(rate),
            ),
        ),
        join(
            rich(
                "**Precision and recall: average precision {precision}.** Further right more of the positives are found; "
                "higher up fewer are {words.dones} for nothing. At random precision is {rate} (dashed).",
                precision=decimal(metrics.average_precision),
                words=words,
                rate=percent(rate),
            ),
            grey,
        ),
    )
    return [first, second]


def _off_the_curve(subject: Subject) -> str:
    level = subject.threshold
    alike = level is not None and level[1] - level[0] < 5e-4
    if alike and subject.capacity is None:
        return ""
    return f" {say('The decision may lie off the curve: it ranks by money, not by probability.')}"


def _point(x: float, y: float) -> tuple[float, float] | None:
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _truth(subject: Subject) -> list[Html]:
    result, words = subject.result, subject.words
    labels, p = result.test_labels, result.best.probability_test
    points = _points(subject)
    sizes = sorted({point.count for point in points})
    low, high = count(sizes[0]), count(sizes[-1])
    each = low if low == high else say("{low} to {high}", low=low, high=high)
    said = "; ".join(
        say("{predicted} predicted, {observed} true", predicted=percent(q.predicted), observed=percent(q.observed))
        for q in points
    )
    first = figure(
        svg.inline(calibration_curve(points), say("Calibration: {said}.", said=said)),
        rich(
            "**Are the probabilities true? Error {error}.** Each point is {each} {words.many} with about the same "
            "probability; on the dashed line what was predicted is what happened. Above it the model is too careful, below "
            "too bold. The band is the 95% interval.",
            error=percent(result.best.test.ece),
            each=each,
            words=words,
        ),
    )
    level = subject.threshold
    mark = level[0] if level is not None and level[1] - level[0] < 5e-4 else None
    second = figure(
        svg.inline(
            score_histogram(histogram(p, labels), threshold=mark),
            say("Distribution of the predicted probability by outcome."),
        ),
        join(
            key(("vermillion", words.yes), ("blue", words.no)),
            rich(
                "**How the two groups separate.** Predicted probability in each group, both adding up to 100%; the less they "
                "overlap the better."
            ),
        ),
    )
    return [first, second]


def _points(subject: Subject) -> list[Reliability]:
    known, result = subject.evidence.reliability, subject.result
    if known is not None:
        return [
            Reliability(float(m), float(o), float(low), float(high), int(n))
            for m, o, low, high, n in zip(known.mean, known.observed, known.low, known.high, known.size, strict=True)
        ]
    bins = calibration_bins(result.test_labels, result.best.probability_test)
    return [
        Reliability(float(m), float(o), *wilson(float(o) * int(n), int(n)), int(n))
        for m, o, n in zip(*bins, strict=True)
    ]


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
            say(
                "Cumulative gains: the best 10% hold {first} of the positives, the best 30% {third}.",
                first=percent(at[1]),
                third=percent(at[3]),
            ),
        ),
        rich(
            "**Gains. The best 10% hold {first} of the positives, the best 30% {third}.** The dashed line is choosing at "
            "random.",
            first=percent(at[1], 0),
            third=percent(at[3], 0),
        ),
    )
    second = figure(
        svg.inline(
            tenths_bars(rates, rate),
            say("Share of positives by tenth: {said}.", said=", ".join(percent(r, 0) for r in rates)),
        ),
        rich(
            "**Lift {lift}.** In the best tenth {best} are positive against {rate} of all {words.many} (dashed). Bars must "
            "fall from left to right.",
            lift=decimal(result.best.test.lift_at_10, 1),
            best=percent(rates[0], 0),
            rate=percent(rate),
            words=words,
        ),
    )
    return [first, second]


def _confusion(subject: Subject) -> Content:
    act = subject.acts.get(VIGIE)
    if act is None:
        return ""
    words, positive = subject.words, subject.result.test_labels == 1
    heads = [Head("", number=False), Head(capital(words.dones)), Head(say("Not {words.dones}", words=words))]
    lines: list[list[Content]] = [
        [capital(name), count(int(np.sum(act & group))), count(int(np.sum(~act & group)))]
        for name, group in ((words.yes, positive), (words.no, ~positive))
    ]
    caption = say(
        "The decision on the test rows. Precision {precision}, recall {recall}, F1 {f1}.",
        precision=percent(subject.vigie.precision),
        recall=percent(subject.vigie.recall),
        f1=decimal(subject.vigie.f1, 2),
    )
    return table(heads, lines, caption=caption)
