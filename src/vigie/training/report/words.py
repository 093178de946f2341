"""What the decision's words are in sentences: whom one acts on, what acting is called, what a positive is."""

from __future__ import annotations

from dataclasses import dataclass

from vigie.definition.decision import Decision
from vigie.economics.strategies import EVERYBODY, HALF, NOBODY, RULE, VIGIE
from vigie.report.language import say, spoken

_ONE = {"converts": "lead", "defaults": "applicant"}


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one decision, in the language of the report.

    Attributes:
        act: Infinitive: ``"contact"``.
        done: Participle, of one: ``"contacted"``.
        dones: The same, of many; English makes no difference.
        doing: Gerund: ``"contacting"``; the infinitive where a language has none.
        leave: What not acting is called: ``"leave"``.
        positive: What happens when the outcome is true, of one: ``"churns"``.
        do: The same, of many: ``"churn"``.
        event: The same as a noun: ``"churn"``.
        one: Who is scored: ``"customer"``.
        many: The same, of many.
    """

    act: str
    done: str
    dones: str
    doing: str
    leave: str
    positive: str
    do: str
    event: str
    one: str
    many: str

    @classmethod
    def of(cls, decision: Decision) -> Words:
        """The words of *decision*."""
        one = _ONE.get(decision.positive, "customer")
        if spoken() == "fr":
            act, done = _ACTS.get(decision.act, (decision.act, f"{decision.act} (décidé)"))
            positive, do, event = _EVENTS.get(decision.positive, (decision.positive, decision.positive, "positif"))
            who = say(one)
            leave = {"leave": "laisser", "grant": "accorder"}.get(decision.leave, decision.leave)
            return cls(act, done, f"{done}s", act, leave, positive, do, event, who, f"{who}s")
        act = decision.act
        done, doing = _ENGLISH.get(act, (f"chosen to {act}", f"choosing to {act}"))
        event = {"churns": "churn", "converts": "conversion", "defaults": "default"}.get(
            decision.positive, "a positive"
        )
        do = decision.positive.removesuffix("s")
        return cls(act, done, done, doing, decision.leave, decision.positive, do, event, one, f"{one}s")

    @property
    def yes(self) -> str:
        """What a true outcome is called beside :attr:`no`."""
        return say("{positive}: yes", positive=self.positive)

    @property
    def no(self) -> str:
        """What a false outcome is called."""
        return say("{positive}: no", positive=self.positive)

    def strategy(self, name: str) -> str:
        """A strategy as a label."""
        labels = {
            NOBODY: _capital(say("{act} nobody", act=self.act)),
            EVERYBODY: _capital(say("{act} everybody", act=self.act)),
            RULE: say("Today’s rule"),
            HALF: say("Score of 0.5 or more"),
            VIGIE: say("Vigie’s decision"),
        }
        return labels.get(name, name)

    def strategy_phrase(self, name: str) -> str:
        """A strategy inside a sentence."""
        phrases = {
            NOBODY: say("{doing} nobody", doing=self.doing),
            EVERYBODY: say("{doing} everybody", doing=self.doing),
            RULE: say("today’s rule"),
            HALF: say("{doing} at a score of 0.5 or more", doing=self.doing),
            VIGIE: say("Vigie’s decision"),
        }
        return phrases.get(name, name)


_ENGLISH = {
    "contact": ("contacted", "contacting"),
    "call": ("called", "calling"),
    "refuse": ("refused", "refusing"),
    "act": ("acted on", "acting on"),
}
_ACTS = {"contact": ("contacter", "contacté"), "call": ("appeler", "appelé"), "refuse": ("refuser", "refusé")}
_EVENTS = {
    "churns": ("résilie", "résilient", "résiliation"),
    "converts": ("devient client", "deviennent clients", "conversion"),
    "defaults": ("fait défaut", "font défaut", "défaut"),
}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
