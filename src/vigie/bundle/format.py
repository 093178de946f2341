"""A bundle as a directory: written whole or not at all, refused if one byte of it is another.

``manifest.json`` names every file with its SHA-256; the bundle's hash is the SHA-256 of the manifest without the hash
(and without the compressed models of segments, which ``parts.json`` names one by one).
The manifest itself has one form only, so that no byte of it can change unnoticed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from vigie.bundle.additive_model import AdditiveModel
from vigie.bundle.bundle import Bundle, Golden
from vigie.bundle.calibration import Calibration
from vigie.bundle.constant_model import ConstantModel
from vigie.bundle.decision import DecisionRule
from vigie.bundle.encoder import Encoder
from vigie.bundle.golden import replay
from vigie.bundle.linear_model import LinearModel
from vigie.bundle.model import Model
from vigie.bundle.neural_model import NeuralModel
from vigie.bundle.parts import PACKED, parts_from_files, parts_to_files
from vigie.bundle.rule_model import RuleModel
from vigie.bundle.signature import Input
from vigie.bundle.stack_model import StackModel
from vigie.bundle.stored import read_stored, stored
from vigie.bundle.trees_model import TreesModel
from vigie.errors import BundleError, FeatureError
from vigie.features.text.reduction import Reduction

FORMAT = 1
"""Version of the format. A newer one is refused, an older one is read as long as this module knows it."""

MANIFEST = "manifest.json"

TEXTS = "texts.json"
"""What was learned of texts; only in the bundles of scores that embed some."""

MODELS: dict[str, type[Model]] = {
    kind.kind: kind
    for kind in (ConstantModel, LinearModel, TreesModel, AdditiveModel, RuleModel, NeuralModel, StackModel)
}
"""Every model that a bundle can hold, by its word."""


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    files: dict[str, str]
    format: int
    hash: str
    score: str


class _Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    decision: DecisionRule
    features: list[dict[str, Any]]
    inputs: list[Input]
    payoff: dict[str, Any]
    rule: dict[str, Any] | None
    score_name: str
    segments: list[float]
    title: str


class _Kind(msgspec.Struct, frozen=True):
    kind: str


def write_bundle(bundle: Bundle, directory: Path) -> str:
    """Writes *bundle* into the new folder *directory*.

    Everything is written beside it first and moved there at the end. The same bundle gives the same bytes.

    Returns:
        The bundle's hash: 64 hex digits.

    Raises:
        BundleError: The bundle is not whole (no golden predictions, parts that do not fit), or *directory* already
            holds something else.
    """
    replay(bundle)
    bundle.feature_expressions()
    bundle.rule_expression()
    files = _files(bundle)
    manifest = _manifest(bundle.score_name, files)
    whole = {**files, MANIFEST: stored(manifest)}
    # Whatever cannot be read back is not written.
    _read(whole, where=str(directory))
    try:
        if directory.exists() and any(directory.iterdir()):
            if _hash_of(directory) == manifest.hash:
                return manifest.hash
            raise BundleError(
                "the folder is not empty", where=str(directory), remedy="write every bundle into a folder of its own"
            )
        _place(whole, directory)
    except OSError as error:
        raise BundleError(f"cannot be written: {error}", where=str(directory)) from error
    return manifest.hash


def _place(files: dict[str, bytes], directory: Path) -> None:
    """Writes the files beside *directory* and moves them there at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        for name, content in files.items():
            _write_durably(scratch / name, content)
        scratch.chmod(0o755)
        scratch.rename(directory)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _make_durable(directory.parent)


def load_bundle(directory: Path, expected: str | None = None) -> Bundle:
    """Reads a bundle, checks every hash and replays its golden predictions.

    Args:
        directory: As written by :func:`write_bundle`.
        expected: The hash it must have, where that is known from elsewhere: the registry.

    Raises:
        BundleError: A file is missing, was added or changed, the format is newer than this version knows, a definition
            means something else here, or a golden prediction comes out differently.
    """
    try:
        entries = sorted(directory.iterdir())
        odd = [entry.name for entry in entries if entry.is_symlink() or not entry.is_file()]
        if odd:
            raise BundleError(f"'{odd[0]}' is not a plain file", where=str(directory))
        files = {entry.name: entry.read_bytes() for entry in entries}
    except OSError as error:
        raise BundleError(
            f"cannot be read: {error}", where=str(directory), remedy="fetch the bundle again from the registry"
        ) from error
    bundle = _read(files, where=str(directory))
    if expected is not None and bundle.hash != expected:
        raise BundleError(f"this is bundle {bundle.hash[:12]}, not {expected[:12]}", where=str(directory))
    replay(bundle)
    return bundle


class Cover(msgspec.Struct, frozen=True):
    """What can be told of a bundle without opening its model.

    Attributes:
        score_name: Name of the score.
        title: The business question.
        hash: Of the bundle.
        model_kind: Word of its model, a key of :data:`MODELS`.
        inputs: What a request gives.
        decision: The two words and the cut.
        segments: Three edges of probability.
        profile: Reference distributions, as stored.
    """

    score_name: str
    title: str
    hash: str
    model_kind: str
    inputs: tuple[Input, ...]
    decision: DecisionRule
    segments: tuple[float, ...]
    profile: dict[str, Any]


_COVER = ("definition.json", "model.json", "profile.json")


