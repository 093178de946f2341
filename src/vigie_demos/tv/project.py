"""Which subscribers will cancel their television, and for whom is an offer worth its price?

A provider's 9,379 active customers in the first half of 2014. Only one in twenty leaves, but one who leaves costs
seventeen times as much as an offer that was not needed, and every customer has other sums: the model is judged by money.
"""

from vigie import Campaign, Score, Table

subscribers = Table("subscribers", key="id")

# The file gives the cost of each of the four cases, for every customer. Correa Bahnsen, Aouada and Ottersten (2015, "A
# novel cost-sensitive framework for customer churn predictive modeling", Decision Analytics 2:5) say how they were made:
#   left alone and gone    C_FN = value
#   offer not needed       C_FP = offer + contact
#   offer to a leaver      C_TP = accepted × offer + (1 − accepted) × value + contact
# Solved for its parts with a contact of 2, value, offer and accepted come out round (offer: 2, 5, 7 or 9 % of value;
# accepted: 92, 95, 97 or 99 %), so that these four sums are exactly the file's.
CONTACT = 2
value = subscribers["C_FN"]
offer = subscribers["C_FP"] - CONTACT
accepted = (value + CONTACT - subscribers["C_TP"]) / (value - offer)

tv = Score(
    "tv",
    outcome=subscribers["target"] == 1,
    # The costs are not known by what a customer does, and are there for the decision only.
    features=subscribers.all(but=["C_FP", "C_FN", "C_TP", "C_TN"]),
    decision=Campaign(
        contact_cost=CONTACT,
        offer_cost=offer.named("offer_cost"),
        accepted=accepted.named("offer_accepted"),
        customer_value=value.named("customer_value"),
    ),
    owner="retention",
)
