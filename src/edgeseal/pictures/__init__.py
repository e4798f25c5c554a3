"""Pictures: reading, saving, resizing; folders, patterns and lists; work on many at a time."""

from edgeseal.pictures._coding import Quality
from edgeseal.pictures._folder import (
    PICTURE_SUFFIXES,
    find_pictures,
    picture_suffixes,
)
from edgeseal.pictures._psnr import psnr_db
from edgeseal.pictures._read_image import (
    MAX_PIXELS,
    ImageInput,
    read_image,
)
from edgeseal.pictures._resize import (
    resize,
)
from edgeseal.pictures._save import (
    SAVE_SUFFIXES,
    Saved,
    save_suffix,
)
from edgeseal.pictures._sources import (
    find_sources,
    given_pictures,
    list_files,
    list_pictures,
)
from edgeseal.pictures._workers import (
    map_in_order,
)

__all__ = [
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "SAVE_SUFFIXES",
    "ImageInput",
    "Quality",
    "Saved",
    "find_pictures",
    "find_sources",
    "given_pictures",
    "list_files",
    "list_pictures",
    "map_in_order",
    "picture_suffixes",
    "psnr_db",
    "read_image",
    "resize",
    "save_suffix",
]
