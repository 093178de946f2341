"""Section: how to make the very same model again."""

from __future__ import annotations

from collections.abc import Mapping

from vigie.clock import iso
from vigie.report.blocks import Head, details, facts, table
from vigie.report.html import Content, Html, code, join, tag
from vigie.report.numerals import decimal, duration, percent
from vigie.report.page import Section
from vigie.training.report.subject import Subject


def section(subject: Subject, bundle_hash: str) -> Section:
    """What the bundle is made from."""
    result = subject.result
    options = result.options
    versions = ", ".join(f"{name} {number}" for name, number in sorted(result.training_set.versions.items()))
    pairs: list[tuple[Content, Content]] = [
        ("Bundle", code(bundle_hash) if bundle_hash else "not written"),
        ("Model", f"{result.best.title}, calibration: {result.best.calibration}"),
        ("Score definition", code(subject.score.fingerprint)),
        ("Data versions", versions or "none"),
        ("Known as of", iso(result.training_set.as_of)),
        ("Seed", str(options.seed)),
        ("Folds", str(len(result.best.cv))),
        ("Test share", percent(options.split) if options.split is not None else "default"),
        ("Code version", code(options.code_version) if options.code_version else "not given"),
        ("Duration", duration(result.seconds)),
    ]
    body = join(
        tag("p", "The same data, project file, options and library versions give the same bundle, bit for bit."),
        facts(pairs),
        details("Parameters of the chosen candidate", _mapping("As it was fitted.", "Parameter", result.best.params)),
        details("Everything recorded with the bundle", _mapping("Its lineage.", "Fact", _flat(result.bundle.lineage))),
    )
    return Section("reproduce", "Reproduce", body)


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
    return table([Head(head, number=False), Head("Value", number=False, words=True)], lines, caption=caption)


def _value(value: object) -> str:
    if isinstance(value, int) and value > 10**14:
        return iso(value)
    if isinstance(value, float):
        return decimal(value, 6).rstrip("0").rstrip(".") if value == value else "–"
    text = str(value)
    return text if len(text) <= 300 else f"{text[:300]} …"
