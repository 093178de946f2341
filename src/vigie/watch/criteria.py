"""Criteria of retraining as they are written: what a text may ask for, and how it is read.

:mod:`vigie.watch.policy` says what they mean and holds them against what is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vigie.definition.window import Window
from vigie.errors import DefinitionError, SettingsError, did_you_mean
from vigie.watch.estimate import FIGURES
from vigie.watch.signal import Area

WHERE = "[retrain]"
NAN = float("nan")

PLAIN = {
    "auc": "ranking, once outcomes are known",
    "average_precision": "likewise",
    "f1": "at the decision's threshold",
    "precision": "likewise",
    "recall": "likewise",
    "log_loss": "nats",
    "brier": "mean squared error of the probability",
    "ece": "expected calibration error",
    "calibration_slope": "1 where probabilities are right",
    "value": "currency for one customer",
    "value_lost": "currency a day",
    "outcome_rate": "share of positives",
    "decision_rate": "share acted on",
    "age": "since the champion was trained",
    "rows": "rows with an outcome that the champion has not learned from",
}
"""Figures that are called by their name alone."""
DISTANCES = {
    "psi": "psi",
    "kullback_leibler": "kl",
    "jensen_shannon": "js",
    "wasserstein": "wasserstein",
    "kolmogorov_smirnov": "ks",
}
"""What watchers call a distance (:data:`vigie.watch.distances.DISTANCES`), and what criteria do."""
OF_A_COLUMN = tuple(DISTANCES.values())
"""Distances, called with a feature, ``score``, or ``*`` for the largest of all features."""
ESTIMATED = "estimated"
"""Calls a figure of performance before outcomes are known: ``estimated(auc)``."""
FACTS = ("incident", "signal", "rollout")
"""What is so or is not so."""
CHANGES = ("changed", "rose", "fell")
"""Compare with the reference of the figure: its value in the test of the champion."""

_FACT = re.compile(r"(incident|signal)\(\s*(\w+)\s*\)")
_FIGURE = re.compile(r"(?P<name>\w+)(?:\(\s*(?P<of>[^()<>]+?)\s*\))?")
_COMPARED = re.compile(
    r"(?P<figure>[^<>]+?)\s*(?P<change>changed|rose|fell)?\s*(?P<sign><|>)\s*(?P<limit>[+-]?\d+(?:\.\d+)?)(?P<unit>%|[a-z]+)?"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison, or one fact.

    Attributes:
        text: As it was written.
        figure: Name of the figure, such as ``"psi(score)"``; of a fact, ``"incident"``, ``"signal"`` or ``"rollout"``.
        argument: Of a fact: area or code.
        change: How it is compared with its reference; empty: it is not.
        sign: ``"<"`` or ``">"``; empty for a fact.
        limit: Number; of ``age`` in µs.
        relative: Whether the limit is a share of the reference.
    """

    text: str
    figure: str
    argument: str = ""
    change: str = ""
    sign: str = ""
    limit: float = NAN
    relative: bool = False


@dataclass(frozen=True, slots=True)
class Criterion:
    """One text of ``when`` or ``unless``: parts that must all be met."""

    text: str
    parts: tuple[Part, ...]


def column_of(figure: str) -> tuple[str, str]:
    """Distance and column of a figure such as ``psi(score)``; empty for any other."""
    name, _, rest = figure.partition("(")
    return (name, rest[:-1]) if rest and name in OF_A_COLUMN else ("", "")


def criterion(text: str, key: str = "when") -> Criterion:
    """A criterion as it is written.

    >>> criterion("psi(score) > 0.2").parts[0].figure
    'psi(score)'

    Raises:
        SettingsError: It cannot be read; says what would be.
    """
    where = f"{WHERE} {key}"
    return Criterion(text, tuple(_part(part.strip(), text, where) for part in re.split(r"\s+and\s+", text.strip())))


def _part(text: str, whole: str, where: str) -> Part:
    place = f"{where} {whole!r}"
    if text == "rollout":
        return Part(text, "rollout")
    fact = _FACT.fullmatch(text)
    if fact is not None:
        name, argument = fact.groups()
        if name == "incident" and argument != "any" and argument not in set(Area):
            raise SettingsError(
                f"no area of incidents is called '{argument}'",
                where=place,
                remedy=did_you_mean(argument, [*Area, "any"]),
            )
        if name == "signal" and not re.fullmatch(r"VGW\d{3}", argument):
            raise SettingsError(f"'{argument}' is no code of a signal", where=place, remedy="write signal(VGW101)")
        return Part(text, name, argument)
    compared = _COMPARED.fullmatch(text)
    if compared is None:
        raise SettingsError(
            f"{text!r} is not a criterion",
            where=place,
            remedy="write a figure, < or >, and a number, as auc < 0.75; or incident(data), signal(VGW101), rollout",
        )
    figure = _figure(compared["figure"].strip(), place)
    return _compared(
        text, figure, compared["change"] or "", compared["sign"], compared["limit"], compared["unit"], place
    )


def _figure(text: str, place: str) -> str:
    """The figure's name in its one spelling."""
    found = _FIGURE.fullmatch(text)
    name, of = (found["name"], found["of"]) if found is not None else (text, None)
    known = [*PLAIN, *(f"{one}(…)" for one in (*OF_A_COLUMN, ESTIMATED))]
    if of is None and name in PLAIN:
        return name
    if of is not None and name in OF_A_COLUMN:
        return f"{name}({of})"
    if of is not None and name == ESTIMATED:
        if of not in FIGURES:
            raise SettingsError(f"'{of}' is not estimated", where=place, remedy=did_you_mean(of, FIGURES))
        return f"{name}({of})"
    if of is None and name in OF_A_COLUMN:
        raise SettingsError(
            f"{name} of what?", where=place, remedy=f"write {name}(score), {name}(FEATURE) or {name}(*)"
        )
    if name == "chi2":
        raise SettingsError(
            "chi2 is a test and no distance: it grows with the number of customers", where=place,
            remedy=f"write psi({of or 'score'})",
        )  # fmt: skip
    raise SettingsError(f"no figure is called '{text}'", where=place, remedy=did_you_mean(text, known))


def _compared(text: str, figure: str, change: str, sign: str, limit: str, unit: str | None, place: str) -> Part:
    if figure == "age":
        if unit in (None, "%") or change:
            raise SettingsError("an age is a length of time", where=place, remedy="write age > 30d")
        try:
            return Part(text, figure, "", "", sign, float(Window.parse(f"{limit}{unit}").microseconds))
        except DefinitionError as error:
            raise SettingsError(f"{limit}{unit} is not a length of time", where=place, remedy="write 30d") from error
    if unit not in (None, "%"):
        raise SettingsError(f"'{unit}' is no unit of {figure}", where=place, remedy="leave the unit out, or write %")
    number = float(limit)
    if change:
        if sign != ">" or number < 0:
            raise SettingsError(
                f"{change} by how much?",
                where=place,
                remedy=f"write {figure} {change} > 5% (of its reference) or > 0.02",
            )
        return Part(text, figure, "", change, sign, number / 100 if unit else number, bool(unit))
    # Shares may be written in per cent; of new rows, per cent are those of the rows learned from.
    return Part(text, figure, "", "", sign, number / 100 if unit else number, bool(unit) and figure == "rows")
