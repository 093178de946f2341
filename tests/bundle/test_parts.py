"""Models of segments in a bundle: who is answered by which, to the bit; and a broken one is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import (
    Bundle,
    Calibration,
    LinearModel,
    Part,
    Scorer,
    StoredPart,
    TreesModel,
    load_bundle,
    with_golden,
    with_parts,
    write_bundle,
)
from vigie.bundle.format import MANIFEST, _manifest
from vigie.bundle.golden import UNSEEN
from vigie.bundle.parts import PACKED, PARTS, pack
from vigie.bundle.stored import stored
from vigie.errors import BundleError
from vigie.features.values import Kind, Values

OWN = ("de", "fr")


@pytest.fixture(scope="module")
def parted(bundles, fitted, shop) -> Bundle:
    """The boosted bundle with trees for one country and a line for another."""
    trees, booster, _ = fitted["boosting"]
    line, linear, _ = fitted["linear"]
    parts = (
        Part("de", trees, booster, Calibration.sigmoid(0.5, 0.3)),
        Part("fr", line, LinearModel(tuple(-w for w in linear.weights), 0.1), Calibration.identity()),
    )
    return with_golden(replace(bundles["additive"], by="country", parts=parts, golden=()), shop.columns)


@pytest.fixture(scope="module")
def folder(parted, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("parted") / "bundle"
    write_bundle(parted, place)
    return place


def test_each_is_answered_by_the_model_of_its_segment(parted, bundles, shop):
    p = Scorer(parted).probability(shop.columns, shop.n)
    countries = shop.columns["country"].strings()
    common = Scorer(bundles["additive"]).probability(shop.columns, shop.n)
    for part in parted.parts:
        alone = part.calibration.apply(part.model.probability(part.encoder.transform(shop.columns, shop.n)))
        there = countries == part.value
        assert there.sum() > 50
        assert np.array_equal(p[there], alone[there]) and not np.array_equal(p[there], common[there])
    others = ~np.isin(countries, OWN)
    # It, Luxembourg and the missing value have no model of their own.
    assert set(countries[others]) == {"it", "lu", None}
    assert np.array_equal(p[others], common[others])


def test_one_customer_is_answered_as_among_many(parted, folder, shop):
    for bundle in (parted, load_bundle(folder)):
        scorer, rows = Scorer(bundle), shop.rows()
        many = scorer.score(shop.columns, shop.n)
        for i in range(0, shop.n, 7):
            one = scorer.score_one(rows[i])
            assert one.probability == many.probability[i] and one.act == many.act[i]


def test_who_is_asked_about_together_changes_nothing(parted, shop):
    scorer = Scorer(parted)
    p, rng = scorer.probability(shop.columns, shop.n), np.random.default_rng(0)
    for size in (1, 3, 100):
        picked = rng.choice(shop.n, size, replace=False)
        taken = {name: values.take(picked) for name, values in shop.columns.items()}
        assert np.array_equal(scorer.probability(taken, size), p[picked])


def test_a_missing_and_an_unseen_segment_get_the_common_model(parted, bundles, shop):
    ours, common = Scorer(parted), Scorer(bundles["additive"])
    for value in (None, UNSEEN, "", "DE"):
        row = {**shop.rows()[0], "country": value}
        assert ours.score_one(row) == common.score_one(row)
        columns = ours.columns([row])
        assert ours.probability(columns, 1)[0] == common.probability(columns, 1)[0]


def test_what_is_loaded_answers_the_same_and_is_written_again_as_it_was(parted, folder, shop, tmp_path):
    loaded = load_bundle(folder)
    assert loaded.by == "country" and [part.value for part in loaded.parts] == list(OWN)
    assert loaded.parts[0].encoder == parted.parts[0].encoder and loaded.parts[1].model == parted.parts[1].model
    assert loaded.parts[0].calibration == parted.parts[0].calibration
    expected = Scorer(parted).score(shop.columns, shop.n)
    found = Scorer(loaded).score(shop.columns, shop.n)
    assert np.array_equal(found.probability, expected.probability) and np.array_equal(found.gain, expected.gain)
    assert write_bundle(loaded, tmp_path / "again") == loaded.hash == write_bundle(parted, tmp_path / "third")


def test_a_part_is_opened_when_it_is_first_asked_and_not_before(parted, shop):
    stored_parts = tuple(pack(part) for part in parted.parts)
    scorer = Scorer(replace(parted, parts=stored_parts))
    assert all(part._whole is None for part in stored_parts)
    germans = np.flatnonzero(shop.columns["country"].strings() == "de")
    scorer.probability({name: values.take(germans) for name, values in shop.columns.items()}, len(germans))
    scorer.score_one(shop.rows()[int(germans[0])])
    assert [part._whole is not None for part in stored_parts] == [True, False]


def test_a_bundle_without_segments_is_stored_as_before(bundles, tmp_path):
    write_bundle(bundles["linear"], tmp_path / "plain")
    names = {file.name for file in (tmp_path / "plain").iterdir()}
    assert not {PARTS, PACKED} & names
    loaded = load_bundle(tmp_path / "plain")
    assert loaded.by == "" and loaded.parts == ()


@settings(max_examples=25)
@given(data=st.data())
def test_one_flipped_byte_is_refused(folder, tmp_path_factory, data):
    copy = Path(shutil.copytree(folder, tmp_path_factory.mktemp("flip") / "bundle"))
    file = copy / data.draw(st.sampled_from([PARTS, PACKED]))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(bytes(content))
    with pytest.raises(BundleError):
        load_bundle(copy)


def resigned(folder: Path, files: dict[str, bytes]) -> None:
    """The files with a manifest that fits them, as somebody would make it who wants to get past the hashes."""
    score = json.loads((folder / MANIFEST).read_bytes())["score"]
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / MANIFEST).write_bytes(stored(_manifest(score, files)))


def test_parts_of_another_bundle_are_refused_although_their_own_hashes_fit(parted, folder, shop, tmp_path):
    other = replace(
        parted, parts=tuple(replace(p, calibration=Calibration.sigmoid(2, 1), golden=()) for p in parted.parts)
    )
    write_bundle(with_golden(replace(other, golden=()), shop.columns), tmp_path / "other")
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    files = {file.name: file.read_bytes() for file in copy.iterdir() if file.name != MANIFEST}
    resigned(copy, {**files, PACKED: (tmp_path / "other" / PACKED).read_bytes()})
    # The hash of the bundle is that of what parts.json says, so it did not change; what lies there is something else.
    assert json.loads((copy / MANIFEST).read_bytes())["hash"] == load_bundle(folder).hash
    with pytest.raises(BundleError, match="not what was written"):
        load_bundle(copy)


@pytest.mark.parametrize("cut", [1, 40])
def test_a_part_that_is_cut_short_or_left_over_is_refused(folder, tmp_path, cut):
    for number, change in enumerate((lambda data: data[:-cut], lambda data: data + bytes(cut))):
        copy = Path(shutil.copytree(folder, tmp_path / str(number)))
        files = {file.name: file.read_bytes() for file in copy.iterdir() if file.name != MANIFEST}
        resigned(copy, {**files, PACKED: change(files[PACKED])})
        with pytest.raises(BundleError):
            load_bundle(copy)


def test_a_model_that_answers_otherwise_than_when_it_was_packed_is_refused_when_it_is_opened(parted):
    import hashlib
    import zlib

    import msgspec

    whole = pack(parted.parts[1])
    data = msgspec.msgpack.decode(whole.unpacked())
    data["golden"][0]["probability"] += 1e-6
    changed = msgspec.msgpack.encode(data, order="sorted")
    part = StoredPart("fr", zlib.compress(changed), hashlib.sha256(changed).hexdigest())
    with pytest.raises(BundleError, match="golden"):
        _ = part.model
    data["golden"] = []
    changed = msgspec.msgpack.encode(data, order="sorted")
    with pytest.raises(BundleError, match="no golden"):
        _ = StoredPart("fr", zlib.compress(changed), hashlib.sha256(changed).hexdigest()).model


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: {"by": ""}, "whose they are"),
        (lambda _: {"by": "clv"}, "no input that is a category"),
        (lambda b: {"parts": b.parts[::-1]}, "not in order"),
        (lambda b: {"parts": (b.parts[0], b.parts[0])}, "not in order"),
        (lambda b: {"parts": (replace(b.parts[0], model=LinearModel((1.0,), 0.0)),)}, "model"),
        (lambda b: {"inputs": tuple(i for i in b.inputs if i.name != "born")}, "born"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parted, change, said):
    with pytest.raises(BundleError, match=said):
        Scorer(replace(parted, **change(parted)))


def test_a_part_without_golden_predictions_is_not_written(parted, tmp_path):
    bare = tuple(replace(part, golden=()) for part in parted.parts)
    with pytest.raises(BundleError, match="no golden predictions"):
        write_bundle(replace(parted, parts=bare), tmp_path / "bundle")


def test_probabilities_given_are_left_as_they_are(parted, shop):
    common = np.full(shop.n, 0.5)
    mixed = with_parts(common, parted.parts, shop.columns["country"], shop.columns)
    own = np.isin(shop.columns["country"].strings(), OWN)
    assert (common == 0.5).all() and (mixed[~own] == 0.5).all()
    assert np.array_equal(mixed[own], Scorer(parted).probability(shop.columns, shop.n)[own])
    nobody = Values(Kind.CATEGORY, np.full(shop.n, -1, np.int32), ())
    assert (with_parts(common, parted.parts, nobody, shop.columns) == 0.5).all()


def test_trees_are_among_the_parts(parted):
    assert isinstance(parted.parts[0].model, TreesModel)
