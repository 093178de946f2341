"""Would more rows or another setting help? Learning and validation curves with their sentences."""

from __future__ import annotations

from vigie.report import svg
from vigie.report.blocks import capital, closed, figure, figures
from vigie.report.charts.learning import learning_lines
from vigie.report.html import Content, Html, join, tag
from vigie.report.language import say
from vigie.report.numerals import count, decimal, short
from vigie.training.evidence import Curve
from vigie.training.report.subject import Subject


def learning(subject: Subject) -> Content:
    """Nothing where no curve was drawn."""
    drawn = [_figure(curve) for curve in subject.evidence.curves if len(curve.points) > 1]
    return join(tag("h3", say("Would more rows or other settings help?")), figures(*drawn)) if drawn else ""


def _figure(curve: Curve) -> Html:
    over_rows = curve.over == "rows"
    title = say("Rows learned from") if over_rows else curve.over
    write = count if over_rows else short
    said = "; ".join(
        say("{point}: {loss}", point=write(point), loss=decimal(float(loss)))
        for point, loss in zip(curve.points, curve.valid, strict=True)
    )
    label = say("Log loss on new rows over “{over}”. {said}.", over=title, said=said)
    chart = learning_lines(curve.points, curve.train.tolist(), curve.valid.tolist(), curve.spread.tolist(), title)
    caption = join(
        tag("b", capital(closed(say(curve.words)))),
        " ",
        say("Lower is better; the band is one standard error over the folds."),
    )
    return figure(svg.inline(chart, label), caption)
