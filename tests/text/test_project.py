"""A project whose messages carry the signal: ingested, trained, bundled, scored; and what its directions may not see."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from vigie import Table
from vigie.bundle import Scorer, load_bundle
from vigie.clock import FixedClock, parse_moment
from vigie.definition.score import replace_score
from vigie.errors import BundleError, DefinitionError, FeatureError, SettingsError
from vigie.features.text.columns import TextColumns
from vigie.features.training_set import build_feature_set, build_training_set
from vigie.lifecycle.erase import erase, plan_erasure
from vigie.lifecycle.ingest import ingest_sources
from vigie.lifecycle.online_features import OnlineFeatures
from vigie.lifecycle.project import Project
from vigie.lifecycle.score import score_base
from vigie.lifecycle.texts import bundle_texts, forget_texts, learn_texts, open_cache, texts_about
from vigie.lifecycle.train import train_score
from vigie.training import TrainOptions

PROJECT = """
from vigie import Campaign, Events, Score, days, every

orders = Events("orders", key="id", time="at")
tickets = Events("tickets", key="id", time="at", id="ticket")
plain = [orders.count(days(30)), tickets.count(days(60))]
question = dict(
    moments=every("month"), population=tickets.count(days(30)) > 0, outcome=orders.count(next=days(28)) == 0,
    decision=Campaign(contact_cost=1, offer_cost=5, accepted=0.5, customer_value=100),
)
without = Score("without", features=plain, **question)
churn = Score("churn", features=[*plain, tickets["message"].embedding(4).mean(days(30))], **question)
"""
ANGRY = ["the parcel {} never arrived and nobody answers", "I want my money back, {} is broken", "{} came damaged again, this is unacceptable",
         "worst service ever, cancel my order of {}", "I am furious: {} is the wrong size and support ignores me"]  # fmt: skip
HAPPY = ["could you tell me how to wash {}", "thank you, {} is wonderful", "do you have {} in blue as well",
         "I love {}, my sister wants one too", "great advice about {}, thanks a lot to your team"]  # fmt: skip
THINGS = ["the jacket", "the lamp", "my shoes", "the toaster", "the blue scarf", "the coffee machine"]
NOW, OPTIONS = (
    parse_moment("2024-09-15"),
    TrainOptions(models=("logistic_regression",), threads=1, trials=0, select=False),
)


def write(root: Path, *, later: str = "") -> None:
    """Customers who wrote something angry stop buying; *later* replaces all messages after June."""
    generator = random.Random(7)
    orders, tickets = ["id,at"], ["ticket,id,at,message"]
    for customer in range(150):
        for month in range(1, 10):
            angry = generator.random() < 0.4
            text = generator.choice(ANGRY if angry else HAPPY).format(generator.choice(THINGS))
            if later and month >= 7:
                text = f"{later} {generator.choice(THINGS)}"
            tickets.append(f'{customer}-{month},{customer},2024-{month:02d}-{generator.randint(8, 27):02d},"{text}"')
            if generator.random() < (0.15 if angry else 0.85) and month < 9:
                orders.append(f"{customer},2024-{month + 1:02d}-{generator.randint(2, 26):02d}")
            generator.random()
    (root / "orders.csv").write_text("\n".join(orders) + "\n")
    (root / "tickets.csv").write_text("\n".join(tickets) + "\n")


def opened(root: Path, model: Path, **options: str) -> Project:
    root.mkdir(exist_ok=True)
    write(root, **options)
    (root / "churn.py").write_text(PROJECT)
    settings = ['[project]\nfiles = ["churn.py"]']
    settings += [f'[sources.{name}]\npath = "{name}.csv"' for name in ("orders", "tickets")]
    (root / "vigie.toml").write_text("\n".join([*settings, f'[text]\nmodel = "{model}"\n']))
    project = Project.open(root, None, FixedClock(NOW))
    ingest_sources(project)
    # Few different messages: at first contact they look like categories, and a person says what they are.
    contract = root / "contracts/tickets.toml"
    contract.write_text(as_text(contract.read_text()))
    return Project.open(root, None, FixedClock(NOW))


def as_text(contract: str) -> str:
    """The contract with the kind of *message* as a person would write it."""
    before, name, after = contract.partition('[columns."message"]')
    assert name, contract
    return before + name + after.replace('kind = "category"', 'kind = "text"', 1)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Project:
    return opened(tmp_path_factory.mktemp("project"), model)


@pytest.fixture(scope="module")
def trained(project: Project) -> Any:
    return train_score(project, project.score("churn"), OPTIONS)


def test_the_text_is_worth_a_lot(project: Project, trained: Any) -> None:
    plain = train_score(project, project.score("without"), OPTIONS, register=False)
    assert trained.result.best.test.auc > plain.result.best.test.auc + 0.15
    assert trained.result.best.test.auc > 0.75
    assert "tickets_message_embedding_1_mean_30d" in trained.result.training_set.features


def test_the_bundle_holds_what_was_learned_hashed_with_the_rest(project: Project, trained: Any, tmp_path: Path) -> None:
    bundle = load_bundle(trained.bundle)
    (learned,) = bundle.texts
    assert (learned.source, learned.column, len(learned.components)) == ("tickets", "message", 4)
    assert learned == trained.result.training_set.texts[0]
    for entry in trained.bundle.iterdir():
        (tmp_path / entry.name).write_bytes(entry.read_bytes())
    data = json.loads((tmp_path / "texts.json").read_text())
    data[0]["mean"][0] += 1e-9
    (tmp_path / "texts.json").write_text(json.dumps(data))
    with pytest.raises(BundleError, match=r"texts\.json is not what was written"):
        load_bundle(tmp_path)
    plain = load_bundle(train_score(project, project.score("without"), OPTIONS, register=False).bundle)
    assert plain.texts == ()


def test_a_base_is_scored_with_the_directions_of_the_bundle(project: Project, trained: Any) -> None:
    done = score_base(project, project.score("churn"))
    assert done.rows > 100
    scores = dict(project.lake.scan(done.table).select("customer", "probability").collect().iter_rows())
    schema = project.schema(project.score("churn"))
    texts = bundle_texts(project, load_bundle(trained.bundle).texts)
    bound = project.score("churn").bound(schema)
    parts = list(build_feature_set(bound, project.lake, schema, as_of=NOW, texts=texts, memory=20_000))
    assert len(parts) > 1
    scorer = Scorer(load_bundle(trained.bundle))
    for part in parts:
        again = scorer.score({**part.extras, **part.features}, len(part))
        assert [scores[key] for key in part.customers] == again.probability.tolist()
    messages = pl.read_csv(project.settings.root / "tickets.csv").filter(pl.col("at") >= "2024-08-17")
    angry = set(
        messages.filter(pl.col("message").str.contains("broken|never arrived|damaged|worst|furious"))["id"].cast(
            pl.String
        )
    )
    means = [np.mean([p for key, p in scores.items() if (key in angry) == wanted]) for wanted in (True, False)]
    assert means[0] > means[1] + 0.25


def test_asked_for_by_id_they_are_the_same(project: Project, trained: Any) -> None:
    bundle = load_bundle(trained.bundle)
    schema = project.schema(project.score("churn"))
    bound = project.score("churn").bound(schema)
    batch = list(build_feature_set(bound, project.lake, schema, as_of=NOW, texts=bundle_texts(project, bundle.texts)))
    online = OnlineFeatures(project, {"churn": bundle})
    try:
        for part in batch:
            found = online.lookups["churn"].features(list(part.customers), NOW)
            for name, values in part.features.items():
                assert found.features[name].to_list() == values.to_list(), name
    finally:
        online.close()


def test_a_feature_is_the_mean_of_the_components_in_its_window(project: Project, trained: Any) -> None:
    found = trained.result.training_set
    texts = bundle_texts(project, found.texts)
    assert texts is not None
    messages = pl.read_csv(project.settings.root / "tickets.csv", try_parse_dates=True)
    for row in range(0, len(found), 97):
        moment = found.moments[row]
        at = messages["at"].cast(pl.Datetime("us")).cast(pl.Int64)
        own = messages.filter(
            (pl.col("id").cast(pl.String) == found.customers[row])
            & (at < moment)
            & (at >= moment - 30 * 86_400_000_000)
        )
        expected = texts.reductions[0].project(texts._vectors(own["message"].to_list())).mean(axis=0)
        for i in range(4):
            value = found.features[f"tickets_message_embedding_{i + 1}_mean_30d"].data[row]
            assert value == pytest.approx(expected[i], abs=1e-15)


def test_later_texts_change_nothing_and_earlier_ones_do(
    project: Project, trained: Any, model: Path, tmp_path: Path
) -> None:
    def learned(of: Project) -> TextColumns:
        ingest_sources(of)
        score = of.score("churn")
        schema = of.schema(score)
        found = learn_texts(of, score.bound(schema), schema, OPTIONS, as_of=NOW, memory=1 << 30)
        assert found is not None
        return found

    until = trained.result.split.train_until
    assert until is not None and parse_moment("2024-05-01") < until <= parse_moment("2024-07-01")
    other = opened(tmp_path / "later", model, later="an entirely different language about quantum physics and")
    assert "quantum" in (tmp_path / "later/tickets.csv").read_text()
    assert learned(other).reductions == trained.result.training_set.texts
    lines = (tmp_path / "later/tickets.csv").read_text().splitlines()
    changed = [
        line if ",2024-03" not in line else line.rpartition(',"')[0] + ',"quantum physics in march"' for line in lines
    ]
    third = tmp_path / "earlier"
    opened(third, model)
    (third / "tickets.csv").write_text("\n".join(changed) + "\n")
    shutil.rmtree(third / ".vigie")
    assert learned(Project.open(third, None, FixedClock(NOW))).reductions != trained.result.training_set.texts


def test_erasing_a_customer_reaches_what_is_kept_of_his_texts(project: Project, trained: Any) -> None:
    cache = open_cache(project)
    kept = len(cache)
    messages = pl.read_csv(project.settings.root / "tickets.csv")
    own = messages.filter(pl.col("id") == 7)["message"].unique().to_list()
    assert sorted(texts_about(project, ["7"])) == sorted(own)
    there = cache.holds(own)
    assert 0 < there <= kept
    places = {item.place: item.rows for item in plan_erasure(project, ["7"]).items}
    assert places["embeddings of texts"] == there and len(cache) == kept
    done = {item.place: item.rows for item in erase(project, ["7"]).items}
    assert done["embeddings of texts"] == there and done["lake table tickets"] == 9
    assert (len(cache), cache.holds(own)) == (kept - there, 0)
    assert "embeddings of texts" not in {item.place for item in erase(project, ["7"]).items}
    assert forget_texts(project, messages["message"].unique().to_list(), dry=True) <= kept - there
    cache.close()


def test_what_cannot_be_meant_is_said(project: Project, trained: Any, tmp_path: Path) -> None:
    score = project.score("churn")
    schema = project.schema(score)
    bound = score.bound(schema)
    with pytest.raises(FeatureError, match="what was learned of its texts is not given"):
        build_training_set(bound, project.lake, schema, as_of=NOW)
    tickets = score.own_sources["tickets"]
    first = tickets["message"].embedding(1).mean()[0]
    with pytest.raises(DefinitionError, match="embedded outside features="):
        learn_texts(project, replace_score(bound, population=first > 0), schema, OPTIONS, as_of=NOW, memory=1 << 30)
    with pytest.raises(DefinitionError, match="is of free text, and 'id' is a category"):
        replace_score(score, features=tickets["id"].embedding(2).last()).bound(schema)
    with pytest.raises(FeatureError, match="on this machine alone"):
        train_score(project, score, OPTIONS, spark="spark://nowhere:7077")
    for wrong in (0, 65, 2.5, True):
        with pytest.raises(DefinitionError, match="not a number of components"):
            Table("leads", key="id")["comment"].embedding(wrong)
    (learned,) = trained.result.training_set.texts
    with pytest.raises(FeatureError, match="trained with the text model"):
        bundle_texts(project, [msgspec.structs.replace(learned, weights="00" * 32)])
    toml = (project.settings.root / "vigie.toml").read_text()
    (tmp_path / "churn.py").write_text(PROJECT)
    for line, said in (('model = "nowhere"', "no folder"), ("cache = 0", "not a number of embeddings")):
        keep = toml.partition("[text]")
        given = [keep[0], "[text]", line, "" if "model" in line else keep[2]]
        (tmp_path / "vigie.toml").write_text("\n".join(given))
        with pytest.raises(SettingsError, match=said):
            bundle_texts(Project.open(tmp_path, None, FixedClock(NOW)), [learned])
