"""Leakage: features that know more than could have been known when the customer was scored.

Signs, from strong to weak: a feature is the outcome in other words (VGL007) or is so together with another (VGL008);
one alone predicts almost everything (VGL001); values of a category all but decide the outcome (VGL002); that a column is
empty tells the outcome (VGL003); names and patterns of columns that somebody fills in later (VGL004, VGL005). VGL002 to
VGL005 concern columns of tables that do not say when their values became known: there, what is read is the value of the
day of the export. History made of events is computed as of the moment, and its nulls mean that nothing had happened.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from vigie.definition import Feature
from vigie.definition.aggregate import Aggregate, AtMoment
from vigie.definition.kind import Kind
from vigie.definition.source import Column
from vigie.features.values import Columns, Values
from vigie.findings import Finding, Severity
from vigie.training.checks.alone import Alone, alone
from vigie.training.checks.codes import finding
from vigie.training.checks.near_outcome import copies_of_outcome, deciding_pairs
from vigie.wording import said

SUSPECT_AUC, CERTAIN_AUC = 0.90, 0.98
DECIDING_LOG_ODDS = 3.0
"""A value decides where it multiplies the odds of the outcome by at least e³ = 20, or divides them."""
DECIDING_SHARE, DECIDING_ROWS = 0.05, 30
MISSING_AUC, MISSING_SHARE = 0.60, 0.05
TOGETHER_COLUMNS, TOGETHER_SHARE = 3, 0.05
NAMED_AUC = 0.70
"""AUC alone from which a name that suggests a later day is more than a hint."""
SAMPLE = 100_000
"""Rows that are looked at: what leaks shows on fewer."""

_LATER = re.compile(
    r"^(last|latest|current|currently|status|state|stage|tag|tags|label|score|scoring|rating|grade|quality|rank"
    r"|index|outcome|result|reason|resolution|closed|won|lost|duration)$"
)


def leakage(features: Columns, definitions: Sequence[Feature], labels: np.ndarray, *, seed: int) -> list[Finding]:
    """What looks as if it had been written after the outcome.

    Args:
        features: Columns of the training rows.
        definitions: Their definitions, of the same names.
        labels: 0 or 1 of the training rows.
        seed: Of the sample and the folds.
    """
    rows = np.arange(len(labels))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    y = labels[rows]
    sample = {name: values.take(rows) for name, values in features.items()}
    measures = {name: alone(values, y, seed) for name, values in sample.items()}
    undated = [d for d in definitions if d.name in sample and of_undated_columns(d)]
    # What is the outcome in other words is told once, by its strongest name.
    copies = copies_of_outcome(sample, y)
    copied = {found.where for found in copies}
    others = {name: measure for name, measure in measures.items() if name not in copied}
    open_names = [d.name for d in undated if d.name not in copied]
    found = copies + _too_good(others)
    found += _deciding(sample, others, open_names, float(y.mean()))
    found += _telling_gaps(others, open_names)
    found += deciding_pairs(sample, y, others, seed)
    found += _later_names([d for d in undated if d.name not in copied], others, {f.where for f in found})
    found += _filled_together(sample, [d.name for d in undated])
    return found


def of_undated_columns(definition: Feature) -> bool:
    """Whether a feature is made of columns alone, one of them of a table that does not say when its rows became known."""
    nodes = list(definition.walk())
    if any(isinstance(node, Aggregate | AtMoment) for node in nodes):
        return False
    return any(isinstance(node, Column) and node.source.known_at is None for node in nodes)


def _too_good(measures: Mapping[str, Alone]) -> list[Finding]:
    return [
        finding(
            "VGL001",
            name,
            said(
                "alone it ranks customers with an AUC of {auc:.3f} (0.5 is chance, above {line} is rare for what is honestly "
                "known beforehand)",
                auc=measure.auc,
                line=SUSPECT_AUC,
            ),
            Severity.ERROR if measure.auc >= CERTAIN_AUC else None,
        )
        for name, measure in measures.items()
        if measure.auc >= SUSPECT_AUC
    ]


def _deciding(
    features: Mapping[str, Values], measures: Mapping[str, Alone], names: Sequence[str], base: float
) -> list[Finding]:
    found = []
    for name in names:
        if features[name].kind is not Kind.CATEGORY:
            continue
        measure = measures[name]
        # Half a row of each class keeps a pure group finite.
        hits = measure.rates * measure.counts
        odds = np.log((hits + 0.5) / (measure.counts - hits + 0.5)) - np.log(base / (1 - base))
        deciding = (np.abs(odds) >= DECIDING_LOG_ODDS) & (measure.counts >= DECIDING_ROWS)
        share = float(measure.counts[deciding].sum() / measure.counts.sum())
        if share < DECIDING_SHARE:
            continue
        largest = np.flatnonzero(deciding)[np.argsort(-measure.counts[deciding], kind="stable")][:3]
        examples = ", ".join(f"“{measure.names[i]}” {measure.rates[i]:.1%}" for i in largest)
        found.append(
            finding(
                "VGL002",
                name,
                said(
                    "on {share:.1%} of the rows its value all but decides the outcome: {examples} positive, against {base:.1%} "
                    "overall",
                    share=share,
                    examples=examples,
                    base=base,
                ),
            )
        )
    return found


def _telling_gaps(measures: Mapping[str, Alone], names: Sequence[str]) -> list[Finding]:
    found = []
    for name in names:
        measure = measures[name]
        if measure.missing_auc < MISSING_AUC or not MISSING_SHARE <= measure.missing <= 1 - MISSING_SHARE:
            continue
        there = measure.counts[:-1].sum()
        with_value = float((measure.rates[:-1] * measure.counts[:-1]).sum() / max(there, 1))
        found.append(
            finding(
                "VGL003",
                name,
                said(
                    "{missing:.1%} of the rows have no value; {without:.1%} of them are positive, against {with_value:.1%} of the "
                    "others: it may be filled in once the outcome is near",
                    missing=measure.missing,
                    without=float(measure.rates[-1]),
                    with_value=with_value,
                ),
            )
        )
    return found


def _later_names(definitions: Sequence[Feature], measures: Mapping[str, Alone], told: Collection[str]) -> list[Finding]:
    named: list[str] = []
    telling: list[str] = []
    for definition in definitions:
        columns = [node.column for node in definition.walk() if isinstance(node, Column)]
        if any(_LATER.match(word) for column in columns for word in _words(column)):
            # What has a stronger finding of its own already is only listed.
            alarming = measures[definition.name].auc >= NAMED_AUC and definition.name not in told
            (telling if alarming else named).append(definition.name)
    found = [
        finding(
            "VGL004",
            name,
            said(
                "this column of a table without known_at= has the name of a value that somebody or something sets as the case goes "
                "on, and alone it ranks customers with an AUC of {auc:.3f}",
                auc=measures[name].auc,
            ),
            Severity.WARNING,
        )
        for name in telling
    ]
    if named:
        found.append(
            finding(
                "VGL004",
                ", ".join(named),
                said(
                    "these columns of tables without known_at= have names of values that somebody or something sets as the case "
                    "goes on; what is read here is the value of the day the table was exported"
                ),
            )
        )
    return found


def _words(column: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", column).lower())


def _filled_together(features: Mapping[str, Values], names: Sequence[str]) -> list[Finding]:
    masks: dict[bytes, list[str]] = {}
    shares: dict[bytes, float] = {}
    for name in names:
        nulls = features[name].nulls()
        share = float(nulls.mean())
        if TOGETHER_SHARE <= share <= 1 - TOGETHER_SHARE:
            key = np.packbits(nulls).tobytes()
            masks.setdefault(key, []).append(name)
            shares[key] = share
    return [
        finding(
            "VGL005",
            ", ".join(columns),
            said(
                "empty on exactly the same {share:.1%} of the rows: one process fills them in, for some customers only",
                share=shares[key],
            ),
        )
        for key, columns in masks.items()
        if len(columns) >= TOGETHER_COLUMNS
    ]
