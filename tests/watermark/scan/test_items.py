"""Items: what folders, lists, archives and stores hold, each under a name of its own."""

from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from edgeseal.errors import FileError
from edgeseal.watermark.scan import ItemChoice, ScanSources
from edgeseal.watermark.scan import _stores as stores
from edgeseal.watermark.scan._name_set import NameSet
from watermark.scan.conftest import Items, add

PICTURES = ["a.png", "c.png", "d.jpg", "deep/b.png", "deep/e.png", "f.png"]


def names(found: list[object], below: object) -> list[str]:
    return [item.name.removeprefix(f"{below}/") for item in found]  # type: ignore[attr-defined]


def content(item: object) -> bytes:
    value = item.content  # type: ignore[attr-defined]
    return Path(value).read_bytes() if isinstance(value, str) else value


def test_pictures_of_a_folder_come_in_order_and_others_are_counted(
    items: Items, corpus: Path
) -> None:
    choice = ItemChoice(NameSet())
    assert names(items(corpus, choice=choice), corpus) == PICTURES
    assert choice.left_out == {"unknown": 1}
    assert choice.has_any


def test_items_that_are_done_or_named_twice_are_left_out(items: Items, corpus: Path) -> None:
    done = NameSet()
    items(corpus, choice=ItemChoice(done))
    assert len(done) == len(PICTURES)
    again = ItemChoice(done)
    assert items(corpus, corpus / "a.png", choice=again) == []
    assert again.has_any
    assert len(items(corpus, corpus / "deep", f"{corpus}/*.png")) == len(PICTURES)


def test_number_of_items_is_known_when_there_are_no_archives(corpus: Path, tar: Path) -> None:
    def count(*sources: Path) -> int | None:
        return ScanSources([str(one) for one in sources], True, None, corpus / "out").count()

    assert count(corpus) == len(PICTURES)
    assert count(corpus, tar) is None


