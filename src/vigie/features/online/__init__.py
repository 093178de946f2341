"""Histories of customers where they can be read in a millisecond: the online store.

A store keeps bytes and nothing else (:mod:`~vigie.features.online.run_store`); what the bytes mean, and what is computed
from them at the moment of a request, is the same for all stores. Nothing here needs a data frame.
"""
