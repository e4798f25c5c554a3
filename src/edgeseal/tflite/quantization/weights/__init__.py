"""Weights as integers, and how they are rounded."""
