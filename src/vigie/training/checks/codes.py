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
    "VGL007": Code("A feature is the outcome in other words", Severity.ERROR, _NOT_KNOWN_YET),
    "VGL008": Code("Two features together decide the outcome", Severity.WARNING, _NOT_KNOWN_YET),
    "VGL009": Code(
        "A running number tells the outcome",
        Severity.WARNING,
        "leave it out: it names rows, and the numbers of new customers lie beyond all that were learned from",
    ),
    "VGL010": Code(
        "Dates after the moment of scoring",
        Severity.NOTE,
        "leave it in if it was planned beforehand, such as the end of a contract; otherwise declare known_at= on its table, "
        "make events of it, or leave it out",
    ),
    "VGL011": Code(
        "A feature seems to hold part of the outcome's window",
        Severity.WARNING,
        "check the time column of its events: is it when they were known, or the beginning of a period that they sum up?",
    ),
    "VGL012": Code(
        "A column without time knows later outcomes better",
        Severity.WARNING,
        "declare known_at= on its table and keep its history, make events of it, or leave it out",
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
    "VGT011": Code(
        "Features nearly constant or mostly missing", Severity.NOTE, "leave them out unless the few rows are the point"
    ),
    "VGT012": Code(
        "A category of very many levels",
        Severity.NOTE,
        "group its levels, or use what they stand for (a region, a count, a share); rare ones count as one level",
    ),
    "VGT013": Code(
        "Levels that training never saw",
        Severity.WARNING,
        "check whether levels were renamed or added; map old names to new ones at the source, or train on rows that have them",
    ),
    "VGT014": Code(
        "The same customer under two keys",
        Severity.WARNING,
        "find out why a customer has two keys and join them: otherwise the test asks what was learned by heart",
    ),
    "VGT015": Code(
        "Customers on both sides of the split",
        Severity.ERROR,
        "split by customer, or by time",
    ),
    "VGT016": Code(
        "Equal rows with different outcomes",
        Severity.NOTE,
        "if they are copies, find out which is right; if not, add features that tell these customers apart",
    ),
    "VGT017": Code(
        "Test rows can be told from training rows",
        Severity.NOTE,
        "expected of features that grow with history; otherwise check what changed in these features at that time",
    ),
    "VGT018": Code(
        "The outcome is silent for a stretch of time",
        Severity.WARNING,
        "check since when and until when the outcome was recorded, and score only moments in between: every(..., start=...)",
    ),
    "VGT019": Code(
        "Labels dealt at random can be learned",
        Severity.ERROR,
        "look for what names customers: keys of one person or company under several names, rows joined twice",
    ),
    "VGT020": Code(
        "A feature's relation with the outcome changes over time",
        Severity.WARNING,
        "check whether its meaning or its source changed; leave it out, or train on rows of after the change",
    ),
    "VGT021": Code(
        "The features say nothing about the outcome",
        Severity.WARNING,
        "check that outcome and features belong to the same customers; then add features",
    ),
    "VGT022": Code(
        "The model does worse on later rows",
        Severity.WARNING,
        "look at the features that changed (VGT006, VGT017, VGT020); train on more recent rows, and retrain more often",
    ),
    "VGT023": Code("More rows would help", Severity.NOTE, "load more history, or score a wider population"),
    "VGT024": Code(
        "The outcome is nearly always the same",
        Severity.NOTE,
        "judge the model by money and by calibration, not by accuracy; widen the horizon if the question allows",
    ),
    "VGT025": Code(
        "A hyper-parameter could be better",
        Severity.NOTE,
        "search longer (--trials), or set the value that the validation curve prefers",
    ),
    "VGT026": Code(
        "Customers who were acted on are left out",
        Severity.NOTE,
        "hold some customers out for good, [rollout] holdout = 0.05: only they show what becomes of those the model acts on",
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
    "VGE004": Code(
        "One action is right whatever the outcome",
        Severity.NOTE,
        "correct the sums of the decision, or take these customers out of the population: no score changes what is done with them",
    ),
    "VGE005": Code(
        "The cost matrix is upside down",
        Severity.ERROR,
        "check the signs of the amounts: gains are positive, and acting has to pay where the outcome is true",
    ),
    "VGE006": Code(
        "The break-even probability is out of reach",
        Severity.WARNING,
        "check that all amounts are in one unit: a contact in cents beside a value in thousands decides everything by itself",
    ),
}
"""By code. ``docs/reference/findings.md`` says more on each."""


def finding(code: str, where: str, explanation: str, severity: Severity | None = None, remedy: str = "") -> Finding:
    """A finding of *code*: title, and where not given severity and remedy, as in :data:`CODES`."""
    known = CODES[code]
    return Finding(code, severity or known.severity, known.title, where, explanation, remedy or known.remedy)
