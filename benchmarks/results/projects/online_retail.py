"""Which customers of a web shop do not buy in the next 90 days?

Invoice lines of thirteen months; negative quantities are cancellations. A snapshot at the beginning of each month,
tried on the last one whose outcome is known.
"""

from vigie import Campaign, Events, Feature, Score, days, every

lines = Events("lines", key="CustomerID", time="InvoiceDate")
bought = lines.where(lines["Quantity"] > 0).named("bought")
returned = lines.where(lines["Quantity"] < 0).named("returned")
spent = bought["Quantity"] * bought["UnitPrice"]

churn = Score(
    "retail_churn",
    moments=every("month", start="2011-03-01"),
    population=bought.count(days(180)) > 0,
    outcome=bought.count(next=days(90)) == 0,
    features=[
        bought.count(days(30, 90, 180)).each(Feature.log1p),
        bought["InvoiceNo"].distinct(days(30, 90, 180)),
        bought["StockCode"].distinct(days(90, 180)),
        spent.sum(days(30, 90, 180)).each(Feature.log1p),
        spent.max(days(180)).log1p().named("largest_line_180d"),
        bought["UnitPrice"].mean(days(180)),
        bought.days_since_last(),
        bought.days_since_first(),
        bought.mean_gap(days(180)),
        (spent.sum(days(30)) / spent.sum(days(180))).named("recent_share_of_spend"),
        returned.count(days(180)),
        bought["Country"].last(),
    ],
    rule=bought.days_since_last() > 60,
    decision=Campaign(contact_cost=0.5, offer_cost=5, accepted=0.15, customer_value=120, currency="GBP"),
)
