"""The codes of everything a training run may have to say.

``VGL…`` leakage, ``VGT…`` training, ``VGF…`` fairness, ``VGE…`` economics.
"""

from __future__ import annotations

from dataclasses import dataclass

from vigie.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Code:
    """What is the same for every finding of one code.

    Attributes:
        title: A few words.
        severity: Usual severity; a check may raise it.
        remedy: What to do about it.
    """

    title: str
    severity: Severity
    remedy: str


_NOT_KNOWN_YET = (
    "ask who fills this column in and when; if that is after the moment of scoring, leave it out, "
    "or declare known_at= on its table so that only what was known counts"
)

CODES: dict[str, Code] = {
    "VGL001": Code("One feature predicts almost everything", Severity.WARNING, _NOT_KNOWN_YET),
    "VGL002": Code("Some values all but decide the outcome", Severity.WARNING, _NOT_KNOWN_YET),
    "VGL003": Code("A missing value tells the outcome", Severity.WARNING, _NOT_KNOWN_YET),
    "VGL004": Code("Names that suggest values of a later day", Severity.NOTE, _NOT_KNOWN_YET),
    "VGL005": Code("Columns filled in together on part of the rows", Severity.NOTE, _NOT_KNOWN_YET),
    "VGL006": Code(
        "Suspiciously good score",
        Severity.WARNING,
        "look at the most important features first: is each known at the moment of scoring?",
    ),
    "VGT001": Code(
        "No out-of-time test",
        Severity.WARNING,
        "load more history or shorten the horizon; until then expect the model to do worse than the test says",
    ),
    "VGT002": Code(
        "Few rows of one class",
        Severity.WARNING,
        "take more history, a longer horizon or a wider population; read every figure with its uncertainty",
    ),
    "VGT003": Code("Constant features", Severity.NOTE, "leave them out: they carry nothing"),
    "VGT004": Code("A feature looks like an identifier", Severity.WARNING, "leave it out: it names rows"),
    "VGT005": Code(
        "Test rows that are also in the training rows",
        Severity.NOTE,
        "remove duplicates of the source, or declare id= so that they are recognised",
    ),
    "VGT006": Code(
        "Test rows look different from training rows",
        Severity.NOTE,
        "expected of features that grow with history; otherwise check the source for a change at that time",
    ),
    "VGT007": Code(
        "No model beats the simple ways",
        Severity.WARNING,
        "add features, check the cost matrix, or stay with the simple way: it costs nothing to run",
    ),
    "VGT008": Code("The winner is over-fitted", Severity.WARNING, "take more rows, fewer features or a simpler model"),
    "VGT009": Code(
        "Probabilities are off on later rows",
        Severity.WARNING,
        "the share of positives has moved: train on more recent rows, or retrain more often",
    ),
    "VGT010": Code(
        "Most rows have no known outcome",
        Severity.NOTE,
        "shorten the horizon, or check that the source of the outcome is loaded up to date",
    ),
    "VGF001": Code(
        "Groups are treated further apart than the policy allows",
        Severity.ERROR,
        "look at which features make the difference and whether they are needed; decide with those who answer for the policy",
    ),
    "VGF002": Code(
        "Groups too small to judge",
        Severity.NOTE,
        "collect more rows of these groups, or join them; no figure of theirs counts against the policy",
    ),
    "VGF003": Code(
        "The model reads what fairness is judged by",
        Severity.NOTE,
        "check that using it is lawful and meant; leaving it out does not make a model fair by itself",
    ),
    "VGE001": Code(
        "Capacity without effect",
        Severity.NOTE,
        "capacity ranks customers scored at one moment; with moments=at(...) each is decided alone: leave it out",
    ),
    "VGE003": Code(
        "The cost matrix is not known for some customers",
        Severity.WARNING,
        "fill the column in, or give a value for missing ones: customers['clv'].if_null(100)",
    ),
    "VGE002": Code(
        "The decision is the same for everybody",
        Severity.WARNING,
        "check the cost matrix, and give the model better features: so far nothing tells customers apart by enough to change what is done",
    ),
}
"""By code. ``docs/reference/findings.md`` says more on each."""


def finding(code: str, where: str, explanation: str, severity: Severity | None = None, remedy: str = "") -> Finding:
    """A finding of *code*: title, and where not given severity and remedy, as in :data:`CODES`."""
    known = CODES[code]
    return Finding(code, severity or known.severity, known.title, where, explanation, remedy or known.remedy)
