"""Mends operators that fail: candidates are made, tried and measured."""
