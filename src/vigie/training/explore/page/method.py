"""Section: how all of this was measured."""

from __future__ import annotations

from vigie.report.blocks import facts
from vigie.report.html import Content
from vigie.report.language import say
from vigie.report.page import Section
from vigie.training.explore.exploration import Exploration
from vigie.training.explore.gaps import TOGETHER


def section(found: Exploration) -> Section:
    """Which rows, which measures, from where."""
    pairs: list[tuple[Content, Content]] = [
        (
            say("Rows"),
            " ".join(
                [
                    say("{rows:,} of {total:,}.", rows=len(found.view), total=found.view.total or len(found.view)),
                    *map(say, found.view.how),
                ]
            ),
        ),
        (
            say("Rates and intervals"),
            say(
                "Wilson’s 95% interval (1927), rows taken as independent. Numbers are cut into ten bins of equal size, as far as ties let them be."
            ),
        ),
        (
            say("AUC alone"),
            say(
                "Area under the ROC curve of the outcome’s rate in the column’s groups, each row ranked by the rate of other rows (5 folds)."
            ),
        ),
        (
            say("Associations"),
            say(
                "Spearman; Cramér’s V corrected for bias (Bergsma 2013); ε, the correlation ratio corrected for bias (Kelley 1935), of ranks; on "
                "{rows:,} rows, missing values left out pair by pair. Order: average linkage.",
                rows=found.associations.rows,
            ),
        ),
        (say("Missing together"), say("Correlation of the two columns’ gaps above {least}.", least=TOGETHER)),
        (say("Extremes"), say("Limits are the encoder’s: the 0.5 and 99.5 percentiles of the rows looked at.")),
    ]
    if found.periods is not None:
        pairs.append(
            (
                say("Drift"),
                say("Population stability index Σ (q − p) ln(q / p) over the same groups, half a row added to each."),
            )
        )
    return Section("method", say("How this was measured"), facts(pairs), short=say("Method"))
