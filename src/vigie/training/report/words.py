"""What the decision's words are in sentences: whom one acts on, what acting is called, what a positive is."""

from __future__ import annotations

from dataclasses import dataclass

from vigie.definition.decision import Decision
from vigie.economics.strategies import EVERYBODY, HALF, NOBODY, RULE, VIGIE

_DONE = {"contact": "contacted", "call": "called", "refuse": "refused", "act": "acted on"}
_DOING = {"contact": "contacting", "call": "calling", "refuse": "refusing", "act": "acting on"}
_ONE = {"converts": "lead", "defaults": "applicant"}


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one decision.

    Attributes:
        act: Infinitive: ``"contact"``.
        done: Participle: ``"contacted"``.
        doing: Gerund: ``"contacting"``.
        leave: What not acting is called: ``"leave"``.
        positive: What happens when the outcome is true: ``"churns"``.
        one: Who is scored: ``"customer"``.
    """

    act: str
    done: str
    doing: str
    leave: str
    positive: str
    one: str

    @property
    def do(self) -> str:
        """What happens, of many: ``"churn"``."""
        return self.positive.removesuffix("s")

    @classmethod
    def of(cls, decision: Decision) -> Words:
        """The words of *decision*."""
        act = decision.act
        return cls(
            act,
            _DONE.get(act, f"chosen to {act}"),
            _DOING.get(act, f"choosing to {act}"),
            decision.leave,
            decision.positive,
            _ONE.get(decision.positive, "customer"),
        )

    @property
    def many(self) -> str:
        """Those who are scored: ``"customers"``."""
        return f"{self.one}s"

    @property
    def yes(self) -> str:
        """What a true outcome is called beside :attr:`no`."""
        return f"{self.positive}: yes"

    @property
    def no(self) -> str:
        """What a false outcome is called."""
        return f"{self.positive}: no"

    def strategy(self, name: str) -> str:
        """A strategy as a label."""
        act = self.act.capitalize()
        labels = {NOBODY: f"{act} nobody", EVERYBODY: f"{act} everybody", RULE: "Today’s rule"}
        return (labels | {HALF: "Score of 0.5 or more", VIGIE: "Vigie’s decision"}).get(name, name)

    def strategy_phrase(self, name: str) -> str:
        """A strategy inside a sentence."""
        phrases = {
            NOBODY: f"{self.doing} nobody",
            EVERYBODY: f"{self.doing} everybody",
            RULE: "today’s rule",
            HALF: f"{self.doing} at a score of 0.5 or more",
            VIGIE: "Vigie’s decision",
        }
        return phrases.get(name, name)
