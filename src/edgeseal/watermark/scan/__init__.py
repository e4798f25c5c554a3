"""Many pictures and videos, wherever they lie, read into rows: what ``edgeseal scan`` does."""

from edgeseal.watermark.scan._choice import Item, ItemChoice, Shard
from edgeseal.watermark.scan._merge import merge_shards
from edgeseal.watermark.scan._read_item import Reading, read_item
from edgeseal.watermark.scan._scan_items import ScanSources
from edgeseal.watermark.scan._scan_parts import Parts, open_parts
from edgeseal.watermark.scan._scan_pool import read_items
from edgeseal.watermark.scan._scan_row import ERROR, PRESENT, ScanRow

__all__ = [
    "ERROR",
    "PRESENT",
    "Item",
    "ItemChoice",
    "Parts",
    "Reading",
    "ScanRow",
    "ScanSources",
    "Shard",
    "merge_shards",
    "open_parts",
    "read_item",
    "read_items",
]
