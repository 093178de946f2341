"""The portable model: format, encoder, exact scorer. Needs NumPy, msgspec and LightGBM's compiled library only."""

from vigie.bundle.additive_model import AdditiveModel
from vigie.bundle.bundle import Bundle, Golden, Part
from vigie.bundle.calibration import Calibration
from vigie.bundle.constant_model import ConstantModel
from vigie.bundle.decision import DecisionRule
from vigie.bundle.encoder import CategoryColumn, Encoder, NumberColumn
from vigie.bundle.encoder_fit import fit_encoder
from vigie.bundle.forest_text import TreeArrays
from vigie.bundle.format import MANIFEST, Cover, load_bundle, read_cover, write_bundle
from vigie.bundle.golden import with_golden
from vigie.bundle.linear_model import LinearModel
from vigie.bundle.model import Model
from vigie.bundle.neural_model import NeuralModel
from vigie.bundle.parts import StoredPart, with_parts
from vigie.bundle.payoff_values import payoff_values
from vigie.bundle.profile import profile_of
from vigie.bundle.reasons import Explained, Explainer, Reason
from vigie.bundle.rule_model import RuleModel, rule_matrix
from vigie.bundle.scorer import Scorer, ScoreRow, Scores
from vigie.bundle.segment import SEGMENT_NAMES, segment_edges
from vigie.bundle.signature import (
    Input,
    by_input,
    inputs_of,
    portable_by,
    portable_features,
    portable_payoff,
    portable_rule,
)
from vigie.bundle.stack_model import StackMember, StackModel
from vigie.bundle.trees_model import TreesModel

__all__ = [
    "MANIFEST",
    "SEGMENT_NAMES",
    "AdditiveModel",
    "Bundle",
    "Calibration",
    "CategoryColumn",
    "ConstantModel",
    "Cover",
    "DecisionRule",
    "Encoder",
    "Explained",
    "Explainer",
    "Golden",
    "Input",
    "LinearModel",
    "Model",
    "NeuralModel",
    "NumberColumn",
    "Part",
    "Reason",
    "RuleModel",
    "ScoreRow",
    "Scorer",
    "Scores",
    "StackMember",
    "StackModel",
    "StoredPart",
    "TreeArrays",
    "TreesModel",
    "by_input",
    "fit_encoder",
    "inputs_of",
    "load_bundle",
    "payoff_values",
    "portable_by",
    "portable_features",
    "portable_payoff",
    "portable_rule",
    "profile_of",
    "read_cover",
    "rule_matrix",
    "segment_edges",
    "with_golden",
    "with_parts",
    "write_bundle",
]
