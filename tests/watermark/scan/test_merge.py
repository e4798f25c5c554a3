"""Shards: every item in one of them, and the whole out of all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseal.errors import FileError, OutputExistsError, UsageError
from edgeseal.watermark.scan import ItemChoice, ScanRow, Shard, merge_shards, open_parts
from edgeseal.watermark.scan._name_set import NameSet
from watermark.scan.test_scan import Scan, parts, rows, scan, undisturbed

__all__ = ["scan", "undisturbed"]

COUNT = 3
HEAD = {"schema_version": 1, "command": "scan", "model": "m", "model_sha256": "0", "fpr": 1e-6}
NAMES = [f"{number}.png" for number in range(40)]


def same(row: ScanRow) -> ScanRow:
    return row


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Finished shards, in two parts each, of forty items."""
    folders = []
    for index in range(1, COUNT + 1):
        shard = Shard(index, COUNT)
        choice = ItemChoice(NameSet(), shard)
        folders.append(tmp_path / f"shard{index}")
        head = HEAD | {"shard": str(shard), "model": f"copy{index}"}
        with open_parts(folders[-1], head, part_rows=8, retry=False) as out:
            for name in filter(choice.takes, NAMES):
                out.write(ScanRow(name, "absent"))
            out.finish(same)
    return folders


@settings(max_examples=30)
@given(st.lists(st.text(max_size=9), unique=True, max_size=9), st.integers(1, 9))
def test_every_name_falls_into_one_shard(names: list[str], count: int) -> None:
    for name in names:
        assert sum(Shard(index + 1, count).holds(name) for index in range(count)) == 1


def test_shard_of_a_name_never_changes() -> None:
    shards = Shard(1, 3), Shard(2, 3)
    assert [[n for n in NAMES[:9] if shard.holds(n)] for shard in shards] == [
        ["2.png", "5.png", "8.png"],
        ["0.png", "1.png", "4.png"],
    ]


def test_whole_is_what_the_shards_hold(shards: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "whole"
    merge_shards(shards[::-1], output, same)
    assert sorted(row["source"] for row in rows(output)) == sorted(NAMES)
    assert len(parts(output)) == sum(len(parts(shard)) for shard in shards)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with open_parts(output, HEAD | {"shard": None}, part_rows=8, retry=False) as again:
        assert len(again.done) == len(NAMES)


def test_scan_in_shards_gives_the_rows_of_one_scan(
    scan: Scan, undisturbed: tuple[object, Path], corpus: Path, tmp_path: Path
) -> None:
    for index in (1, 2):
        scan(corpus, output=f"shard{index}", shard=f"{index}/2")
    found = scan(tmp_path / "shard1", tmp_path / "shard2", output="w", merge=True, model=None,
                 workers=None)  # fmt: skip
    assert found.items == 6
    assert sorted(map(str, rows(tmp_path / "w"))) == sorted(map(str, rows(undisturbed[1])))


def test_all_that_is_wrong_with_shards_is_said(shards: list[Path], tmp_path: Path) -> None:
    twice = tmp_path / "twice"
    shutil.copytree(shards[0], twice)
    change(shards[0], is_finished=False)
    change(twice, fpr=0.5)
    with pytest.raises(UsageError) as caught:
        merge_shards([*shards[:2], twice], tmp_path / "whole", same)
    text = str(caught.value)
    for words in (
        "shard 1/3 is not finished",
        f"is shard 1/3, as {shards[0]} is",
        "is of another scan: fpr 0.5",
        "shards are missing: 3/3",
    ):
        assert words in text
    assert not (tmp_path / "whole").exists()


def test_one_line_says_so_when_there_is_nothing_to_merge_or_a_manifest_is_damaged(
    shards: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no shards to merge"):
        merge_shards([], tmp_path / "whole", same)
    change(shards[1], fpr=None)
    with pytest.raises(FileError, match=r"shard2/_manifest\.json: is damaged"):
        merge_shards(shards, tmp_path / "whole", same)
    assert not (tmp_path / "whole").exists()


def change(folder: Path, **fields: object) -> None:
    manifest = folder / "_manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | fields))


def test_rows_are_refused_when_they_are_twice_or_of_another_shard(
    shards: list[Path], tmp_path: Path
) -> None:
    first = parts(shards[0])[0]
    shutil.copy(first, shards[0] / "part-000099.parquet")
    with pytest.raises(FileError, match="is there twice; scan shard 1/3 again"):
        merge_shards(shards, tmp_path / "whole", same)
    shutil.move(shards[0] / "part-000099.parquet", shards[1])
    with pytest.raises(FileError, match="is of another shard than 2/3"):
        merge_shards(shards, tmp_path / "whole", same)


def test_what_is_no_shard_or_there_already_is_refused(shards: list[Path], tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read"):
        merge_shards([*shards, tmp_path], tmp_path / "whole", same)
    merge_shards(shards, tmp_path / "whole", same)
    with pytest.raises(UsageError, match="is no shard"):
        merge_shards([tmp_path / "whole"], tmp_path / "other", same)
    with pytest.raises(OutputExistsError):
        merge_shards(shards, tmp_path / "whole", same)
    assert pq.read_table(parts(tmp_path / "whole")[0]).num_rows == 8


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/", "a/b", "1/0", "-1/3", "1/2/3"])
def test_shard_is_refused_when_it_is_none(text: str) -> None:
    with pytest.raises(UsageError, match="expected I/N"):
        Shard.from_text(text)
