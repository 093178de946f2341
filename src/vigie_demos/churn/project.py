"""Which customers who bought in the last 90 days will make no purchase in the next 90 days?

CDNOW sold music on the web. Nobody cancels anything there: a customer has left when no purchase follows. The data are
all purchases, January 1997 to June 1998, of the 23,570 people who first bought in the first quarter of 1997. On the
first of each month the shop can write to those who are likely to be lost, with a voucher for the next order.
"""

from vigie import Campaign, Events, Score, days, every, moment

purchases = Events("purchases", key="customer_id", time="date", id="purchase_id")

recency = purchases.days_since_last()
rhythm = purchases.mean_gap()
spent = purchases["dollars"].sum(days(365))

churn = Score(
    "churn",
    # Before July most customers are weeks old and all look the same; from then on half a year can be looked back on.
    moments=every("month", start="1997-07-01"),
    # As long a look back as ahead: an active customer has bought in the last quarter. Who has not may be gone already;
    # winning those back is another campaign, with other costs.
    population=purchases.count(days(90)) > 0,
    outcome=purchases.count(next=days(90)) == 0,
    features=[
        recency,
        rhythm,
        purchases.std_gap(),
        (recency / rhythm).named("overdue").described("Days since the last purchase, in units of the usual gap"),
        purchases.days_since_first().named("tenure"),
        purchases.count(),
        purchases.count(days(30, 60, 90, 180, 365)),
        (purchases.count(days(90)) / purchases.count(days(180))).named("trend"),
        spent,
        purchases["dollars"].sum(days(30, 90, 180)),
        purchases["dollars"].mean(),
        purchases["dollars"].max(),
        purchases["dollars"].last(),
        purchases["items"].sum(days(90, 365)),
        moment.month().named("calendar_month"),
    ],
    # The rule of thumb that the model has to beat: the longer ago the last purchase, the likelier it was the last.
    rule=recency,
    # Assumptions, for the file holds no costs. Edit them: threshold and choice of model follow.
    decision=Campaign(
        contact_cost=0.50,  # a printed card, postage at the bulk rate of 1997 included
        offer_cost=5,  # the voucher, about a third of a CD
        accepted=0.15,  # share of leaving customers whom the voucher brings back
        customer_value=0.2 * spent,  # a year of gross margin, near a fifth in the trade, at last year's spending
        capacity=2_000,  # cards in one print run
        currency="USD",
    ),
    owner="retention",
)
