"""Which holders of a shop's credit card will default?

The 40,000 card holders of the PAKDD 2009 competition: no dates, so a stratified hold-out. The amounts are assumptions: a
line of three monthly incomes, of which a good customer's interest brings 35 % after the cost of money, and a default
takes three quarters.
"""

from vigie import Fairness, Loan, Score, Table

holders = Table("holders", key="holder")

default = Score(
    "card_default",
    outcome=holders["defaulted"] == "yes",
    features=holders.all(but=["SEX"]),
    rule=holders["AGE"] < 25,
    decision=Loan(amount=holders["PERSONAL_NET_INCOME"] * 3, interest=0.35, loss_given_default=0.75, currency="EUR"),
    fairness=Fairness([holders["SEX"]]),
)
