"""What a model card holds: what the model is for and not for, on whom it was tried, how it did, and what to mind."""

from __future__ import annotations

from vigie.definition.naming import sentence
from vigie.findings import Severity
from vigie.report.blocks import capital
from vigie.report.language import say
from vigie.report.markdown import Listing, Part
from vigie.report.numerals import count, decimal, money, percent, points
from vigie.training.report.data import left_out, moments_span, split_words
from vigie.training.report.fairness import broken
from vigie.training.report.meaning import length, meaning
from vigie.training.report.question import decision_words, moments_words
from vigie.training.report.reproduce import calibration_words
from vigie.training.report.subject import Subject
from vigie.training.report.verdict import interval_words, judge


def modelcard(subject: Subject, bundle_hash: str) -> list[Part]:
    """The parts of the card, in the order of Mitchell et al. (2019)."""
    return [
        _details(subject, bundle_hash),
        _use(subject),
        _not_for(subject),
        _factors(subject),
        _metrics(subject),
        _evaluation(subject),
        _training(subject),
        _ethics(subject),
        _caveats(subject),
    ]


def _details(subject: Subject, bundle_hash: str) -> Part:
    result, score = subject.result, subject.score
    pairs = [
        (say("Score"), score.name),
        (say("Kind"), say(result.best.title)),
        (say("Calibration"), calibration_words(result.best.calibration)),
        (say("Features"), count(len(result.training_set.features))),
        (say("Owner"), score.owner or say("not named")),
        (say("Bundle"), bundle_hash or say("not written")),
        (say("Score definition"), score.fingerprint),
        (say("Code version"), result.options.code_version or say("not given")),
    ]
    return Part(say("Model details"), facts=tuple(pairs))


def _use(subject: Subject) -> Part:
    score, words = subject.score, subject.words
    who = sentence(meaning(score.population)) if score.population is not None else say("Everybody")
    pairs = [
        (say("Who is scored"), who),
        (say("When"), moments_words(subject)),
        (
            say("What is predicted"),
            say("{positive}: {outcome}", positive=capital(words.positive), outcome=meaning(score.outcome)),
        ),
        (say("Known after"), length(score.horizon) if score.horizon is not None else say("at once")),
        (say("Decision"), decision_words(subject)),
    ]
    opening = (score.description,) if score.description else ()
    return Part(say("Intended use"), opening, tuple(pairs))


def _not_for(subject: Subject) -> Part:
    words = subject.words
    said = (
        say("{many} outside the population above, or at other moments.", many=capital(words.many)),
        say(
            "Another decision than to {words.act} or to {words.leave}: the line follows from this cost matrix.",
            words=words,
        ),
        say(
            "Reasoning about causes: the score says who is likely to be positive, not what would change if a feature were "
            "changed, nor who changes because of being {words.done}.",
            words=words,
        ),
        say(
            "A decision with legal or similarly significant effect on a person without a human who can overrule it (GDPR, "
            "article 22)."
        ),
    )
    return Part(say("Not intended for"), points=said)


def _factors(subject: Subject) -> Part:
    found = subject.evidence.fairness
    if not found:
        text = say(
            "No groups of people were declared, so none were compared. Declare fairness=Fairness([...]) to do so."
        )
        return Part(say("Factors"), (text,))
    said = tuple(
        say("{feature}: {groups}", feature=one.feature, groups=", ".join(say(group.name) for group in one.groups))
        for one in found
    )
    return Part(say("Factors"), (say("Groups that were compared:"),), points=said)


def _metrics(subject: Subject) -> Part:
    result, currency, test = subject.result, subject.currency, subject.result.best.test
    lead = subject.lead
    rows = [
        (say("Money per {unit}", unit=subject.unit), money(subject.vigie.value, currency)),
        (
            say("More than {rival}", rival=subject.words.strategy_phrase(subject.rival)),
            money(subject.advantage, currency, sign=True)
            + (f" ({interval_words(subject, (lead.low, lead.high))})" if lead is not None else ""),
        ),
        ("AUC", decimal(test.auc)),
        (say("Average precision"), decimal(test.average_precision)),
        (say("Brier score"), decimal(test.brier)),
        (say("Log loss"), decimal(test.log_loss)),
        (say("Calibration error"), decimal(test.ece)),
        (say("Precision of the decision"), percent(subject.vigie.precision)),
        (say("Recall of the decision"), percent(subject.vigie.recall)),
    ]
    caption = say("On {rows} test rows that chose nothing.", rows=count(len(result.test_labels)))
    opening = say("The money of the cost matrix decides; the other measures say why.")
    listing = Listing(caption, (say("Measure"), say("Value")), tuple(rows))
    return Part(say("Metrics"), (opening,), listing=listing)


def _evaluation(subject: Subject) -> Part:
    result = subject.result
    pairs = (
        (say("Rows"), count(result.split.test_rows)),
        (
            say("Positive"),
            say(
                "{positives} ({share})",
                positives=count(subject.vigie.positives),
                share=percent(subject.vigie.positives / max(subject.vigie.n, 1)),
            ),
        ),
        (say("How chosen"), capital(split_words(subject))),
    )
    return Part(say("Evaluation data"), facts=pairs)


def _training(subject: Subject) -> Part:
    data, split = subject.result.training_set, subject.result.split
    pairs = (
        (say("Rows"), count(split.train_rows)),
        (say("Moments"), moments_span(subject)),
        (say("Left out"), capital(left_out(subject))),
        (
            say("Sources"),
            ", ".join(f"{name} {number}" for name, number in sorted(data.versions.items())) or say("none"),
        ),
    )
    return Part(say("Training data"), (say("The data sheet says more."),), pairs)


def _ethics(subject: Subject) -> Part:
    said = []
    for one in subject.evidence.fairness:
        said += [
            say(
                "{feature}, {measure}: gap of {gap} between “{highest}” and “{lowest}” ({low} to {high}).",
                feature=one.feature,
                measure=_measure(gap.measure),
                gap=points(gap.gap.value),
                highest=say(gap.highest),
                lowest=say(gap.lowest),
                low=points(gap.gap.low),
                high=points(gap.gap.high),
            )
            for gap in one.gaps
        ]
    for one, gap in broken(subject):
        said.append(
            say(
                "The policy’s limit for {feature}, {measure}, is broken.",
                feature=one.feature,
                measure=_measure(gap.measure),
            )
        )
    read = [one.feature for one in subject.evidence.fairness if one.is_feature]
    if read:
        said.append(say("The model reads {features}.", features=", ".join(read)))
    opening = (
        say(
            "Who is {words.done} follows from expected money alone. vigie score --reasons says for each {words.one} why.",
            words=subject.words,
        ),
    )
    return Part(say("Ethical considerations"), opening, points=tuple(said))


def _measure(name: str) -> str:
    words = {
        "parity": say("share acted on"),
        "opportunity": say("share acted on among positives"),
        "calibration": say("calibration"),
    }
    return words.get(name, name)


def _caveats(subject: Subject) -> Part:
    verdict = judge(subject)
    said = [
        say(
            "{severity}, {where}: {title}",
            severity=capital(say(f.severity.label)),
            where=f.where or "–",
            title=say(f.title),
        )
        for f in sorted(subject.result.findings, key=lambda f: (-f.severity, f.code, f.where))
        if f.severity is not Severity.NOTE
    ]
    opening = say("Verdict: {verdict}.", verdict=verdict.words)
    return Part(say("Caveats and recommendations"), (opening,), points=tuple(said))
