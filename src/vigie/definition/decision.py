"""What is done with a score, and what it brings or costs: the cost matrix of the project.

A decision has two actions. *Act* is what a high score leads to (contact, call, refuse), *pass* is leaving things as
they are. Four sums of money say what each action brings for a customer whose outcome is true (*positive*: churns,
converts, defaults) or false. Each is an expression, so that a sum may differ by customer: ``customer_value=customers["clv"]``.
All sums are in ``currency``, for one customer and one decision; gains are positive, costs negative.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from vigie.definition.expression import Expression, Feature, Literal
from vigie.errors import DefinitionError

Amount = float | Feature
"""A sum of money or a share: a number, or a feature where it differs by customer."""


@dataclass(frozen=True, slots=True)
class Payoff:
    """Money for one customer, by action and outcome.

    Attributes:
        act_positive: Brought by acting on a customer whose outcome is true.
        act_negative: Brought by acting on one whose outcome is false.
        pass_positive: Brought by not acting on one whose outcome is true.
        pass_negative: Brought by not acting on one whose outcome is false.
    """

    act_positive: Expression
    act_negative: Expression
    pass_positive: Expression
    pass_negative: Expression

    def expressions(self) -> tuple[Expression, Expression, Expression, Expression]:
        """The four sums in the order of the attributes."""
        return (self.act_positive, self.act_negative, self.pass_positive, self.pass_negative)


def _amount(value: Amount, name: str, low: float, high: float = float("inf")) -> Expression:
    if isinstance(value, Feature):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        allowed = f"from {low:g} to {high:g}" if high < float("inf") else f"of at least {low:g}"
        raise DefinitionError(
            f"{name}={value!r} is not possible",
            remedy=f"give a number {allowed}, or a feature such as customers['{name}']",
        )
    return Literal(float(value))


@dataclass(frozen=True, kw_only=True)
class Decision(ABC):
    """Base of the three decisions.

    Args:
        capacity: How many customers can be acted on at one moment; ``None`` for no limit.
        currency: ISO 4217 code of every sum.
    """

    act: ClassVar[str] = "act"
    leave: ClassVar[str] = "leave"
    positive: ClassVar[str] = "positive"

    capacity: int | None = None
    currency: str = "EUR"

    def __post_init__(self) -> None:
        if self.capacity is not None and (
            isinstance(self.capacity, bool) or not isinstance(self.capacity, int) or self.capacity < 1
        ):
            raise DefinitionError(
                f"capacity={self.capacity!r} is not a number of customers",
                remedy="give a whole number above 0, or leave it out",
            )
        if not (isinstance(self.currency, str) and len(self.currency) == 3 and self.currency.isupper()):
            raise DefinitionError(
                f"currency={self.currency!r} is not a currency", remedy="use a code of three capitals, such as EUR"
            )
        self.payoff()

    @abstractmethod
    def payoff(self) -> Payoff:
        """The cost matrix.

        Raises:
            DefinitionError: A sum or share is out of its range.
        """

    def meaning(self) -> list[Any]:
        """Plain data equal for decisions that mean the same."""
        return [
            self.act,
            self.leave,
            self.positive,
            self.capacity,
            self.currency,
            [e.meaning() for e in self.payoff().expressions()],
        ]


@dataclass(frozen=True, kw_only=True)
class Campaign(Decision):
    """Contact customers who are about to leave, with an offer that keeps some of them.

    A churner who is contacted accepts with probability *accepted* and then stays; one who is not leaving takes the
    offer too, for nothing (Verbraken et al. 2013, *A novel profit maximizing metric for churn prediction*).

    Args:
        contact_cost: Cost of contacting one customer.
        offer_cost: Cost of the offer when it is taken.
        accepted: Share, 0 … 1, of contacted churners who stay because of the offer.
        customer_value: What a customer who stays is worth.
    """

    act: ClassVar[str] = "contact"
    positive: ClassVar[str] = "churns"

    contact_cost: Amount
    offer_cost: Amount
    accepted: Amount
    customer_value: Amount

    def payoff(self) -> Payoff:
        """``accepted × (value − offer) − contact`` for a churner, ``−offer − contact`` for another, 0 when left alone."""
        contact, offer = _amount(self.contact_cost, "contact_cost", 0), _amount(self.offer_cost, "offer_cost", 0)
        accepted, value = _amount(self.accepted, "accepted", 0, 1), _amount(self.customer_value, "customer_value", 0)
        return Payoff(accepted * (value - offer) - contact, -offer - contact, Literal(0.0), Literal(0.0))


@dataclass(frozen=True, kw_only=True)
class Lead(Decision):
    """Call the leads most likely to become customers.

    Args:
        contact_cost: Cost of working on one lead.
        deal_value: Margin of a deal that is won.
        unaided: Share, 0 … 1, of converting leads who would have converted without the call.
    """

    act: ClassVar[str] = "call"
    positive: ClassVar[str] = "converts"

    contact_cost: Amount
    deal_value: Amount
    unaided: Amount = 0.0

    def payoff(self) -> Payoff:
        """``deal − contact`` for a lead that converts, ``−contact`` for another; left alone, ``unaided × deal`` and 0."""
        contact, deal = _amount(self.contact_cost, "contact_cost", 0), _amount(self.deal_value, "deal_value", 0)
        unaided = _amount(self.unaided, "unaided", 0, 1)
        return Payoff(deal - contact, -contact, unaided * deal, Literal(0.0))


@dataclass(frozen=True, kw_only=True)
class Loan(Decision):
    """Refuse the borrowers whose default would cost more than their interest brings.

    Args:
        amount: The sum lent.
        interest: Share of the amount that a loan which is repaid earns over its life.
        loss_given_default: Share, 0 … 1, of the amount that is lost when the borrower defaults.
    """

    act: ClassVar[str] = "refuse"
    leave: ClassVar[str] = "grant"
    positive: ClassVar[str] = "defaults"

    amount: Amount
    interest: Amount
    loss_given_default: Amount = 0.75

    def payoff(self) -> Payoff:
        """0 when refused; granted, ``−loss × amount`` for a borrower who defaults and ``interest × amount`` for another."""
        amount, interest = _amount(self.amount, "amount", 0), _amount(self.interest, "interest", 0)
        loss = _amount(self.loss_given_default, "loss_given_default", 0, 1)
        return Payoff(Literal(0.0), Literal(0.0), -(loss * amount), interest * amount)
