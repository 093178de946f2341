"""The graph of BERT with mean pooling, from its weights: what ONNX Runtime runs where a model comes without a graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vigie.errors import FeatureError, MissingExtraError
from vigie.features.values import Array

_OPSET = 17
_IR = 8


@dataclass(frozen=True, slots=True)
class BertShape:
    """What the configuration says of the layers.

    Attributes:
        layers: Number of them.
        heads: Attention heads in each.
        epsilon: Of the layer norms.
        normalised: Whether the embedding is brought to length 1.
    """

    layers: int
    heads: int
    epsilon: float
    normalised: bool

    @classmethod
    def of(cls, config: Mapping[str, Any], *, normalised: bool) -> BertShape:
        """From a ``config.json``.

        Raises:
            FeatureError: It is of another kind of network.
        """
        for key, wanted in (("model_type", "bert"), ("hidden_act", "gelu"), ("position_embedding_type", "absolute")):
            if config.get(key, wanted) != wanted:
                raise FeatureError(
                    f"{key} {config[key]!r} is not built here",
                    where="config.json of the text model",
                    remedy="use a model that comes with onnx/model.onnx, or one of the BERT family",
                )
        return cls(
            int(config["num_hidden_layers"]),
            int(config["num_attention_heads"]),
            float(config.get("layer_norm_eps", 1e-12)),
            normalised,
        )


def build_graph(weights: Mapping[str, Array], shape: BertShape) -> bytes:
    """A serialised ONNX model: ``input_ids`` and ``attention_mask``, int64 of shape (texts, tokens), to ``embedding``,
    float32 of shape (texts, dimensions).

    Args:
        weights: By the names that Hugging Face gives them, with or without the prefix ``bert.``.
        shape: Layers, heads, norms.

    Raises:
        FeatureError: A weight is missing.
        MissingExtraError: onnx is not installed.
    """  # noqa: D205
    try:
        from onnx import TensorProto, helper
    except ImportError:
        raise MissingExtraError("onnx", extra="text") from None
    named = {name.removeprefix("bert."): array for name, array in weights.items()}
    graph = _Graph(named)
    hidden = _layers(graph, shape)
    output = _pooled(graph, hidden, normalised=shape.normalised)
    size = int(named["embeddings.word_embeddings.weight"].shape[1])
    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["texts", "tokens"])
        for name in ("input_ids", "attention_mask")
    )
    graph.node("Identity", [output], name="embedding")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "sentence-transformer",
            [ids, mask],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", size])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
    )
    return bytes(model.SerializeToString())


@dataclass
class _Graph:
    weights: Mapping[str, Array]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)
    _held: set[str] = field(default_factory=set)

    def node(self, operation: str, inputs: list[str], *, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        output = name or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        if name not in self._held:
            self._held.add(name)
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        return self.constant(f"number_{value!r}", np.array(value, dtype=np.float32))

    def whole(self, *values: int) -> str:
        return self.constant("whole_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def weight(self, name: str, *, transposed: bool = False) -> str:
        if name not in self.weights:
            raise FeatureError(
                f"the weights have no '{name}'",
                where="model.safetensors of the text model",
                remedy="use a model that comes with onnx/model.onnx, or one of the BERT family",
            )
        array = self.weights[name].astype(np.float32)
        return self.constant(name, array.T if transposed else array)

    def dense(self, values: str, name: str) -> str:
        product = self.node("MatMul", [values, self.weight(f"{name}.weight", transposed=True)])
        return self.node("Add", [product, self.weight(f"{name}.bias")])

    def norm(self, values: str, name: str, epsilon: float) -> str:
        inputs = [values, self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=epsilon)


def _layers(graph: _Graph, shape: BertShape) -> str:
    words = graph.node("Gather", [graph.weight("embeddings.word_embeddings.weight"), "input_ids"])
    tokens = graph.node("Shape", ["input_ids"], start=1, end=2)
    zero = graph.whole(0)
    places = graph.node("Slice", [graph.weight("embeddings.position_embeddings.weight"), zero, tokens, zero])
    first = graph.node("Gather", [graph.weight("embeddings.token_type_embeddings.weight"), zero])
    summed = graph.node("Add", [graph.node("Add", [words, places]), first])
    hidden = graph.norm(summed, "embeddings.LayerNorm", shape.epsilon)
    mask = graph.node("Cast", ["attention_mask"], to=1)
    away = graph.node("Mul", [graph.node("Sub", [graph.number(1.0), mask]), graph.number(-1e9)])
    away = graph.node("Unsqueeze", [away, graph.whole(1, 2)])
    for number in range(shape.layers):
        hidden = _layer(graph, hidden, away, f"encoder.layer.{number}", shape)
    return hidden


def _layer(graph: _Graph, hidden: str, away: str, name: str, shape: BertShape) -> str:
    attended = _attention(graph, hidden, away, f"{name}.attention.self", shape.heads)
    attended = graph.dense(attended, f"{name}.attention.output.dense")
    summed = graph.node("Add", [attended, hidden])
    hidden = graph.norm(summed, f"{name}.attention.output.LayerNorm", shape.epsilon)
    wide = graph.dense(hidden, f"{name}.intermediate.dense")
    # GELU with the error function: x · (1 + erf(x / √2)) / 2.
    error = graph.node("Erf", [graph.node("Div", [wide, graph.number(math.sqrt(2.0))])])
    wide = graph.node(
        "Mul", [graph.node("Mul", [wide, graph.node("Add", [error, graph.number(1.0)])]), graph.number(0.5)]
    )
    summed = graph.node("Add", [graph.dense(wide, f"{name}.output.dense"), hidden])
    return graph.norm(summed, f"{name}.output.LayerNorm", shape.epsilon)


def _attention(graph: _Graph, hidden: str, away: str, name: str, heads: int) -> str:
    size = int(graph.weights[f"{name}.query.weight"].shape[0])
    split = graph.whole(0, 0, heads, size // heads)

    def part(role: str, order: list[int]) -> str:
        return graph.node(
            "Transpose", [graph.node("Reshape", [graph.dense(hidden, f"{name}.{role}"), split])], perm=order
        )

    scores = graph.node("MatMul", [part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1])])
    scores = graph.node("Div", [scores, graph.number(math.sqrt(size / heads))])
    shares = graph.node("Softmax", [graph.node("Add", [scores, away])], axis=-1)
    joined = graph.node("MatMul", [shares, part("value", [0, 2, 1, 3])])
    joined = graph.node("Transpose", [joined], perm=[0, 2, 1, 3])
    return graph.node("Reshape", [joined, graph.whole(0, 0, size)])


def _pooled(graph: _Graph, hidden: str, *, normalised: bool) -> str:
    """Mean of the tokens that the mask keeps, brought to length 1 where the model says so."""
    mask = graph.node("Unsqueeze", [graph.node("Cast", ["attention_mask"], to=1), graph.whole(2)])
    total = graph.node("ReduceSum", [graph.node("Mul", [hidden, mask]), graph.whole(1)], keepdims=0)
    count = graph.node("ReduceSum", [mask, graph.whole(1)], keepdims=0)
    mean = graph.node("Div", [total, graph.node("Max", [count, graph.number(1e-9)])])
    if not normalised:
        return mean
    length = graph.node("ReduceL2", [mean], axes=[1], keepdims=1)
    return graph.node("Div", [mean, graph.node("Max", [length, graph.number(1e-12)])])
