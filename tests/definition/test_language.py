"""The language of the project file: what is made, what it is called, and which mistakes are caught."""

from __future__ import annotations

from datetime import date

import pytest

from vigie import Campaign, Events, Lead, Loan, Score, Table, at, days, every, hours, moment, once, weeks
from vigie.definition import Feature, Kind
from vigie.definition.aggregate import FUNCTIONS
from vigie.errors import DefinitionError

customers = Table("customers", key="customer_id", known_at="updated_at")
orders = Events("orders", key="customer_id", time="ordered_at", id="order_id")
visits = Events("visits", key="customer_id", time="seen_at")
offer = Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200)
SCHEMA = {
    "customers": {
        "customer_id": Kind.CATEGORY, "country": Kind.CATEGORY, "birth_date": Kind.TIME, "clv": Kind.NUMBER,
        "updated_at": Kind.TIME, "note": Kind.TEXT, "left": Kind.BOOLEAN,
    },
    "orders": {"amount": Kind.NUMBER, "category": Kind.CATEGORY, "channel": Kind.CATEGORY, "gift": Kind.BOOLEAN},
    "visits": {"device": Kind.CATEGORY},
}  # fmt: skip


def score(**changes: object) -> Score:
    arguments = {
        "moments": every("month"),
        "outcome": orders.count(next=days(30)) == 0,
        "features": [orders.count(days(30))],
        "decision": offer,
    }
    return Score("churn", **{**arguments, **changes})


@pytest.mark.parametrize(
    ("feature", "name", "words"),
    [
        (orders.count(days(30)), "orders_count_30d", "Number of orders in the last 30 days"),
        (orders.count(), "orders_count", "Number of orders"),
        (orders["amount"].sum(weeks(2)), "orders_amount_sum_14d", "Sum of amount over orders in the last 14 days"),
        (orders["amount"].max(hours(12)), "orders_amount_max_12h", "Highest amount over orders in the last 12 hours"),
        (orders.days_since_last(), "orders_days_since_last", "Days since the last of orders"),
        (orders.where(channel="web").count(days(7)), "orders_where_channel_is_web_count_7d",
         "Number of orders where channel is “web” in the last 7 days"),
        (orders.where(channel="web").named("web_orders").count(days(7)), "web_orders_count_7d",
         "Number of web orders in the last 7 days"),
        (orders["category"].share("toys", days(90)), "orders_category_share_toys_90d",
         "Share of orders whose category is “toys” in the last 90 days"),
        (customers["country"], "customers_country", "Country of customers"),
        (customers["birth_date"].age(), "customers_birth_date_age", "Years since birth_date of customers"),
        (moment.month(), "moment_month", "Month of the moment of scoring"),
    ],
)  # fmt: skip
def test_features_have_stable_names_and_read_as_sentences(feature: Feature, name: str, words: str) -> None:
    assert feature.name == name
    assert feature.description == words


def test_several_windows_make_a_feature_each() -> None:
    group = orders.count(days(7, 30, 90))

    assert [f.name for f in group] == ["orders_count_7d", "orders_count_30d", "orders_count_90d"]
    assert [f.name for f in group.each(Feature.log1p)] == [f"orders_count_{w}_log1p" for w in ("7d", "30d", "90d")]


def test_a_long_name_is_cut_but_stays_unique() -> None:
    long = [orders["amount"].sum(days(30)) / orders.where(channel=["a", "b", c]).count(days(90)) for c in "xy"]

    assert all(len(f.name) <= 63 for f in long)
    assert long[0].name != long[1].name


def test_names_descriptions_and_owners_do_not_change_the_meaning() -> None:
    plain = orders.count(days(30))
    annotated = plain.named("recent").described("Orders lately").owned_by("crm")

    assert (annotated.name, annotated.description, annotated.owner) == ("recent", "Orders lately", "crm")
    assert annotated.fingerprint == plain.fingerprint


