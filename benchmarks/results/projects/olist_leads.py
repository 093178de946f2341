"""Which sellers who ask about a marketplace sign up within 60 days?

A lead is scored on the day of its first contact. Everything in the deals but the date of winning is known only after
the win, so nothing else is read from them. The first recorded win is of December 2017: older leads are left out.
"""

from datetime import date

from vigie import Events, Lead, Score, Table, at, days, moment

leads = Table("leads", key="mql_id", known_at="first_contact_date")
deals = Events("deals", key="mql_id", time="won_date")

conversion = Score(
    "olist_conversion",
    moments=at(leads),
    population=moment >= date(2017, 12, 1),
    outcome=deals.count(next=days(60)) > 0,
    features=[leads["origin", "landing_page_id"], moment.weekday()],  # no month: each is new in the half-year of data
    rule=leads["origin"].is_in(["paid_search", "organic_search"]),
    decision=Lead(contact_cost=30, deal_value=300, currency="BRL"),
)
