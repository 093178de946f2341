"""What a data sheet holds: why the training set was made, of what, from where, what was done to it, what is wrong with it."""

from __future__ import annotations

import numpy as np

from vigie.clock import iso
from vigie.report.blocks import capital
from vigie.report.language import say
from vigie.report.markdown import Listing, Part
from vigie.report.numerals import count, percent, time
from vigie.training.report.data import kind_words, left_out, moments_span, split_words
from vigie.training.report.meaning import descriptions
from vigie.training.report.subject import Subject

_DATA = ("VGD", "VGL", "VGT002", "VGT003", "VGT004", "VGT005", "VGT006", "VGT010")
"""Codes that say something about the data."""


def datasheet(subject: Subject) -> list[Part]:
    """The parts of the sheet, in the order of Gebru et al. (2021)."""
    return [
        _motivation(subject),
        _composition(subject),
        _columns(subject),
        _collection(subject),
        _preparation(subject),
        _problems(subject),
        _uses(subject),
    ]


def _motivation(subject: Subject) -> Part:
    score = subject.score
    said = [say("Made to train and test the score “{name}”.", name=score.name)]
    if score.description:
        said.append(score.description)
    return Part(say("Motivation"), tuple(said))


def _composition(subject: Subject) -> Part:
    data, words = subject.result.training_set, subject.words
    positives = int(np.sum(data.labels))
    pairs = (
        (say("A row is"), say("a {words.one} at a moment", words=words)),
        (say("Rows"), count(len(data.labels))),
        (capital(words.many), count(len(set(data.customers.tolist())))),
        (say("Moments"), moments_span(subject)),
        (
            say("Outcome true"),
            say(
                "{positives} ({share}): {words.positive}",
                positives=count(positives),
                share=percent(positives / max(len(data.labels), 1)),
                words=words,
            ),
        ),
        (say("Left out"), capital(left_out(subject))),
        (say("Features"), count(len(data.features))),
    )
    return Part(say("Composition"), facts=pairs)


def _columns(subject: Subject) -> Part:
    data, described = subject.result.training_set, descriptions(subject)
    rows = tuple(
        (
            name,
            described.get(name, ""),
            kind_words(values.kind),
            percent(float(values.nulls().mean())) if len(values) else "–",
        )
        for name, values in data.features.items()
    )
    listing = Listing(
        say("Every feature with its kind and its share of missing values."),
        (say("Feature"), say("Meaning"), say("Kind"), say("Missing")),
        rows,
        frozenset({0, 1, 2}),
    )
    return Part(say("Columns"), listing=listing, folded=True)


def _collection(subject: Subject) -> Part:
    data = subject.result.training_set
    rows = []
    for source in sorted(subject.score.sources):
        known = data.versions.get(source)
        rows.append((source, str(known) if known is not None else "–", count(len(data.schema.get(source, {})))))
    listing = Listing(
        say("Sources as they were read."), (say("Source"), say("Version"), say("Columns")), tuple(rows), frozenset({0})
    )
    said = say("Read from the lake as of {moment}: what became known later is not in it.", moment=time(data.as_of))
    return Part(say("Collection"), (said,), listing=listing)


def _preparation(subject: Subject) -> Part:
    said = (
        say("Features are computed at each row’s moment from what was known then; outcomes from the time after it."),
        say("Missing values stay missing and are a value of their own to the model; no row is left out for them."),
        say("Categories rarer than 3% are grouped; which these are is learned from training rows alone."),
        say("Test: {how}.", how=split_words(subject)),
    )
    return Part(say("Preparation"), points=said)


def _problems(subject: Subject) -> Part:
    found = [f for f in subject.result.findings if f.code.startswith(_DATA)]
    if not found:
        return Part(say("Known problems"), (say("The checks found none."),))
    said = tuple(
        f"{f.code} {say(f.title)}{say(': ')}{f.where}. {capital(say(f.explanation))}"
        for f in sorted(found, key=lambda f: (-f.severity, f.code, f.where))
    )
    return Part(say("Known problems"), points=said)


def _uses(subject: Subject) -> Part:
    data = subject.result.training_set
    said = (
        say(
            "It describes people: keep it no longer and show it to no more than its sources may be. vigie erase removes a "
            "{words.one} from the sources; the set is made anew from them.",
            words=subject.words,
        ),
        say(
            "It can be made again, row by row, from the versions above and the moment {moment}.", moment=iso(data.as_of)
        ),
    )
    return Part(say("Use, distribution, upkeep"), points=said)