def test_changes_of_meaning_change_the_fingerprint() -> None:
    variants = [
        orders.count(days(30)), orders.count(days(31)), orders.count(), visits.count(days(30)),
        orders.where(channel="web").count(days(30)), orders.where(channel="app").count(days(30)),
        orders["amount"].sum(days(30)), orders["amount"].mean(days(30)), orders["amount"].sum(days(30)) + 1,
        orders["amount"].sum(days(30)) - 1, 1 - orders["amount"].sum(days(30)),
        Events("orders", key="customer_id", time="paid_at", id="order_id").count(days(30)),
        Events("orders", key="customer_id", time="ordered_at").count(days(30)),
        customers["country"] == "FR", customers["country"].is_in(["FR"]), customers["clv"] == 1,
        customers["clv"] == "1", customers["left"] == True, customers["clv"].bucket(1, 2), customers["clv"].bucket(1),
        orders.count(next=days(30)),
    ]  # fmt: skip

    assert len({v.fingerprint for v in variants}) == len(variants)
    assert len(set(variants)) == len(variants)


def test_integers_and_floats_of_one_value_mean_the_same() -> None:
    assert (customers["clv"] > 1).fingerprint == (customers["clv"] > 1.0).fingerprint
    assert orders.where(channel=["a", "b"]) == orders.where(channel=["b", "a", "a"])


