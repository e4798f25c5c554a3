"""Does the main job from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgeseal._files import check_outputs
from edgeseal._progress import SILENT, Progress
from edgeseal.errors import OutputExistsError
from edgeseal.watermark.verbs._converter import STOCK, load_converter, require_packages

if TYPE_CHECKING:
    from edgeseal.watermark.demo import DemoResult

__all__ = ["demo"]


def demo(
    output: str | Path = "edgeseal-demo", *, overwrite: bool = False, progress: Progress = SILENT
) -> DemoResult:
    """Convert, quantize, mark, detect and compare on bundled weights and photographs.

    Args:
        output: folder for the files, created if missing.
        overwrite: whether to replace the files of an earlier demo.
        progress: hears what goes on.

    Raises:
        OutputExistsError: the folder holds something and ``overwrite`` is False.
        FileError: the folder cannot be made or written.
        MissingExtraError: the extra for conversion is not installed.
        EdgesealError: a step fails.
    """
    folder = Path(output)
    check_outputs(folder, (), overwrite=overwrite)
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise OutputExistsError(
            f"{folder}: is not empty; give another folder, or `overwrite` to replace a demo's files"
        )
    require_packages("edgeseal demo", *STOCK)
    load_converter(progress, *STOCK)
    from edgeseal.watermark.demo import run_demo

    return run_demo(folder, report=progress.note)
