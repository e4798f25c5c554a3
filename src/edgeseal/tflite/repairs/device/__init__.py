"""Writes what a device refuses or computes wrong in a form that it computes right."""
