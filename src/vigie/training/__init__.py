"""From a training set to a bundle: split, candidates, calibration, decision, evaluation, checks."""
