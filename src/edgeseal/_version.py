"""The versions, where everything can read them."""

__all__ = ["SCHEMA_VERSION", "__version__"]

__version__ = "0.1.0"

SCHEMA_VERSION = 1
"""Of the JSON in which jobs say what came of them."""
