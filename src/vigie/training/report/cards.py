"""The model card (Mitchell et al. 2019) and the data sheet (Gebru et al. 2021), in the report and as Markdown."""

from __future__ import annotations

from vigie.report.language import say, speaking
from vigie.report.markdown import as_html, as_markdown
from vigie.report.page import Section
from vigie.training.report.datasheet import datasheet
from vigie.training.report.modelcard import modelcard
from vigie.training.report.subject import Subject
from vigie.training.result import TrainingResult


def model_card(result: TrainingResult, *, bundle_hash: str = "", language: str = "en") -> str:
    """The model card as a Markdown document, with the metadata that model hubs read at its head.

    Args:
        result: The run.
        bundle_hash: Of the bundle as it was written; empty: what the bundle says itself.
        language: ``"en"`` or ``"fr"``.

    Raises:
        SettingsError: The language is not known.
    """
    with speaking(language):
        subject = Subject(result)
        name = result.training_set.score.name
        text = as_markdown(
            say("Model card: score “{name}”", name=name), modelcard(subject, bundle_hash or result.bundle.hash)
        )
    head = ["---", f"language: {language}", "library_name: vigie", "pipeline_tag: tabular-classification", "tags:"]
    head += [
        f"- {tag}" for tag in ("customer-scoring", subject.words.event if language == "en" else "scoring", "tabular")
    ]
    return "\n".join([*head, "---", "", text])


def data_sheet(result: TrainingResult, *, language: str = "en") -> str:
    """The data sheet as a Markdown document.

    Args:
        result: The run.
        language: ``"en"`` or ``"fr"``.

    Raises:
        SettingsError: The language is not known.
    """
    with speaking(language):
        name = result.training_set.score.name
        return as_markdown(say("Data sheet: training set of score “{name}”", name=name), datasheet(Subject(result)))


def model_section(subject: Subject, bundle_hash: str) -> Section:
    """Section: the model card."""
    return Section("card", say("Model card"), as_html(modelcard(subject, bundle_hash)))


def data_section(subject: Subject) -> Section:
    """Section: the data sheet."""
    return Section("sheet", say("Data sheet"), as_html(datasheet(subject)))
