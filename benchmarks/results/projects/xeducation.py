"""Which leads of an online school become students?

``Tags``, ``Lead Quality``, ``Lead Profile``, the four ``Asymmetrique`` columns and the last activities are filled in
by the sales people as they learn the outcome: they leak it, and are left out.
"""

from vigie import Lead, Score, Table

leads = Table("leads", key="Prospect ID")

conversion = Score(
    "school_conversion",
    outcome=leads["Converted"] == 1,
    features=leads.all(
        but=[
            "Lead Number", "Tags", "Lead Quality", "Lead Profile", "Asymmetrique Activity Index",
            "Asymmetrique Profile Index", "Asymmetrique Activity Score", "Asymmetrique Profile Score", "Last Activity",
            "Last Notable Activity",
        ]
    ),
    rule=leads["Total Time Spent on Website"] > 600,
    decision=Lead(contact_cost=40, deal_value=120, currency="EUR"),
)  # fmt: skip
