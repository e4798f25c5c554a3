"""Exact changes that leave out what a model does not need."""
