"""Puts the shards of a scan together, after checking that none is missing and no item twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from edgeseal._files import check_new_folder
from edgeseal._leftovers import scratch_folder
from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.scan._choice import Shard
from edgeseal.watermark.scan._name_set import NameSet
from edgeseal.watermark.scan._row_table import PART_ROWS, RowTable, part_name, part_paths
from edgeseal.watermark.scan._scan_parts import (
    joined_rows,
    read_manifest,
    video_table,
    write_manifest,
)
from edgeseal.watermark.scan._scan_row import ScanRow

__all__ = ["merge_shards"]

_OF_ONE = ("shard", "model", "is_finished")  # what shards of one scan may differ in
_SHOWN = 10


def merge_shards(
    folders: Sequence[Path], output: Path, completed: Callable[[ScanRow], ScanRow]
) -> dict[str, Any]:
    """Write the rows of all shards of a scan to a new folder, whole or not at all.

    Args:
        folders: of all shards, in any order.
        output: the new folder.
        completed: says more of the row of a video whose parts were in several shards.

    Returns:
        What the new folder is of.

    Raises:
        UsageError: there are no shards, or some are missing, unfinished, of different scans, or
            given twice.
        FileError: a folder is no shard, a row is damaged or there twice, or the disk refuses it.
        OutputExistsError: the output is there.
    """
    if not folders:
        raise UsageError("no shards to merge; name the folder of each")
    check_new_folder(output)
    heads = {folder: read_manifest(folder) for folder in folders}
    shards = _checked(heads)
    head = next(iter(heads.values())) | {"shard": None, "is_finished": True}
    try:
        with scratch_folder(output.parent.absolute()) as made:
            place = made / "merged"
            place.mkdir()
            number = 0
            for shard in sorted(shards, key=lambda one: one.index):
                for part in _whole_parts(shards[shard], shard):
                    _copy(part, place / part_name(number))
                    number += 1
            videos = RowTable(place, ScanRow, PART_ROWS)
            for row in joined_rows(map(video_table, shards.values()), head):
                videos.write(completed(row))
            videos.flush()
            write_manifest(place, head)
            place.replace(output)
    except OSError as error:
        raise FileError(f"{output}: cannot be written ({error.strerror or error})") from error
    return head


def _checked(heads: dict[Path, dict[str, Any]]) -> dict[Shard, Path]:
    """Return the folder of each shard.

    Raises:
        UsageError: saying all that is wrong.
    """
    problems: list[str] = []
    shards: dict[Shard, Path] = {}
    first, *_ = heads
    for folder, head in heads.items():
        if not head.get("shard"):
            problems.append(f"{folder}: is no shard; scan with `shard` to make some")
            continue
        shard = Shard.from_text(str(head["shard"]))
        if shard in shards:
            problems.append(f"{folder}: is shard {shard}, as {shards[shard]} is; give each once")
        shards[shard] = folder
        if not head.get("is_finished"):
            problems.append(f"{folder}: shard {shard} is not finished; run its scan again")
        for name in sorted({*head, *heads[first]} - {*_OF_ONE}):
            if head.get(name) != heads[first].get(name):
                other = f"{name} {head.get(name)}, {first} has {heads[first].get(name)}"
                problems.append(f"{folder}: is of another scan: {other}")
    counts = {shard.count for shard in shards}
    if len(counts) > 1:
        problems.append(f"shards are of {' and '.join(map(str, sorted(counts)))}; give one set")
    elif counts:
        (count,) = counts
        missing = [n for n in range(1, count + 1) if Shard(n, count) not in shards]
        if missing:
            few = ", ".join(f"{n}/{count}" for n in missing[:_SHOWN])
            problems.append(f"shards are missing: {few}{' ...' * (len(missing) > _SHOWN)}")
    if problems:
        raise UsageError("\n  ".join(problems))
    return shards


def _whole_parts(folder: Path, shard: Shard) -> list[Path]:
    """Return the parts of a shard after checking that each item is of it, and there once."""
    with NameSet() as seen:
        for table in (RowTable(folder, ScanRow, 1), video_table(folder)):
            for name in table.sources():
                if not shard.holds(name):
                    raise FileError(
                        f"{folder}: {name} is of another shard than {shard}; scan it again"
                    )
                if seen.add(name) > 1:
                    raise FileError(f"{folder}: {name} is there twice; scan shard {shard} again")
    return part_paths(folder)


def _copy(path: Path, target: Path) -> None:
    """Give a part a second name, or copy it where that cannot be: parts are never changed."""
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)
