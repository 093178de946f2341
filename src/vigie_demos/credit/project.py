"""Which applicants for a loan will fall 90 days behind with a payment within two years?

150,000 borrowers of the competition Give Me Some Credit. Few of them default, but a default costs some forty times what
a good loan earns: whom to refuse depends on that far more than on the share of correct answers.
"""

from vigie import Loan, Score, Table, days, once

applicants = Table("applicants", key="id")

# What a loan that is repaid earns, for each unit lent: 24 monthly payments at 4.79 % a year, valued at the 2.94 % that
# the money costs the bank, less the unit itself: 1.9 %. Rates are those of Correa Bahnsen, Aouada and Ottersten (2014),
# as is the loss of 75 % in a default. Their cost of a refusal also counts that the money is lent to somebody else; here
# a refused loan brings nothing.
RATE, FUNDS, MONTHS = 0.0479 / 12, 0.0294 / 12, 24
payment = RATE / (1 - (1 + RATE) ** -MONTHS)
interest = payment * (1 - (1 + FUNDS) ** -MONTHS) / FUNDS - 1

late_90 = applicants["NumberOfTimes90DaysLate"]
late_60 = applicants["NumberOfTime60-89DaysPastDueNotWorse"]
late_30 = applicants["NumberOfTime30-59DaysPastDueNotWorse"]

credit = Score(
    "credit",
    # The file has no dates: everybody is taken to have applied two years before the competition, so that the outcome of
    # all is known when it began. Without more than one moment, the test is a stratified sample.
    moments=once("2009-09-19"),
    horizon=days(730),
    # Without an income, or with debts above it, no credit line can be computed: those go to a clerk, not to a model.
    population=(applicants["MonthlyIncome"] > 0) & (applicants["DebtRatio"] < 1),
    outcome=applicants["SeriousDlqin2yrs"] == 1,
    features=[
        applicants.all(but="credit_line"),
        (late_30 + late_60 + late_90).named("times_late"),
    ],
    # What a clerk does: refuse whoever was three months late before.
    rule=late_90 > 0,
    decision=Loan(
        amount=applicants["credit_line"],  # at most three incomes, 25,000, and what debts leave to pay back
        interest=interest,
        loss_given_default=0.75,
        currency="USD",
    ),
    owner="credit risk",
)
