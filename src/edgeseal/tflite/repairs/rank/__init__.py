"""Operators on tensors of rank 5 and more, written in rank 4 or less."""
