"""What a picture's file holds besides its pixels: read, made true of the marked one, and written.

Everything is copied as it is, segment by segment and chunk by chunk, into the file that an encoder
made of the marked pixels. What only one format can hold goes nowhere else, and its name is said.
"""

from edgeseal.pictures.metadata._boxes import C2PA_UUID, XMP_UUID, boxes
from edgeseal.pictures.metadata._metadata import Metadata, Piece
from edgeseal.pictures.metadata._read import read_metadata
from edgeseal.pictures.metadata._write import write_metadata

__all__ = [
    "C2PA_UUID",
    "XMP_UUID",
    "Metadata",
    "Piece",
    "boxes",
    "read_metadata",
    "write_metadata",
]
