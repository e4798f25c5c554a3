"""The tiny pair of the runtime's tests."""

from watermark.runtime.conftest import carriers, pair, write_detector, write_embedder

__all__ = ["carriers", "pair", "write_detector", "write_embedder"]
