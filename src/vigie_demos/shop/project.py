"""Which active customers of our web shop will not order in the next 30 days?

Nobody cancels in a shop; customers are lost silently. On the first of each month the team may send an offer to a thousand
of them. What a customer does before leaving shows in five places: orders, visits, e-mails, tickets, and the profile.
"""

from vigie import Campaign, Events, Score, Table, days, every, moment

customers = Table("customers", key="customer_id", known_at="updated_at")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id", known_at="recorded_at")
visits = Events("visits", key="customer_id", time="seen_at", id="visit_id")
emails = Events("emails", key="customer_id", time="happened_at", id=("email_id", "event"))
tickets = Events("tickets", key="customer_id", time="opened_at", id="ticket_id")

opened = emails.where(event="opened").named("emails_opened")
sent = emails.where(event="sent").named("emails_sent")
bad_tickets = tickets.where(tickets["satisfaction"] <= 2).named("bad_tickets")
recency = orders.days_since_last()

churn = Score(
    "churn",
    moments=every("month", start="2024-07-01"),  # half a year of history behind every moment
    population=orders.count(days(90)) > 0,
    outcome=orders.count(next=days(30)) == 0,
    features=[
        # Profile, as it was known at the moment
        customers["country", "signup_channel", "newsletter"],
        customers["birth_date"].age(),
        customers["signed_up_at"].days_ago().named("tenure"),
        # Orders
        recency,
        orders.count(days(30, 90, 180)),
        orders["amount"].sum(days(30, 90, 180)),
        orders["amount"].mean(days(180)),
        orders["discount"].mean(days(180)),
        orders["category"].mode(days(180)),
        orders["channel"].share("app", days(180)),
        orders.mean_gap(days(180)),
        (recency / orders.mean_gap(days(180))).named("overdue"),
        # Visits fade before orders do
        visits.count(days(7, 14, 30, 90)),
        visits["pages"].mean(days(30)),
        visits.days_since_last(),
        (visits.count(days(30)) / visits.count(days(90))).named("visits_trend"),
        # E-mails: read or not
        (opened.count(days(90)) / sent.count(days(90))).named("open_rate"),
        emails.where(event="clicked").named("emails_clicked").count(days(90)),
        opened.days_since_last(),
        # Support: a bad experience is remembered
        tickets.count(days(30, 180)),
        bad_tickets.count(days(90, 180)),
        tickets["satisfaction"].last(days(180)),
        moment.month().named("calendar_month"),
    ],
    rule=recency,
    # Assumptions: edit them, and threshold and choice of model follow.
    decision=Campaign(
        contact_cost=0.2,  # an e-mail and its share of the agency's bill
        offer_cost=6,  # the voucher, used by whoever orders anyway
        accepted=0.25,  # share of leaving customers who stay because of it
        customer_value=0.3 * orders["amount"].sum(days(180)) + 10,  # half a year of margin at the pace of the last
        capacity=1_000,
        currency="EUR",
    ),
    owner="crm",
)
