"""What a definition means, in the language of the report: features, outcomes, rules and windows in words."""

from __future__ import annotations

from vigie.definition import naming
from vigie.definition.aggregate import FUNCTIONS, Aggregate, AtMoment, EventColumn, spell
from vigie.definition.expression import Expression, Literal, Moment
from vigie.definition.operation import Operation
from vigie.definition.related import Related
from vigie.definition.source import Column, Events
from vigie.definition.text import EventEmbedding, TableEmbedding
from vigie.definition.window import Window
from vigie.report.language import french_number, spoken
from vigie.training.report.subject import Subject


def meaning(expression: Expression) -> str:
    """An expression in words, without a full stop."""
    return _french(expression) if spoken() == "fr" else expression.words()


def length(window: Window) -> str:
    """A length of time in words: ``"30 days"``."""
    words = spell(window)
    if spoken() != "fr":
        return words
    number, _, unit = words.rpartition(" ")
    single = unit.removesuffix("s")
    return f"{number or 1} {_UNITS.get(single, single)}{'s' if number else ''}"


def descriptions(subject: Subject) -> dict[str, str]:
    """Feature → what it means: in the user's words where given, else made from its definition."""
    return {
        feature.name: feature.given_description or naming.sentence(meaning(feature))
        for feature in subject.score.bound_features
    }


_UNITS = {"day": "jour", "hour": "heure", "minute": "minute", "second": "seconde"}
_FUNCTIONS = {
    "count": "nombre de {of}",
    "sum": "somme de {of}",
    "mean": "moyenne de {of}",
    "min": "minimum de {of}",
    "max": "maximum de {of}",
    "std": "écart-type de {of}",
    "first": "première valeur de {of}",
    "last": "dernière valeur de {of}",
    "distinct": "nombre de valeurs différentes de {of}",
    "mode": "valeur la plus fréquente de {of}",
    "share": "part de {of}",
    "days_since_last": "jours depuis la dernière occurrence de {of}",
    "days_since_first": "jours depuis la première occurrence de {of}",
    "mean_gap": "écart moyen en jours entre {of}",
    "std_gap": "écart-type des jours entre {of}",
}
_BETWEEN = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "eq": "est", "ne": "n’est pas",
    "lt": "<", "le": "≤", "gt": ">", "ge": "≥", "and": "et", "or": "ou",
}  # fmt: skip


def _french(expression: Expression) -> str:
    """The French of what :meth:`Expression.words` says in English; English where a kind of expression is not known."""
    match expression:
        case Literal(value=bool() as value):
            return "vrai" if value else "faux"
        case Literal(value=str(value)):
            return f"« {value} »"
        case Literal(value=value):
            return french_number(str(value))
        case Moment():
            return "la date de score"
        case EventEmbedding(text=text, component=component):
            return f"composante {component} du plongement de {text}"
        case TableEmbedding(text=text, component=component, source=source):
            return f"composante {component} du plongement de {text} de {source.name}"
        case EventColumn(column=column):
            return column
        case Column(column=column, source=source):
            return f"{column} de {source.name}"
        case AtMoment(value=value):
            return f"{_french(value)} de cet événement de {_events(value.events)}"
        case Related(key=key, inner=inner, source=source):
            return f"{_french(inner)}, où {source.key} est {_french(key)}"
        case Aggregate():
            return _aggregate(expression)
        case Operation():
            return _operation(expression)
    return expression.words()


def _events(events: Events) -> str:
    name = (events.given_name or events.name).replace("_", " ")
    return name if events.condition is None or events.given_name else f"{name} où {_french(events.condition)}"


def _aggregate(feature: Aggregate) -> str:
    events = _events(feature.events)
    value = _french(feature.value) if feature.value is not None else ""
    of = f"{value} sur {events}" if value else events
    if feature.function == "share":
        of = f"{events} dont {value} est {_french(Literal(feature.parameters[0]))}"
    said = _FUNCTIONS.get(feature.function, FUNCTIONS[feature.function].words).format(of=of)
    if feature.window is None:
        return said
    span = length(feature.window)
    return f"{said} sur {'les prochains' if feature.future else 'les derniers'} {span}"


def _operation(operation: Operation) -> str:
    name, operands = operation.operation, operation.operands
    said = [f"({_french(o)})" if isinstance(o, Operation) and o.operation in _BETWEEN else _french(o) for o in operands]
    if name in _BETWEEN and len(said) > 1:
        return f"{said[0]} {_BETWEEN[name]} {said[1]}"
    listed = ", ".join(_french(Literal(p)) for p in operation.parameters)
    known = {
        "neg": f"moins {said[0]}",
        "abs": f"valeur absolue de {said[0]}",
        "log": f"logarithme de {said[0]}",
        "log1p": f"logarithme de un plus {said[0]}",
        "not": f"non {said[0]}",
        "in": f"{said[0]} parmi {listed}",
        "is_null": f"{said[0]} manque",
        "if_null": f"{said[0]}, ou {said[-1]} si manquant",
        "bucket": f"intervalle de {said[0]} entre {listed}",
        "days_between": f"jours de {said[0]} à {said[-1]}",
    }
    return known.get(name, operation.words())
