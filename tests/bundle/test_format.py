"""The directory: the same bytes for the same bundle, nothing half written, and no byte changed unnoticed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie.bundle import LinearModel, Scorer, load_bundle, with_golden, write_bundle
from vigie.bundle.format import MANIFEST, MODELS, _manifest
from vigie.bundle.stored import stored
from vigie.definition import Campaign
from vigie.errors import BundleError

NAMES = ("constant", "rule", "linear", "forest", "boosting", "additive")


@pytest.fixture(scope="module")
def written(bundles, tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bundles")
    for name, bundle in bundles.items():
        write_bundle(bundle, root / name)
    return {name: root / name for name in bundles}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_loaded_is_what_was_written(name, bundles, written, shop):
    loaded, bundle = load_bundle(written[name]), bundles[name]
    assert loaded.encoder == bundle.encoder and loaded.inputs == bundle.inputs
    assert loaded.decision == bundle.decision and loaded.calibration == bundle.calibration
    assert loaded.golden == bundle.golden and loaded.profile == bundle.profile
    assert loaded.lineage == bundle.lineage and loaded.metrics == bundle.metrics and loaded.title == bundle.title
    assert [f.fingerprint for f in loaded.feature_expressions()] == [f.fingerprint for f in shop.score.bound_features]
    one, other = Scorer(bundle).score(shop.columns, shop.n), Scorer(loaded).score(shop.columns, shop.n)
    assert np.array_equal(one.probability, other.probability) and np.array_equal(one.gain, other.gain)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_bundle_gives_the_same_hash(name, bundles, written, tmp_path):
    digest = write_bundle(bundles[name], tmp_path / "again")
    loaded = load_bundle(written[name])
    assert digest == loaded.hash and len(digest) == 64
    assert write_bundle(loaded, tmp_path / "third") == digest
    assert {f.name: f.read_bytes() for f in written[name].iterdir()} == {
        f.name: f.read_bytes() for f in (tmp_path / "third").iterdir()
    }


def test_another_meaning_gives_another_hash(bundles, tmp_path):
    bundle = bundles["linear"]
    hashes = {
        write_bundle(bundle, tmp_path / "a"),
        write_bundle(replace(bundle, title="Another"), tmp_path / "b"),
        write_bundle(replace(bundle, lineage={**bundle.lineage, "seed": 1}), tmp_path / "c"),
    }
    assert len(hashes) == 3


def refused(folder: Path, said: str | None = None) -> None:
    with pytest.raises(BundleError, match=said):
        load_bundle(folder)


@pytest.fixture(scope="module")
def copies(written, tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("copies")
    return {name: Path(shutil.copytree(folder, root / name)) for name, folder in written.items()}


@pytest.mark.parametrize("name", ["linear", "boosting", "additive"])
@settings(max_examples=100)
@given(data=st.data())
def test_one_flipped_byte_of_any_file_is_refused(name, copies, data):
    file = copies[name] / data.draw(st.sampled_from(sorted(f.name for f in copies[name].iterdir())))
    content = file.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytes([content[at] ^ data.draw(st.integers(1, 255))])
    try:
        file.write_bytes(content[:at] + changed + content[at + 1 :])
        refused(copies[name])
    finally:
        file.write_bytes(content)


def test_every_flipped_byte_of_the_manifest_is_refused(written, tmp_path):
    shutil.copytree(written["constant"], tmp_path / "copy")
    manifest = tmp_path / "copy" / MANIFEST
    content = manifest.read_bytes()
    for at in range(len(content)):
        # Bit 5 turns a capital into a small letter: what a lenient reader would let pass.
        manifest.write_bytes(content[:at] + bytes([content[at] ^ (32 if at % 2 else 1)]) + content[at + 1 :])
        refused(tmp_path / "copy")
    manifest.write_bytes(content)
    load_bundle(tmp_path / "copy")


def test_files_missing_added_or_odd_are_refused(written, tmp_path):
    for file in sorted(f.name for f in written["boosting"].iterdir()):
        copy = tmp_path / f"without-{file}"
        shutil.copytree(written["boosting"], copy)
        (copy / file).unlink()
        refused(copy, "manifest" if file == MANIFEST else "is missing")
    copy = tmp_path / "more"
    shutil.copytree(written["boosting"], copy)
    (copy / "extra.py").write_text("print('hello')")
    refused(copy, r"extra\.py does not belong")
    (copy / "extra.py").unlink()
    (copy / "folder").mkdir()
    refused(copy, "'folder' is not a plain file")
    (copy / "folder").rmdir()
    outside = tmp_path / "outside.json"
    outside.write_bytes((copy / "encoder.json").read_bytes())
    (copy / "encoder.json").unlink()
    (copy / "encoder.json").symlink_to(outside)
    refused(copy, "not a plain file")
    refused(tmp_path / "nowhere", "cannot be read")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no manifest")


def resealed(folder: Path, copy: Path, **contents: bytes) -> Path:
    """A bundle changed by somebody who knows how to compute its hashes."""
    files = {f.name: f.read_bytes() for f in folder.iterdir() if f.name != MANIFEST}
    files |= {name.replace("_json", ".json").replace("_txt", ".txt"): content for name, content in contents.items()}
    copy.mkdir()
    for name, content in {**files, MANIFEST: stored(_manifest("churn", files))}.items():
        (copy / name).write_bytes(content)
    return copy


def test_a_changed_model_with_the_right_hashes_fails_its_golden_predictions(written, tmp_path):
    folder = written["linear"]
    model = LinearModel.from_files({f.name: f.read_bytes() for f in folder.iterdir()})
    changed = replace(model, intercept=model.intercept + 1e-6)
    refused(resealed(folder, tmp_path / "a", model_json=changed.to_files()["model.json"]), "golden prediction 0")
    text = (written["boosting"] / "model.txt").read_text()
    line = next(line for line in text.split("\n") if line.startswith("leaf_value="))
    first = line.split("=")[1].split()[0]
    assert len(first) > 12
    other = text.replace(first, first[:5] + "99999" + first[10:], 1)
    refused(resealed(written["boosting"], tmp_path / "b", model_txt=other.encode()), "golden prediction")
    decision = (folder / "definition.json").read_bytes().replace(b'"request_min_gain":2.5', b'"request_min_gain":0.0')
    refused(resealed(folder, tmp_path / "c", definition_json=decision), "golden prediction")
    assert load_bundle(resealed(folder, tmp_path / "d")).score_name == "churn"


def test_a_definition_that_means_something_else_is_refused(written, tmp_path):
    definition = (written["linear"] / "definition.json").read_bytes()
    thirty_days = str(30 * 86_400_000_000).encode()
    assert thirty_days in definition
    changed = definition.replace(thirty_days, str(31 * 86_400_000_000).encode(), 1)
    refused(resealed(written["linear"], tmp_path / "a", definition_json=changed), "means something else|something else")
    unreadable = definition.replace(b'"node":"aggregate"', b'"node":"exec"', 1)
    refused(resealed(written["linear"], tmp_path / "b", definition_json=unreadable), "cannot be read")


def test_a_newer_format_an_unknown_model_and_other_shapes_are_refused(written, tmp_path):
    folder = written["linear"]
    shutil.copytree(folder, tmp_path / "newer")
    manifest = json.loads((folder / MANIFEST).read_bytes()) | {"format": 2}
    (tmp_path / "newer" / MANIFEST).write_bytes(stored(manifest))
    refused(tmp_path / "newer", "format 2 is newer")
    model = (folder / "model.json").read_bytes()
    refused(resealed(folder, tmp_path / "a", model_json=model.replace(b'"linear"', b'"pickle"')), "no such model")
    for number, (name, content) in enumerate(
        [
            ("encoder_json", b"[]"),
            ("encoder_json", b"{}"),
            ("golden_json", b"[]"),
            ("golden_json", b'[{"values":{}}]'),
            ("definition_json", b"null"),
            ("model_json", b'{"kind":"linear"}'),
            ("model_json", b"["),
            ("calibration_json", b'{"kind":"sigmoid","a":-1.0,"b":0.0,"x":[],"y":[]}'),
            ("calibration_json", b'{"kind":"magic"}'),
            ("lineage_json", b"[1]"),
        ]
    ):
        refused(resealed(folder, tmp_path / f"shape{number}", **{name: content}))


def test_the_hash_may_be_known_from_elsewhere(written):
    digest = load_bundle(written["linear"]).hash
    assert load_bundle(written["linear"], expected=digest).hash == digest
    with pytest.raises(BundleError, match="this is bundle"):
        load_bundle(written["linear"], expected="0" * 64)


def test_writing_again_changes_nothing_and_another_folder_is_not_overwritten(bundles, tmp_path):
    folder = tmp_path / "deep" / "er"
    digest = write_bundle(bundles["linear"], folder)
    assert write_bundle(bundles["linear"], folder) == digest
    with pytest.raises(BundleError, match="not empty"):
        write_bundle(bundles["constant"], folder)
    assert load_bundle(folder).hash == digest
    empty = tmp_path / "empty"
    empty.mkdir()
    write_bundle(bundles["constant"], empty)
    assert [entry.name for entry in folder.parent.iterdir()] == ["er"]


def test_nothing_is_left_where_writing_fails(bundles, tmp_path):
    before = bundles["linear"]
    with pytest.raises(BundleError, match="golden predictions of at least 20"):
        write_bundle(replace(before, golden=before.golden[:5]), tmp_path / "a")
    with pytest.raises(BundleError, match="golden prediction"):
        write_bundle(replace(before, calibration=bundles["constant"].calibration.identity()), tmp_path / "b")
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        write_bundle(before, tmp_path / "file" / "d")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_golden_predictions_hold_the_hard_cases(bundles):
    golden = bundles["boosting"].golden
    assert len(golden) >= 20
    assert any(all(v is None for k, v in g.values.items() if k not in ("clv", "orders_count_30d")) for g in golden)
    assert any(g.values["country"] not in ("fr", "de", "it", "lu", None) for g in golden)
    assert len({round(g.probability, 6) for g in golden}) > 10


def test_a_small_training_set_has_golden_predictions_too(shop, bundles, tmp_path):
    two = {name: values.take(np.array([0, 1])) for name, values in shop.columns.items()}
    assert write_bundle(with_golden(bundles["constant"], two), tmp_path / "small")


def test_a_nan_among_the_measures_is_null(bundles, tmp_path):
    bundle = replace(bundles["constant"], metrics={"auc": float("nan")})
    write_bundle(bundle, tmp_path / "a")
    assert load_bundle(tmp_path / "a").metrics == {"auc": None}


def test_nothing_in_a_bundle_is_code(written):
    for folder in written.values():
        for file in folder.iterdir():
            content = file.read_bytes()
            assert file.suffix in (".json", ".txt")
            assert content.decode().isprintable() or file.name == "model.txt"
    assert set(MODELS) == {"constant", "rule", "linear", "trees", "additive", "neural", "stack"}


def test_the_payoff_of_another_decision_is_another_bundle(bundles, tmp_path):
    payoff = Campaign(contact_cost=2, offer_cost=10, accepted=0.3, customer_value=200).payoff()
    assert payoff.act_negative.fingerprint != bundles["linear"].payoff_expressions().act_negative.fingerprint


def test_stored_numbers_come_back_to_the_bit():
    numbers = np.random.default_rng(0).normal(size=2000) * 10.0 ** np.random.default_rng(1).integers(-300, 300, 2000)
    assert msgspec.json.decode(stored(numbers.tolist())) == numbers.tolist()
