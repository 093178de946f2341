"""Which clients will open a term deposit if the bank calls them?

A Portuguese bank called 45,211 clients from May 2008, through the crisis, to November 2010. A call costs an adviser's
time; a deposit brings its margin, which depends on what the client has to put in. Each client is scored at the call.
"""

from vigie import Lead, Score, Table, at, days, moment

leads = Table("leads", key="lead_id", known_at="contacted_at")

# What a deposit brings: a quarter of the yearly balance is put in, at a margin of 2.46 % (convention of empulse, after
# Correa Bahnsen, Aouada and Ottersten 2015). An overdrawn account, a negative balance, brings nothing.
balance = leads["balance"]
deposit_margin = (0.25 * 0.0246 * balance * (balance > 0)).named("deposit_margin")

lead = Score(
    "lead",
    moments=at(leads),
    outcome=leads["y"] == "yes",
    # The file does not say on which day a client decided; a month is allowed before a call without a deposit is a no.
    horizon=days(30),
    # `duration` is left out: how long the call was is known after it, and a long one is a client who is signing. With
    # it a model looks splendid (AUC above 0.9) and cannot be used.
    features=[
        leads["age", "job", "marital", "education"],
        leads["default", "housing", "loan"],
        balance,
        leads["contact"],  # by mobile or fixed line
        leads["campaign"],  # the how-manieth call of this campaign it is
        leads["pdays", "previous", "poutcome"],  # the campaign before: days ago (−1: none), calls, and how it ended
        moment.month().named("calendar_month"),
        moment.weekday().named("weekday"),
    ],
    # What the bank would do without a model: call again those who said yes the last time.
    rule=leads["poutcome"] == "success",
    decision=Lead(contact_cost=1, deal_value=deposit_margin, currency="EUR"),
    owner="direct marketing",
)
