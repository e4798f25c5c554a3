"""Watermarks: models from checkpoint to device, and marking and reading pictures and videos."""
