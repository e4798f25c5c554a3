"""Outputs: refused before any work in words that help, and written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseal._files import (
    check_apart,
    check_new_folder,
    check_output,
    check_outputs,
    check_sources,
    listed,
    make_folder,
    open_regular,
    output_folder,
    replacing,
    sha256_of,
    write_text,
)
from edgeseal.errors import FileError, OutputExistsError, UsageError


def link_to_a_file(folder: Path) -> Path:
    (folder / "real").write_text("theirs")
    (folder / "link").symlink_to(folder / "real")
    return folder / "link"


def dangling_link(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("theirs")
    return folder / "file" / "out"


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "folder": (lambda folder: folder, "is a folder; give the name of a file to write"),
    "link": (link_to_a_file, "is a link or a device, no regular file; choose another output"),
    "dangling": (dangling_link, "is a link or a device, no regular file; choose another output"),
    "pipe": (pipe, "is a link or a device, no regular file; choose another output"),
    "no folder": (lambda folder: folder / "no" / "out", "no does not exist; create it first"),
    "below a file": (below_a_file, "file does not exist; create it first"),
    "too long": (lambda folder: folder / ("a" * 300), r"cannot be written \(File name too long\)"),
    "zero": (lambda folder: folder / "a\0b", r"cannot be written \(.*embedded null"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_output_is_refused_even_to_overwrite_when_no_file_can_be_there(
    name: str, tmp_path: Path
) -> None:
    make, words = REFUSED[name]
    path = make(tmp_path)
    for write in (lambda: check_output(path, overwrite=True), lambda: write_text(path, "mine")):
        with pytest.raises(FileError, match=words) as caught:
            write()
        assert str(caught.value).startswith(f"{path}: ")
        assert not isinstance(caught.value, OutputExistsError)


def test_output_is_refused_when_its_folder_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)  # root may everywhere
    for refused in (
        lambda: check_output(tmp_path / "out", overwrite=False),
        lambda: check_outputs(tmp_path / "new" / "deep", ["out"], overwrite=False),
        lambda: check_outputs(tmp_path, ["out"], overwrite=False),
    ):
        with pytest.raises(FileError, match=f"the folder {tmp_path} is not writable; choose ano"):
            refused()
    with pytest.raises(FileError, match=f"{tmp_path} is no folder that can be written to"):
        check_new_folder(tmp_path / "new")


def test_new_folder_is_refused_when_something_is_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("theirs")
    for path in (tmp_path, tmp_path / "link", tmp_path / "dangling", tmp_path / "file"):
        with pytest.raises(OutputExistsError, match="exists already and is no empty folder"):
            check_new_folder(path)
    for path in (tmp_path / "no" / "new", tmp_path / "file" / "new"):
        with pytest.raises(FileError, match="is no folder that can be written to; create it"):
            check_new_folder(path)
    check_new_folder(tmp_path / "empty")
    check_new_folder(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_first_ten_are_listed_when_many_outputs_exist(tmp_path: Path) -> None:
    names = [f"{number:02}.png" for number in range(12)]
    for name in names:
        (tmp_path / name).write_text("theirs")
    with pytest.raises(OutputExistsError) as caught:
        check_outputs(tmp_path, [*names, "new.png"], overwrite=False)
    lines = str(caught.value).splitlines()
    assert [Path(line.split(":")[0].strip()).name for line in lines[:-1]] == names[:10]
    assert lines[-1] == "  and 2 more"
    check_outputs(tmp_path, names, overwrite=True)


def test_all_is_said_and_overwriting_is_no_way_out_when_a_folder_is_among_them(
    tmp_path: Path,
) -> None:
    (tmp_path / "a").write_text("theirs")
    (tmp_path / "b").mkdir()
    with pytest.raises(FileError) as caught:
        check_outputs(tmp_path, ["a", "b", "c"], overwrite=False)
    assert not isinstance(caught.value, OutputExistsError)
    assert f"{tmp_path / 'a'}: exists already" in str(caught.value)
    assert f"{tmp_path / 'b'}: is a folder" in str(caught.value)
    with pytest.raises(FileError, match="is a folder") as caught:
        check_outputs(tmp_path, ["a", "b"], overwrite=True)
    assert "exists already" not in str(caught.value)


def test_folder_of_outputs_is_refused_when_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")
    for folder in (tmp_path / "file", tmp_path / "file" / "deep" / "deeper"):
        with pytest.raises(FileError, match=f"{folder}: cannot be made: {tmp_path / 'file'} is no"):
            check_outputs(folder, ["out"], overwrite=True)
        with pytest.raises(FileError, match=f"{folder}: cannot create this folder"):
            make_folder(folder)
    with pytest.raises(FileError, match="cannot create this folder"):
        make_folder(tmp_path / "a\0b")
    check_outputs(tmp_path, ["deep/deeper/out"], overwrite=False)  # folders made when needed
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_every_output_that_is_an_input_or_another_output_is_named(tmp_path: Path) -> None:
    source, other = tmp_path / "source", tmp_path / "other"
    source.write_text("theirs")
    other.hardlink_to(source)
    (tmp_path / "in").mkdir()
    same = tmp_path / "in" / ".." / "new"
    inputs = [source, "https://example.org/a.png", "a\0b", None]
    with pytest.raises(UsageError) as caught:
        check_apart(inputs, [other, tmp_path / "new", same, None])
    assert str(caught.value).splitlines() == [
        f"{tmp_path / 'new'}: would be written twice; give each output its own name",
        f"  {other}: is an input itself; choose another output",
    ]
    check_apart(inputs, [tmp_path / "new", tmp_path / "in" / "new", None])


def test_sources_of_one_output_are_named_when_their_outputs_fall_together(tmp_path: Path) -> None:
    first, second, third = tmp_path / "a.jpg", tmp_path / "a.png", tmp_path / "b.png"
    third.write_text("theirs")
    output = tmp_path / "out" / "a.png"
    with pytest.raises(UsageError) as caught:
        check_sources({first: output, second: output, third: third})
    assert str(caught.value).splitlines() == [
        f"a.png: would be written for {first} and for {second}; rename one, or give them in "
        "separate runs with other folders",
        f"  {third}: is an input itself; choose another output",
    ]
    check_sources({first: output, third: tmp_path / "out" / "b.png"})


def test_folders_go_again_when_nothing_was_written(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), output_folder(tmp_path / "a" / "b") as folder:
        make_folder(folder / "c")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with output_folder(tmp_path / "a" / "b") as folder:
        make_folder(folder / "c")
        make_folder(folder / "d")
        (folder / "d" / "out").write_text("mine")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "d", "out"]


def test_empty_folder_stays_when_it_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "a" / "theirs").mkdir(parents=True)
    with output_folder(tmp_path / "a"):
        pass
    assert (tmp_path / "a" / "theirs").is_dir()


@pytest.mark.parametrize("reason", [KeyboardInterrupt, ValueError("theirs")])
def test_old_file_is_kept_when_writing_the_new_one_ends_early(
    reason: BaseException | type[BaseException], tmp_path: Path
) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    with (
        pytest.raises((KeyboardInterrupt, ValueError)),
        replacing(path, overwrite=True) as temporary,
    ):
        temporary.write_text("half of the n")
        raise reason
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_reason_is_said_when_the_disk_refuses_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    full = OSError(28, "No space left on device")
    with (
        pytest.raises(FileError, match=r"out\.txt: cannot be written \(No space left on device\)"),
        replacing(path, overwrite=False),
    ):
        raise full
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_file_has_the_rights_of_any_new_file(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "ours", "text")
        (tmp_path / "plain").write_text("text")
    finally:
        assert os.umask(before) == mask  # reading it has not changed it
    ours, plain = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "plain"))
    assert ours == plain


def test_checksum_is_the_stock_one_when_a_file_is_longer_than_a_block(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4097  # a block of 1 MiB, and a rest
    (tmp_path / "long").write_bytes(content)
    assert sha256_of(tmp_path / "long") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["no", "a\0b", "a" * 300])
def test_name_is_in_the_error_when_it_can_be_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot be read") as caught:
        open_regular(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_text_alone_is_one_name() -> None:
    assert listed("abc") == ["abc"]
    assert listed(Path("abc")) == [Path("abc")]
    assert listed(name for name in ("a", "b")) == ["a", "b"]


def test_checksum_is_refused_when_a_pipe_would_be_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="is a pipe or a device"):
        sha256_of(tmp_path / "pipe")
