"""From histories to values as of a moment: the feature kernel, its reference, and training sets."""