def test_expressions_live_in_sets_and_dictionaries() -> None:
    features = {orders.count(days(30)): "a", orders.count(days(90)): "b"}

    assert features[orders.count(days(30))] == "a"
    assert orders.count(days(7)) not in features


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda: bool(orders.count(days(30)) > 0 and orders.count(days(90)) > 0), "combine conditions with & | ~"),
        (lambda: orders.count(30), "write count(days(30))"),
        (lambda: orders.count(days(30), next=days(30)), "looks back or ahead"),
        (lambda: orders.count(next=days(30, 60)), "one horizon"),
        (lambda: days(0), "above 0"),
        (lambda: days(7, 7), "same length twice"),
        (lambda: orders["amount"] + customers["clv"], "aggregate the events first"),
        (lambda: orders["amount"] + visits["device"], "one source"),
        (lambda: orders.where(), "filters nothing"),
        (lambda: orders.where(visits["device"] == "x"), "use columns of orders"),
        (lambda: orders.where(customers["clv"] > 0), "not a condition on its events"),
        (lambda: orders.count().named("Größe"), "lower-case letters"),
        (lambda: Table("My table", key="id"), "lower-case letters"),
        (lambda: Table("t", key=""), "name of a column"),
        (lambda: customers["clv"] == None, "is_null()"),
        (lambda: customers["clv"] > float("nan"), "is_null()"),
        (lambda: customers["clv"].bucket(2, 1), "increasing"),
        (lambda: customers["clv"].is_in([]), "at least one"),
        (lambda: every("fortnight"), "use one of"),
        (lambda: every("month", start="2020-02-01", end="2020-01-01"), "ends before"),
        (lambda: every("month", start="soon"), "is not a date"),
        (lambda: at(Table("leads", key="id")), "known_at='submitted_at'"),
        (lambda: Campaign(contact_cost=-1, offer_cost=0, accepted=0.1, customer_value=1), "contact_cost=-1"),
        (lambda: Campaign(contact_cost=1, offer_cost=0, accepted=1.1, customer_value=1), "from 0 to 1"),
        (lambda: Lead(contact_cost=1, deal_value=9, capacity=0), "above 0"),
        (lambda: Loan(amount=1, interest=0.1, currency="euro"), "three capitals"),
        (lambda: score(features=[]), "no features"),
        (lambda: score(features=[orders]), "aggregate the events"),
        (lambda: score(features=[orders["amount"]]), "aggregate the events"),
        (lambda: score(features=[orders.count(days(30)), orders.count(days(30))]), "given twice"),
        (lambda: score(features=[orders.count(days(3)), orders.count(days(9)).named("orders_count_3d")]), "two different"),
        (lambda: score(features=[orders.count(next=days(3))]), "for the outcome only"),
        (lambda: score(population=orders.count(next=days(3)) > 0), "for the outcome only"),
        (lambda: score(moments=None), "moments=every('month')"),
        (lambda: score(outcome=orders.count(days(30)) == 0), "looks back"),
        (lambda: score(outcome=moment.month() == 1), "depends on nothing"),
        (lambda: score(horizon=days(3)), "given twice"),
        (lambda: score(outcome=customers["left"] == True, features=[customers["left"]]), "which is the outcome"),
        (lambda: score(features=[orders["amount"].at_moment()]), "add moments=at(orders)"),
        (lambda: score(features=[Events("orders", "x", "y").count()]), "two different sources"),
        (lambda: score(decision=None), "Campaign(...)"),
    ],
)  # fmt: skip
def test_mistakes_are_caught_where_they_are_written(mistake: object, says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        mistake()  # type: ignore[operator]

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        (customers["contry"] == "FR", "did you mean 'country'"),
        (Table("crm", key="id")["x"] == 1, "no source 'crm'"),
        (customers["country"] > 3, "compares a category with a number"),
        (customers["country"].log() > 0, "takes a boolean or number"),
        (orders["category"].sum(days(30)) > 0, "can be aggregated by first, last, distinct, mode, share"),
        (customers["birth_date"].month() & customers["left"], "takes a boolean"),
        (customers["country"].month() == 1, "takes a time"),
    ],
)
def test_kinds_are_checked_against_the_contracts(feature: Feature, says: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        feature.kind(SCHEMA)

    assert says in str(caught.value)


def test_kinds_follow_from_the_columns() -> None:
    assert orders["amount"].sum(days(30)).kind(SCHEMA) is Kind.NUMBER
    assert orders["category"].mode(days(30)).kind(SCHEMA) is Kind.CATEGORY
    assert orders["gift"].last().kind(SCHEMA) is Kind.BOOLEAN
    assert (customers["birth_date"] - customers["updated_at"]).kind(SCHEMA) is Kind.NUMBER
    assert customers["updated_at"].days_since(customers["birth_date"]).kind(SCHEMA) is Kind.NUMBER
    assert (customers["birth_date"] < date(2000, 1, 1)).kind(SCHEMA) is Kind.BOOLEAN
    assert customers["country"].is_null().kind(SCHEMA) is Kind.BOOLEAN
    assert customers["clv"].if_null(0).kind(SCHEMA) is Kind.NUMBER
    assert set(FUNCTIONS) >= {"count", "sum", "mode", "share", "mean_gap"}


def test_a_whole_table_stands_for_its_usable_columns() -> None:
    telco = Score("churn", outcome=customers["left"] == True, features=customers, decision=offer)
    bound = telco.bound(SCHEMA)

    assert [f.name for f in bound.bound_features] == ["customers_country", "customers_birth_date", "customers_clv"]
    assert isinstance(telco.moments, type(once()))
    assert telco.horizon is None
    with pytest.raises(DefinitionError, match="only with its contract"):
        telco.bound_features  # noqa: B018


def test_columns_can_be_left_out_of_a_table_and_named_beside_it() -> None:
    scored = Score(
        "churn",
        outcome=customers["left"] == True,
        features=[customers["clv"].log1p(), customers["clv"], customers.all(but="country")],
        decision=offer,
    )

    assert [f.name for f in scored.bound(SCHEMA).bound_features] == [
        "customers_clv_log1p", "customers_clv", "customers_birth_date",
    ]  # fmt: skip
    with pytest.raises(DefinitionError, match="did you mean 'country'"):
        Score("c", outcome=customers["left"] == True, features=customers.all(but="contry"), decision=offer).bound(
            SCHEMA
        )


def test_free_text_is_not_a_feature() -> None:
    with pytest.raises(DefinitionError, match="free text"):
        score(features=[customers["note"]]).bound(SCHEMA)


def test_a_score_knows_what_it_reads_and_when_its_outcome_is_known() -> None:
    churn = score(features=[orders.count(days(30)), visits.count(days(7))], decision=Campaign(
        contact_cost=1, offer_cost=1, accepted=0.1, customer_value=customers["clv"]))  # fmt: skip

    assert set(churn.sources) == {"orders", "visits", "customers"}
    assert churn.horizon == days(30)
    assert churn == score(features=churn.features, decision=churn.decision)
    assert churn.fingerprint != score().fingerprint


def test_payoffs_are_the_published_ones() -> None:
    """Verbraken et al. 2013 for churn; a granted loan earns its interest or loses its share of the amount."""

    def sums(decision: object) -> list[str]:
        return [e.words() for e in decision.payoff().expressions()]  # type: ignore[attr-defined]

    assert sums(offer) == ["(0.3 × (200.0 − 10.0)) − 1.0", "minus 10.0 − 1.0", "0.0", "0.0"]
    assert sums(Lead(contact_cost=5, deal_value=100)) == ["100.0 − 5.0", "minus 5.0", "0.0 × 100.0", "0.0"]
    assert sums(Loan(amount=1000, interest=0.1)) == ["0.0", "0.0", "minus (0.75 × 1000.0)", "0.1 × 1000.0"]
