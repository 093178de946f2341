"""Which subscribers of a telephone company leave?

One table, one moment, no dates: stratified hold-out. Money: an offer of 50 saves a third of the leavers it reaches, and
a subscriber who stays is worth his next year's bill.
"""

from vigie import Campaign, Fairness, Score, Table

telco = Table("telco", key="customerID")

churn = Score(
    "telco_churn",
    outcome=telco["Churn"] == "Yes",
    features=telco,
    rule=(telco["Contract"] == "Month-to-month") & (telco["tenure"] < 12),
    decision=Campaign(
        contact_cost=2, offer_cost=50, accepted=0.33, customer_value=telco["MonthlyCharges"] * 12, currency="USD"
    ),
    fairness=Fairness([telco["gender"], telco["SeniorCitizen"]]),
)
