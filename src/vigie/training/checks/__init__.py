"""Checks of a training run: each is a function that answers with findings."""
