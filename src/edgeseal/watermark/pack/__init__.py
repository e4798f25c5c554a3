"""What an app developer needs to ship a model: files, a contract, golden vectors, samples."""

from edgeseal.watermark.pack._pack import PackedModel, PackResult, pack

__all__ = ["PackResult", "PackedModel", "pack"]
