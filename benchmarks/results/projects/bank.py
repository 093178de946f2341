"""Which customers of a bank take a term deposit when called?

Rows are in date order over two and a half years, with the month but not the year: the year follows from the order.
``duration`` is known only after the call and is left out. The last fifth converts five times as often as the first
four: a real break, which any model learned before it meets unprepared.
"""

from vigie import Lead, Score, Table, at

calls = Table("calls", key="call", known_at="called_on")

conversion = Score(
    "bank_deposit",
    moments=at(calls),
    outcome=calls["y"] == "yes",
    features=calls.all(but="duration"),
    rule=calls["poutcome"] == "success",
    decision=Lead(contact_cost=5, deal_value=60, currency="EUR"),
)
