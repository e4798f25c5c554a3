"""Messages that were issued, and the search for one that was read with errors."""

from edgeseal.watermark.registry._database import place_of
from edgeseal.watermark.registry._registry import Issued, IssuedMatch, Registry

__all__ = ["Issued", "IssuedMatch", "Registry", "place_of"]
