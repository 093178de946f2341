"""Features of what a customer belongs to: how they are written, called, checked and stored."""

from __future__ import annotations

import json

import pytest

from vigie import Campaign, Events, Lead, Score, Table, at, days, every
from vigie.definition import Feature, Kind, own_sources, related_sources
from vigie.definition.aggregate import FUNCTIONS, Aggregate
from vigie.definition.portable import from_data, to_data
from vigie.definition.related import Related, RelatedEvents, RelatedValue
from vigie.errors import DefinitionError

leads = Table("leads", key="lead_id", known_at="submitted_at")
calls = Events("calls", key="lead_id", time="at")
companies = Table("companies", key="company_id", known_at="known")
visits = Events("visits", key="company_id", time="at", id="visit_id")
orders = Events("orders", key="customer_id", time="at")
shops = Table("shops", key="shop_id")
company = leads["company_id"]
SCHEMA = {
    "leads": {"company_id": Kind.CATEGORY, "number": Kind.NUMBER, "won": Kind.BOOLEAN},
    "calls": {},
    "companies": {"sector": Kind.CATEGORY, "size": Kind.NUMBER, "founded": Kind.TIME, "parent_id": Kind.CATEGORY},
    "visits": {"pages": Kind.NUMBER, "kind": Kind.CATEGORY},
}


@pytest.mark.parametrize(
    ("feature", "name", "words", "kind"),
    [
        (company.of(companies)["sector"], "leads_company_id_companies_sector",
         "Sector of companies, where company_id is company_id of leads", Kind.CATEGORY),
        (company.of(visits).count(days(30)), "leads_company_id_visits_count_30d",
         "Number of visits in the last 30 days, where company_id is company_id of leads", Kind.NUMBER),
        (company.of(visits)["pages"].sum(days(30)), "leads_company_id_visits_pages_sum_30d",
         "Sum of pages over visits in the last 30 days, where company_id is company_id of leads", Kind.NUMBER),
        (company.of(visits).where(kind="demo").named("demos").count(), "leads_company_id_demos_count",
         "Number of demos, where company_id is company_id of leads", Kind.NUMBER),
        (company.of(companies)["founded"].age(), "leads_company_id_companies_founded_age",
         "Years since founded of companies, where company_id is company_id of leads", Kind.NUMBER),
        (company.named("company").of(companies)["parent_id"].of(companies)["sector"],
         "company_companies_parent_id_companies_sector",
         "Sector of companies, where company_id is parent_id of companies, where company_id is company_id of leads",
         Kind.CATEGORY),
        (company.of(visits["pages"] * 2).max(days(3)), "leads_company_id_visits_pages_times_2_max_3d",
         "Highest pages × 2 over visits in the last 3 days, where company_id is company_id of leads", Kind.NUMBER),
        (company.of(visits)["kind"].last(), "leads_company_id_visits_kind_last",
         "Last kind over visits, where company_id is company_id of leads", Kind.CATEGORY),
    ],
)  # fmt: skip
def test_they_have_names_words_and_kinds(feature: Feature, name: str, words: str, kind: Kind) -> None:
    assert (feature.name, feature.description, feature.kind(SCHEMA)) == (name, words, kind)
    back = from_data(json.loads(json.dumps(to_data(feature))))
    assert back.fingerprint == feature.fingerprint
    assert to_data(back) == to_data(feature)


def test_several_columns_and_windows_make_a_feature_each() -> None:
    assert [f.name for f in company.of(companies)["sector", "size"]] == [
        "leads_company_id_companies_sector",
        "leads_company_id_companies_size",
    ]
    assert [f.name for f in company.of(visits)["pages"].mean(days(7, 30)).each(Feature.log1p)] == [
        "leads_company_id_visits_pages_mean_7d_log1p",
        "leads_company_id_visits_pages_mean_30d_log1p",
    ]


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_aggregation_can_be_of_an_entity(function: str) -> None:
    of = RelatedValue if FUNCTIONS[function].takes else RelatedEvents
    column = "kind" if FUNCTIONS[function].takes <= {Kind.CATEGORY, Kind.BOOLEAN} else "pages"
    related = company.of(visits)[column] if of is RelatedValue else company.of(visits)
    arguments = ("demo", days(7)) if function == "share" else (days(7),)

    feature = getattr(related, function)(*arguments)

    assert isinstance(feature, Related)
    assert isinstance(feature.inner, Aggregate)
    assert feature.inner.function == function
    plain = visits[column] if of is RelatedValue else visits
    assert feature.inner.fingerprint == getattr(plain, function)(*arguments).fingerprint
    assert feature.kind(SCHEMA) == feature.inner.kind(SCHEMA)


