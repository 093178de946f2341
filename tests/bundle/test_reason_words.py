"""What a value of every feature of the language is in words."""

from __future__ import annotations

import string
from typing import Any

import pytest

from vigie import Events, Table, days, hours, moment
from vigie.bundle.reason_words import phrase
from vigie.clock import DAY
from vigie.definition import Feature, Kind
from vigie.definition.aggregate import FUNCTIONS, Aggregate
from vigie.report.language import Translator
from vigie.wording import Said

customers = Table("customers", key="customer_id")
orders = Events("orders", key="customer_id", time="ordered_at")
visits = Events("web_visits", key="customer_id", time="seen_at")
leads = Events("leads", key="lead_id", time="submitted_at")
companies = Table("companies", key="company_id")
N, C, B, T = Kind.NUMBER, Kind.CATEGORY, Kind.BOOLEAN, Kind.TIME

PHRASES: list[tuple[Feature, Kind, Any, str]] = [
    # events
    (orders.count(days(90)), N, 0.0, "no orders in the last 90 days"),
    (orders.count(days(90)), N, 1.0, "1 order in the last 90 days"),
    (orders.count(days(90)), N, 1234.0, "1,234 orders in the last 90 days"),
    (orders.count(days(1)), N, 2.0, "2 orders in the last day"),
    (visits.count(hours(12)), N, 4.0, "4 web visits in the last 12 hours"),
    (orders.count(), N, 0.0, "no orders"),
    (orders.count(days(30)), N, None, "number of orders in the last 30 days is not known"),
    (orders.where(channel="web").count(days(7)), N, 1.0, "1 order where channel is “web” in the last 7 days"),
    (orders.where(channel="web").named("web_orders").count(days(7)), N, 3.0, "3 web orders in the last 7 days"),
    (orders.days_since_last(), N, 48.2, "no order for 48 days"),
    (orders.days_since_last(), N, 1.0, "no order for 1 day"),
    (orders.days_since_last(), N, 2.53, "no order for 2.5 days"),
    (orders.days_since_last(), N, 0.2, "last order less than a day ago"),
    (orders.days_since_last(), N, None, "no orders"),
    (orders.days_since_last(days(365)), N, None, "no orders in the last 365 days"),
    (orders.days_since_first(), N, 400.0, "first order 400 days ago"),
    (orders.days_since_first(), N, 0.5, "first order less than a day ago"),
    (orders.days_since_first(), N, None, "no orders"),
    (visits.mean_gap(days(90)), N, 12.0, "a new web visit every 12 days on average in the last 90 days"),
    (visits.mean_gap(), N, 0.25, "a new web visit every 6 hours on average"),
    (visits.mean_gap(days(90)), N, None, "fewer than two web visits in the last 90 days"),
    (visits.std_gap(), N, 3.25, "time between web visits varies by 3.2 days"),
    (visits.std_gap(), N, None, "fewer than three web visits"),
    # values of events
    (orders["amount"].sum(days(30)), N, 1250.5, "total amount of orders in the last 30 days is 1,250"),
    (orders["amount"].sum(days(30)), N, None, "no amount of orders in the last 30 days"),
    (orders["amount"].mean(), N, 12.345, "mean amount of orders is 12.35"),
    (orders["amount"].min(days(30)), N, 0.5, "lowest amount of orders in the last 30 days is 0.500"),
    (orders["amount"].max(days(30)), N, -3.0, "highest amount of orders in the last 30 days is -3"),
    (orders["amount"].std(days(30)), N, 4.0, "spread of amount of orders in the last 30 days is 4"),
    (orders["amount"].std(days(30)), N, None, "fewer than two orders with amount in the last 30 days"),
    (orders["category"].first(), C, "toys", "first category of orders is toys"),
    (orders["category"].last(), C, "toys", "last category of orders is toys"),
    (orders["category"].last(days(9)), C, None, "no category of orders in the last 9 days"),
    (orders["shipped_at"].max(), T, 366 * DAY, "highest shipped at of orders is 1971-01-02"),
    (orders["category"].mode(days(365)), C, "toys", "most frequent category of orders in the last 365 days is toys"),
    (orders["gift"].mode(), B, True, "most frequent gift of orders is yes"),
    (orders["category"].distinct(days(30)), N, 0.0, "no category of orders in the last 30 days"),
    (orders["category"].distinct(days(30)), N, 1.0, "one category only among orders in the last 30 days"),
    (orders["category"].distinct(), N, 3.0, "3 different values of category among orders"),
    (orders["category"].share("toys", days(90)), N, 0.3, "30% of orders in the last 90 days have category “toys”"),
    (orders["gift"].share(True), N, 0.0, "0% of orders have gift true"),
    (orders["category"].share("toys"), N, None, "no category of orders"),
    # columns
    (customers["contract"], C, "month-to-month", "contract is month-to-month"),
    (customers["MonthlyCharges"], N, 70.35, "monthly charges is 70.35"),
    (customers["income"], N, None, "income is not known"),
    (customers["income"], N, float("nan"), "income is not known"),
    (customers["newsletter"], B, True, "newsletter is yes"),
    (customers["birth_date"], T, 10 * DAY, "birth date is 1970-01-11"),
    (customers["signed_up"], T, 10 * DAY + 3_600_000_000, "signed up is 1970-01-11 01:00"),
    (customers["c7"].named("household_size"), N, 4.0, "household size is 4"),
    (customers["c7"].described("People in the household."), N, 4.0, "People in the household: 4"),
    (customers["c7"].described("People in the household."), N, None, "People in the household: not known"),
    (leads["channel"].at_moment(), C, "ads", "channel of this lead is ads"),
    (leads["channel"].at_moment(), C, None, "channel of this lead is not known"),
    (customers["company_id"].of(companies)["sector"], C, "steel", "sector is steel (of its company)"),
    (customers["company_id"].of(orders).count(days(30)), N, 0.0, "no orders in the last 30 days (of its company)"),
    (leads["company_id"].at_moment().of(companies)["sector"], C, None, "sector is not known (of its company)"),
    (customers["note"].embedding(2)[1], N, 0.5, "topic 2 of note is 0.500"),
    (orders["text"].embedding(1).mean(days(30))[0], N, -1.5, "mean topic 1 of text of orders in the last 30 days is -1.50"),
    # operations
    (customers["birth_date"].age(), N, 34.25, "34.2 years since birth date"),
    (customers["expires"].age(), N, -0.5, "0.5 years until expires"),
    (customers["birth_date"].age(), N, None, "birth date is not known"),
    (customers["signed_up"].days_ago(), N, 90.0, "90 days since signed up"),
    (customers["ends"].days_ago(), N, -30.0, "30 days until ends"),
    (customers["paid"].days_since(customers["due"]), N, 12.0, "paid is 12 days after due"),
    (customers["paid"].days_since(customers["due"]), N, -1.0, "paid is 1 day before due"),
    (orders.count(days(30)) / orders.count(days(90)), N, 0.5,
     "ratio of number of orders in the last 30 days to number of orders in the last 90 days is 0.500"),
    (orders.count(days(30)).log1p(), N, 0.0, "no orders in the last 30 days"),
    (orders.count(days(30)).log1p(), N, 1.0986122886681098, "2 orders in the last 30 days"),
    (customers["income"].log(), N, 2.302585092994046, "income is 10"),
    (customers["income"].log(), N, None, "income is not known"),
    (orders["amount"].sum(days(30)).if_null(0), N, 0.0, "sum of amount over orders in the last 30 days is 0 or not known"),
    (orders["amount"].sum(days(30)).if_null(0), N, 5.0, "total amount of orders in the last 30 days is 5"),
    (customers["income"].is_null(), B, True, "income is not known"),
    (customers["income"].is_null(), B, False, "income is known"),
    (customers["country"].is_in(["fr", "de"]), B, True, "country is one of “de”, “fr”"),
    (customers["country"].is_in(["fr", "de"]), B, False, "country is none of “de”, “fr”"),
    (customers["income"].bucket(18, 65), N, 0.0, "income is below 18"),
    (customers["income"].bucket(18, 65), N, 1.0, "income is from 18 to below 65"),
    (customers["income"].bucket(18, 65), N, 2.0, "income is 65 or more"),
    (moment.month(), N, 3.0, "the day of scoring is in March"),
    (moment.weekday(), N, 0.0, "the day of scoring is on a Monday"),
    (customers["born"].year(), N, 1985.0, "born is in 1985"),
    (customers["born"].hour(), N, 7.0, "born is at 7 o'clock"),
    (customers["income"] > 100, B, True, "income of customers > 100"),
    (customers["income"] > 100, B, False, "not: income of customers > 100"),
    ((customers["income"] - 10), N, 5.0, "income of customers − 10 is 5"),
    ((customers["income"] - 10).named("spare"), N, None, "spare is not known"),
    (abs(customers["income"]), N, 5.0, "absolute value of income of customers is 5"),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "kind", "value", "words"), PHRASES)
