"""Who has to sign before the model is used, with lines to fill in by hand."""

from __future__ import annotations

from vigie.report.html import Html, tag
from vigie.report.language import say
from vigie.training.report.subject import Subject


def signatures(subject: Subject) -> Html:
    """A block of three signatures: the budget, the model, the risk."""
    parts = (
        (
            say("Owner of the decision and its budget"),
            say("The question and the cost matrix are right."),
            subject.score.owner,
        ),
        (say("Owner of the model"), say("Data, test and figures are as described."), ""),
        (say("Risk, compliance, data protection"), say("Groups, limits and use are acceptable."), ""),
    )
    heads = (say("Who signs"), say("What for"), say("Name"), say("Date"), say("Signature"))
    top = tag("thead", tag("tr", *(tag("th", head, scope="col") for head in heads)))
    body = tag(
        "tbody",
        *(
            tag("tr", tag("th", who, scope="row"), tag("td", what), tag("td", name), tag("td", ""), tag("td", ""))
            for who, what, name in parts
        ),
    )
    title = say("Signed before use")
    inside = tag("table", top, body, class_="signatures", aria_label=title)
    return tag(
        "div",
        tag("h3", title),
        tag("div", inside, class_="scroll", tabindex=0, role="region", aria_label=title),
        class_="sign",
    )