def test_the_meaning_is_of_key_and_value() -> None:
    one = company.of(companies)["sector"]

    assert one.fingerprint == company.named("other").of(companies)["sector"].fingerprint
    assert one.fingerprint != companies["sector"].fingerprint
    assert one.fingerprint != leads["partner_id"].of(companies)["sector"].fingerprint
    assert one.fingerprint != company.of(companies)["size"].fingerprint


def test_own_and_related_sources_are_told_apart() -> None:
    nested = orders["shop_id"].last(days(90)).of(shops)["city"].of(companies)["sector"] == company

    assert set(own_sources([nested])) == {"orders", "leads"}
    assert set(related_sources([nested])) == {"shops", "companies"}
    referred = leads["referrer"].of(calls.where(calls["long"])).count()
    assert set(own_sources([referred, calls.count()])) == {"leads", "calls"}
    assert set(related_sources([referred])) == {"calls"}
    assert related_sources([referred])["calls"] == calls


def a_score(**changes: object) -> Score:
    arguments = {
        "moments": at(leads),
        "outcome": leads["won"],
        "horizon": days(30),
        "features": [company.of(companies)["sector"], company.of(visits).count(days(30))],
        "decision": Lead(contact_cost=1, deal_value=20),
    }
    return Score("leads", **{**arguments, **changes})


def test_a_score_knows_whose_its_sources_are() -> None:
    score = a_score(population=company.of(companies)["size"] > 10)

    assert set(score.sources) == {"leads", "companies", "visits"}
    assert set(score.own_sources) == {"leads"}
    assert set(score.related_sources) == {"companies", "visits"}
    assert score.bound(SCHEMA).sources == score.sources


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: company.of(visits).count(next=days(7)), "looks into the future"),
        (lambda: company.of(visits)["pages"].sum(next=days(7)), "looks into the future"),
        (lambda: company.of("companies"), "neither a table nor events"),
        (lambda: visits["kind"].of(companies), r"choose one first: \.last\(\)"),
        (lambda: Related(company, company.of(companies)["size"] + 1), "operations go outside"),
        (lambda: Related(company, leads["company_id"].of(companies)["size"]), "operations go outside"),
        (lambda: Related("company", companies["size"]), "names nothing"),
        (lambda: leads["number"].of(companies)["size"].kind(SCHEMA), 'write kind = "category" for number'),
        (lambda: company.of(companies)["colour"].kind(SCHEMA), "no column 'colour'"),
        (lambda: a_score(outcome=company.of(companies)["won"]), "the outcome is of another than the customer"),
        (lambda: a_score(features=[leads["referrer"].of(leads)["won"]]), "which is the outcome"),
        (lambda: a_score(features=[company.of(Table("leads", key="x"))["sector"]]), "two different sources"),
        (lambda: a_score(features=[leads["number"].of(companies)["size"]]).bound(SCHEMA), "only a category names"),
    ],
)  # fmt: skip
def test_mistakes_are_refused(wrong, says) -> None:
    with pytest.raises(DefinitionError, match=says):
        wrong()


def test_a_key_may_be_the_event_at_the_moment() -> None:
    key = orders["shop_id"].at_moment()
    arguments = {"outcome": orders.count(next=days(7)) == 0, "decision": Campaign(contact_cost=1, offer_cost=1,
                 accepted=0.5, customer_value=9), "features": [key.of(shops)["city"]]}  # fmt: skip

    assert set(Score("a", moments=at(orders), **arguments).own_sources) == {"orders"}
    with pytest.raises(DefinitionError, match="moments are not at those events"):
        Score("a", moments=every("month"), **arguments)
