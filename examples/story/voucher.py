"""Which customers of the shop will not order in the coming week?

Every afternoon the mailing tool asks about some of them, as of that morning, and sends a voucher to those it pays for.
"""

from vigie import Campaign, Events, Score, days, every

# The warehouse hands over each day's rows at its end: known_at.
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id", known_at="loaded_at")
visits = Events("visits", key="customer_id", time="seen_at", id="visit_id", known_at="loaded_at")

churn = Score(
    "churn",
    moments=every(days(4), start="2024-04-15"),
    population=orders.count(days(28)) > 0,
    outcome=orders.count(next=days(7)) == 0,
    features=[
        orders.count(days(7, 28, 60)),
        orders.days_since_last(),
        orders.mean_gap(days(60)),
        (orders["amount"].sum(days(7)) / orders["items"].sum(days(7))).named("price_7d"),
        orders["discount"].mean(days(60)),
        visits.count(days(7, 28)),
        visits.days_since_last(),
    ],
    decision=Campaign(contact_cost=0.2, offer_cost=6, accepted=0.25, customer_value=20, currency="EUR"),
    owner="crm",
)