def read_cover(directory: Path) -> Cover:
    """What can be told of the bundle in *directory* without opening its model; the model's own file is not read.

    Raises:
        BundleError: The manifest, or a file that is read here, is missing or was changed.
    """
    try:
        files = {MANIFEST: (directory / MANIFEST).read_bytes()}
        manifest = _checked_manifest(files, str(directory))
        for name in _COVER:
            files[name] = (directory / name).read_bytes()
            if hashlib.sha256(files[name]).hexdigest() != manifest.files.get(name):
                raise BundleError(
                    f"{name} is not what was written",
                    where=str(directory),
                    remedy="fetch the bundle again from the registry",
                )
    except OSError as error:
        raise BundleError(
            f"cannot be read: {error}", where=str(directory), remedy="fetch the bundle again from the registry"
        ) from error
    definition = read_stored(files, "definition.json", _Definition)
    return Cover(
        score_name=definition.score_name,
        title=definition.title,
        hash=manifest.hash,
        model_kind=read_stored(files, "model.json", _Kind).kind,
        inputs=tuple(definition.inputs),
        decision=definition.decision,
        segments=tuple(definition.segments),
        profile=read_stored(files, "profile.json", dict[str, Any]),
    )


def _files(bundle: Bundle) -> dict[str, bytes]:
    definition = _Definition(
        decision=bundle.decision,
        features=[dict(feature) for feature in bundle.features],
        inputs=list(bundle.inputs),
        payoff=dict(bundle.payoff),
        rule=dict(bundle.rule) if bundle.rule is not None else None,
        score_name=bundle.score_name,
        segments=list(bundle.segments),
        title=bundle.title,
    )
    return {
        "definition.json": stored(definition),
        "encoder.json": stored(bundle.encoder.to_data()),
        "calibration.json": stored(bundle.calibration),
        "profile.json": stored(bundle.profile),
        "lineage.json": stored(bundle.lineage),
        "metrics.json": stored(bundle.metrics),
        "golden.json": stored(bundle.golden),
        **({TEXTS: stored(bundle.texts)} if bundle.texts else {}),
        **parts_to_files(bundle),
        **bundle.model.to_files(),
    }


def _manifest(score: str, files: dict[str, bytes]) -> _Manifest:
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    unsigned = _Manifest(files=hashes, format=FORMAT, hash="", score=score)
    return msgspec.structs.replace(unsigned, hash=_manifest_hash(unsigned))


def _manifest_hash(manifest: _Manifest) -> str:
    # How a machine's compressor writes the same parts is not part of what a bundle is.
    files = {name: digest for name, digest in manifest.files.items() if name != PACKED}
    return hashlib.sha256(stored(msgspec.structs.replace(manifest, files=files, hash=""))).hexdigest()


def _read(files: dict[str, bytes], where: str) -> Bundle:
    if MANIFEST not in files:
        raise BundleError("not a bundle: it has no manifest", where=where)
    manifest = _checked_manifest(files, where)
    for name in manifest.files.keys() - files.keys():
        raise BundleError(f"{name} is missing", where=where, remedy="fetch the bundle again from the registry")
    for name in files.keys() - manifest.files.keys() - {MANIFEST}:
        raise BundleError(f"{name} does not belong to the bundle", where=where, remedy="remove it, or fetch it again")
    for name, digest in manifest.files.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BundleError(
                f"{name} is not what was written", where=where, remedy="fetch the bundle again from the registry"
            )
    definition = read_stored(files, "definition.json", _Definition)
    kind = read_stored(files, "model.json", _Kind).kind
    if kind not in MODELS:
        raise BundleError(f"no such model: '{kind}'", where=where, remedy="upgrade vigie")
    by, by_definition, parts = parts_from_files(files)
    bundle = Bundle(
        score_name=definition.score_name,
        title=definition.title,
        inputs=tuple(definition.inputs),
        features=tuple(definition.features),
        payoff=definition.payoff,
        rule=definition.rule,
        encoder=Encoder.from_data(read_stored(files, "encoder.json", list[Any])),
        model=MODELS[kind].from_files(files),
        calibration=read_stored(files, "calibration.json", Calibration),
        decision=definition.decision,
        segments=tuple(definition.segments),
        profile=read_stored(files, "profile.json", dict[str, Any]),
        lineage=read_stored(files, "lineage.json", dict[str, Any]),
        metrics=read_stored(files, "metrics.json", dict[str, Any]),
        texts=_texts(files),
        by=by,
        by_definition=by_definition,
        parts=parts,
        golden=tuple(read_stored(files, "golden.json", list[Golden])),
        hash=manifest.hash,
    )
    bundle.feature_expressions()
    bundle.rule_expression()
    bundle.by_expression()
    return bundle


def _texts(files: dict[str, bytes]) -> tuple[Reduction, ...]:
    texts = tuple(read_stored(files, TEXTS, list[Reduction])) if TEXTS in files else ()
    try:
        for reduction in texts:
            reduction.check()
    except FeatureError as error:
        raise BundleError(error.what, where=f"{TEXTS}: {error.where}") from error
    return texts


def _checked_manifest(files: dict[str, bytes], where: str) -> _Manifest:
    manifest = read_stored(files, MANIFEST, _Manifest)
    if manifest.format > FORMAT:
        raise BundleError(
            f"format {manifest.format} is newer than {FORMAT}, the one known here", where=where, remedy="upgrade vigie"
        )
    if stored(manifest) != files[MANIFEST] or manifest.hash != _manifest_hash(manifest):
        raise BundleError(
            f"{MANIFEST} is not what was written", where=where, remedy="fetch the bundle again from the registry"
        )
    return manifest


def _hash_of(directory: Path) -> str:
    with contextlib.suppress(BundleError):
        return load_bundle(directory).hash
    return ""


def _write_durably(file: Path, content: bytes) -> None:
    with file.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _make_durable(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["FORMAT", "MANIFEST", "MODELS", "Cover", "load_bundle", "read_cover", "write_bundle"]