def test_output_folder_is_not_scanned_when_it_lies_in_a_source(
    items: Items, tmp_path: Path, corpus: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-000000.parquet").write_bytes((corpus / "a.png").read_bytes())
    (tmp_path / "x.png").write_bytes(b"")
    assert [Path(item.name).name for item in items(tmp_path)] == ["x.png"]


def test_name_is_text_when_the_path_is_none(items: Items, tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    Path(path).write_bytes(b"content")
    (found,) = items(tmp_path)
    assert found.name == f"{tmp_path}/\\xff.png"
    assert content(found) == b"content"


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_members_of_a_tar_file_are_read_however_it_is_compressed(
    items: Items, corpus: Path, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / f"shard.tar{mode.replace('w', '').replace(':', '.')}"
    with tarfile.open(path, mode) as file:
        for key in ("a", "c"):
            add(file, f"x/{key}.PNG", (corpus / f"{key}.png").read_bytes())
            add(file, f"x/{key}.json", b"{}")
    choice = ItemChoice(NameSet())
    found = items(path, choice=choice)
    assert names(found, path) == ["x/a.PNG", "x/c.PNG"]
    assert [content(item) for item in found] == [
        (corpus / "a.png").read_bytes(), (corpus / "c.png").read_bytes()
    ]  # fmt: skip
    assert choice.left_out == {"unknown": 2}


def test_members_have_names_of_their_own_when_a_name_is_there_twice(
    items: Items, tmp_path: Path
) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as file:
        for number in range(3):
            add(file, "a.png", bytes([number]))
    assert names(items(path), path) == ["a.png", "a.png#2", "a.png#3"]


@pytest.mark.parametrize("damage", ["cut", "header", "none at all"])
def test_damage_of_a_tar_file_is_one_item_behind_those_that_are_whole(
    items: Items, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as file:
        for key in "abc":
            add(file, f"{key}.png", bytes(3000))
    whole = bytearray(path.read_bytes())
    each = 512 + 3072
    if damage == "cut":
        whole = whole[: 2 * each + 1000]
    elif damage == "header":
        whole[2 * each : 2 * each + 512] = b"x" * 512
    else:
        whole = bytearray(b"no tar file " * 1000)
    path.write_bytes(whole)
    *before, last = items(path)
    assert names(before, path) == ([] if damage == "none at all" else ["a.png", "b.png"])
    assert last.name == str(path)
    assert last.problem is not None
    assert "cannot be read to its end as a tar file" in last.problem


def parquet(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_rows_of_parquet_files_are_read_whatever_holds_the_bytes(
    items: Items, tmp_path: Path
) -> None:
    cells = [b"one", None, b"three"]
    plain = parquet(tmp_path / "a.parquet", image=pa.array(cells), text=pa.array(["x"] * 3))
    nested = pa.array([None if cell is None else {"bytes": cell, "path": "p"} for cell in cells])
    face = parquet(tmp_path / "b.parquet", image=nested)
    for path in (plain, face):
        found = items(path)
        assert names(found, path) == ["0", "1", "2"]
        assert [item.content for item in found] == [b"one", b"", b"three"]
        assert [item.problem for item in found] == [None, "holds no picture", None]


def test_column_is_asked_for_when_several_may_hold_pictures(items: Items, tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", x=pa.array([b"x"]), y=pa.array([b"y"]))
    with pytest.raises(FileError, match=r"there is: x, y; choose one with `column`"):
        items(path)
    assert [item.content for item in items(path, column="y")] == [b"y"]
    with pytest.raises(FileError, match="expected such a column 'z'"):
        items(path, column="z")


def test_damaged_parquet_file_is_one_item(items: Items, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 and nothing else")
    (found,) = items(path)
    assert found.name == str(path)
    assert "as a Parquet file" in (found.problem or "")


def test_folder_of_an_http_server_is_listed_and_read(
    items: Items, server: str, corpus: Path
) -> None:
    found = items(f"{server}/pictures/")
    assert sorted(names(found, f"{server}/pictures")) == sorted(PICTURES)
    assert stores.fetch(found[0].name) == (corpus / "a.png").read_bytes()


def test_archives_of_an_http_server_are_read(
    items: Items, server: str, corpus: Path, tar: Path
) -> None:
    for source in (tar, parquet(tar.with_suffix(".parquet"), image=pa.array([b"one"]))):
        copy = corpus.parent / source.name
        copy.write_bytes(source.read_bytes())
        remote = f"{server}/{source.name}"
        assert [item.content for item in items(remote)] == [item.content for item in items(source)]
        copy.unlink()


def test_addresses_may_come_from_a_list(items: Items, server: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"{server}/pictures/a.png\n{server}/pictures/c.png?x=1\n")
    assert names(items(f"@{tmp_path}/list"), server) == ["pictures/a.png", "pictures/c.png?x=1"]


def test_store_is_named_when_it_cannot_be_reached(items: Items) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(FileError, match=f"{address}: the store cannot be reached"):
            items(address)


def test_missing_file_of_a_store_is_said_at_once(server: str) -> None:
    with pytest.raises(FileError, match="nothing is there"):
        stores.fetch(f"{server}/missing.png")


def test_package_of_a_store_is_named_when_it_is_missing(items: Items) -> None:
    with pytest.raises(FileError, match="gcsfs"):
        items("gs://bucket/folder/")


def test_tar_file_is_not_kept_in_memory_by_its_names(items: Items, tmp_path: Path) -> None:
    opened: list[tarfile.TarFile] = []

    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as file:
        for number in range(100):
            add(file, f"{number}.png", b"x")
    init = tarfile.TarFile.__init__

    def remember(self: tarfile.TarFile, *args: object, **kwargs: object) -> None:
        opened.append(self)
        init(self, *args, **kwargs)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tarfile.TarFile, "__init__", remember)
        assert len(items(path)) == 100
    assert len(opened[0].members) <= 1  # type: ignore[attr-defined]
