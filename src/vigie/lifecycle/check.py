"""Is a project sound? Everything that can be said without training."""

from __future__ import annotations

from vigie.errors import DataError, SettingsError, VigieError
from vigie.findings import Finding, Severity
from vigie.lifecycle.ingest import placed_sources
from vigie.lifecycle.project import Project

CODES = {
    "VGP001": "A source has no location",
    "VGP002": "A source was not ingested yet",
    "VGP003": "The definition does not fit the contracts",
    "VGP004": "The cost matrix makes every decision the same",
    "VGP005": "No outcome is mature yet",
    "VGP006": "No rule to beat",
}


def check_project(project: Project) -> list[Finding]:
    """Findings about settings, contracts, definitions and cost matrices of every score of *project*."""
    from vigie.bundle import by_input

    found: list[Finding] = []
    for name in placed_sources(project):
        try:
            project.location(name)
        except SettingsError as error:
            found.append(_finding("VGP001", Severity.ERROR, name, error.what, error.remedy))
    for score in project.scores.values():
        if score.rule is None:
            found.append(
                _finding(
                    "VGP006",
                    Severity.NOTE,
                    score.name,
                    "no rule= is declared",
                    "add the rule in use today, so that a model has to beat it",
                )
            )
        found += _same_decision(project, score.name)
        try:
            schema = project.schema(score)
        except DataError as error:
            found.append(_finding("VGP002", Severity.WARNING, score.name, error.what, error.remedy))
            continue
        try:
            score.bound(schema)
            by_input(score)
        except VigieError as error:
            found.append(_finding("VGP003", Severity.ERROR, error.where or score.name, error.what, error.remedy))
            continue
        found += _maturity(project, score.name)
    return found


def _same_decision(project: Project, name: str) -> list[Finding]:
    from vigie.definition.expression import Feature
    from vigie.features.rowwise import evaluate

    expressions = project.scores[name].decision.payoff().expressions()
    if any(isinstance(e, Feature) for e in expressions):
        return []  # it differs by customer: training looks at it with their values
    act_positive, act_negative, pass_positive, pass_negative = (float(evaluate(e, {}, 1).data[0]) for e in expressions)
    if_true, if_false = act_positive - pass_positive, act_negative - pass_negative
    if (if_true > 0) != (if_false > 0):
        return []
    decision = project.scores[name].decision
    always = decision.act if if_true > 0 else decision.leave
    return [
        _finding(
            "VGP004", Severity.ERROR, name,
            f"acting gains {if_true:+g} {decision.currency} when the outcome is true and {if_false:+g} when it is not: "
            f"'{always}' is right for everybody",
            "correct the sums of the decision: one of the two must be a loss for a score to be of use",
        )
    ]  # fmt: skip


def _maturity(project: Project, name: str) -> list[Finding]:
    score = project.scores[name]
    if not score.has_time or score.horizon is None:
        return []
    from vigie.definition import Events

    earliest: list[int] = []
    for source in score.own_sources.values():
        column = source.time if isinstance(source, Events) else source.known_at
        if column is None:
            continue
        import polars as pl

        first = project.lake.scan(source.name).select(pl.col(column).min().dt.timestamp("us")).collect().item()
        if first is not None:
            earliest.append(first)
    if not earliest or min(earliest) + score.horizon.microseconds <= project.clock.now():
        return []
    return [
        _finding(
            "VGP005", Severity.ERROR, name, f"history begins less than the horizon of {score.horizon.label} ago",
            "bring older data, wait, or shorten next=",
        )
    ]  # fmt: skip


def _finding(code: str, severity: Severity, where: str, explanation: str, remedy: str) -> Finding:
    return Finding(code, severity, CODES[code], where, explanation, remedy)
