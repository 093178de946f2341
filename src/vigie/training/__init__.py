"""From a training set to a bundle: split, candidates, calibration, decision, evaluation, checks.

``from vigie.training.train import train`` trains; the records in :mod:`vigie.training.result` can be read without any
learning library.
"""

from vigie.training.options import TrainOptions
from vigie.training.result import CandidateResult, Metrics, SplitDescription, TrainingResult

__all__ = ["CandidateResult", "Metrics", "SplitDescription", "TrainOptions", "TrainingResult"]
