"""Section: how to make the very same model again."""

from __future__ import annotations

from collections.abc import Mapping

from vigie.clock import iso
from vigie.report.blocks import Head, details, facts, table
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.language import say
from vigie.report.numerals import duration, percent
from vigie.report.page import Section
from vigie.training.report.subject import Subject


def section(subject: Subject, bundle_hash: str) -> Section:
    """What the bundle is made from."""
    result = subject.result
    options = result.options
    versions = ", ".join(f"{name} {number}" for name, number in sorted(result.training_set.versions.items()))
    pairs: list[tuple[Content, Content]] = [
        (say("Bundle"), code(bundle_hash) if bundle_hash else say("not written")),
        (
            say("Model"),
            say(
                "{title}, calibration: {calibration}",
                title=say(result.best.title),
                calibration=calibration_words(result.best.calibration),
            ),
        ),
        (say("Score definition"), code(subject.score.fingerprint)),
        (say("Data versions"), versions or say("none")),
        (say("Known as of"), iso(result.training_set.as_of)),
        (say("Seed"), str(options.seed)),
        (say("Folds"), str(len(result.best.cv))),
        (say("Test share"), percent(options.split) if options.split is not None else say("default")),
        (say("Code version"), code(options.code_version) if options.code_version else say("not given")),
        (say("Duration"), duration(result.seconds)),
    ]
    parameters = _mapping(say("As it was fitted."), say("Parameter"), result.best.params)
    lineage = _mapping(say("Its lineage."), say("Fact"), _flat(result.bundle.lineage))
    body = join(
        tag("p", say("The same data, project file, options and library versions give the same bundle, bit for bit.")),
        facts(pairs),
        details(say("Parameters of the chosen candidate"), parameters),
        details(say("Everything recorded with the bundle"), lineage),
    )
    return Section("reproduce", say("Reproduce"), body)


def calibration_words(name: str) -> str:
    """What a calibration map is called."""
    words = {
        "identity": say("none needed"),
        "sigmoid": say("sigmoid (Platt)"),
        "isotonic": say("isotonic"),
        "beta": say("beta"),
    }
    return words.get(name, name)


def _flat(data: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif value not in ("", None):
            flat[f"{prefix}{name}"] = value
    return flat


def _mapping(caption: str, head: str, values: Mapping[str, object]) -> Html:
    if not values:
        return join("")
    lines: list[list[Content]] = [[code(str(name)), _value(value)] for name, value in values.items()]
    return table([Head(head, number=False), Head(say("Value"), number=False, words=True)], lines, caption=caption)


def _value(value: object) -> str:
    if isinstance(value, int) and value > 10**14:
        return iso(value)
    if isinstance(value, float):
        return f"{value:.6g}" if value == value else "–"
    text = str(value)
    return text if len(text) <= 300 else f"{text[:300]} …"