def test_a_value_reads_as_a_part_of_a_sentence(feature: Feature, kind: Kind, value: Any, words: str) -> None:
    assert phrase(feature, kind, value) == words


def test_every_aggregation_is_said_with_and_without_a_value() -> None:
    said = {(feature.function, value is None) for feature, _, value, _ in PHRASES if isinstance(feature, Aggregate)}
    values = {name for name, empty in said if not empty}
    nothing = {name for name, empty in said if empty}
    assert values == set(FUNCTIONS)
    # The number of different values is never missing.
    assert nothing >= set(FUNCTIONS) - {"distinct", "mean", "min", "max", "first", "mode"}


@pytest.mark.parametrize(("feature", "kind", "value", "words"), PHRASES[::3])
def test_phrases_can_be_said_in_another_language(feature: Feature, kind: Kind, value: Any, words: str) -> None:
    made = phrase(feature, kind, value)
    assert isinstance(made, Said)
    assert {field for _, field, _, _ in string.Formatter().parse(made.template) if field} <= set(made.values)
    assert made.template.format(**made.values) == words


def test_all_of_it_can_be_said_in_french() -> None:
    french = Translator("fr")
    for feature, kind, value, _ in PHRASES:
        assert french(phrase(feature, kind, value))
    assert french.missing == set()
    assert french(phrase(customers["newsletter"], B, True)).endswith("oui")


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
@pytest.mark.parametrize("value", [None, 0.0, 1.0, 2.5])
def test_no_aggregation_fails_on_any_number(function: str, value: float | None) -> None:
    of = None if not FUNCTIONS[function].takes else orders["amount"]
    feature = Aggregate(orders, function, of, None, parameters=("x",) if function == "share" else ())
    kind = C if function == "mode" else N
    text = phrase(feature, kind, str(value) if kind is C and value is not None else value)
    assert text
    assert "  " not in text
    assert "None" not in text
