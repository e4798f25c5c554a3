"""What a user may name: files, folders, patterns, lists and stdin."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseal.errors import FileError, UsageError
from edgeseal.pictures import find_sources, map_in_order
from edgeseal.pictures._workers import suitable_workers


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures in folders, with an odd name; the working directory."""
    for name in ("b.png", "a.jpg", "[x].png", "deep/c.png", "deep/deeper/d.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str | Path, **options: object) -> list[str]:
    return [path.as_posix() for path in find_sources(arguments, **options)]  # type: ignore[arg-type]


def test_folders_are_searched_when_named(tree: Path) -> None:
    assert names("deep") == ["deep/c.png", "deep/deeper/d.png"]
    assert names("deep", recursive=False) == ["deep/c.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.png", ["[x].png", "b.png"]),
        ("?.*", ["a.jpg", "b.png"]),
        ("**/*.png", ["[x].png", "b.png", "deep/c.png", "deep/deeper/d.png"]),
        ("d*", ["deep/c.png", "deep/deeper/d.png"]),
        ("[x].png", ["[x].png"]),
        ("[ab].*", ["a.jpg", "b.png"]),
    ],
)
def test_patterns_are_matched_when_no_file_has_the_name(
    tree: Path, pattern: str, expected: list[str]
) -> None:
    assert names(pattern) == expected


def test_pattern_names_a_file_once_when_links_lead_back(tree: Path) -> None:
    (tree / "deep" / "round").symlink_to(tree)
    (tree / "other.png").symlink_to(tree / "b.png")
    expected = ["[x].png", "b.png", "deep/c.png", "deep/deeper/d.png", "other.png"]
    assert names("**/*.png") == expected


def test_pattern_is_refused_when_nothing_fits(tree: Path) -> None:
    with pytest.raises(FileError, match=r"\*\.webp: no file fits"):
        find_sources(["*.webp"])


def test_lists_are_read_when_marked(tree: Path) -> None:
    (tree / "list.txt").write_text("b.png\r\n\n  \ndeep\nmissing [1].png\nb.png\n")
    expected = ["b.png", "deep/c.png", "deep/deeper/d.png", "missing [1].png"]
    assert names("@list.txt") == expected
    assert names("-", stdin=io.StringIO("a.jpg\ndeep/c.png")) == ["a.jpg", "deep/c.png"]


def test_names_are_files_when_files_have_them(tree: Path) -> None:
    (tree / "@list.txt").write_bytes(b"")
    (tree / "-").write_bytes(b"")
    assert names("@list.txt", "-") == ["@list.txt", "-"]


def test_list_is_refused_when_it_is_none(tree: Path) -> None:
    with pytest.raises(FileError, match=r"gone\.txt: cannot read this list"):
        find_sources(["@gone.txt"])
    (tree / "binary.txt").write_bytes(b"a\nb\0c\n")
    with pytest.raises(FileError, match=r"binary\.txt, line 2: is no path"):
        find_sources(["@binary.txt"])
    with pytest.raises(FileError, match="/dev/zero, line 1: is no path"):
        find_sources(["@/dev/zero"])


@pytest.mark.parametrize("workers", [1, 3])
def test_results_are_in_order_when_mapped(workers: int) -> None:
    taken: list[int] = []

    def items() -> object:
        for i in range(100):
            taken.append(i)
            yield i

    results = map_in_order(lambda i: i * i, items(), workers=workers)  # type: ignore[arg-type]
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 5 + 2 * workers
    assert list(results) == [i * i for i in range(5, 100)]


@pytest.mark.parametrize(
    ("processors", "threads", "weights_mib", "expected"),
    [(1, 1, 25, 1), (2, 1, 25, 2), (2, 2, 25, 1), (2, 3, 25, 1), (64, 1, 25, 8), (64, 1, 300, 3),
     (64, 1, 3000, 1), (16, 4, 0, 4)],
)  # fmt: skip
def test_workers_fit_the_machine_when_nobody_says(
    processors: int,
    threads: int,
    weights_mib: int,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def available(_process: int) -> set[int]:
        return set(range(processors))

    monkeypatch.setattr("os.sched_getaffinity", available, raising=False)
    found = suitable_workers(threads=threads, weights_bytes=weights_mib * 2**20)
    assert found == expected


def test_workers_are_refused_when_there_are_none() -> None:
    work: Callable[[int], int] = abs
    with pytest.raises(UsageError, match="workers: expected 1 or more, got 0"):
        map_in_order(work, [1], workers=0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_lists_are_read_when_other_programs_wrote_them(
    tree: Path, encoding: str, end: str, quote: str
) -> None:
    lines = (f"{quote}{name}{quote}{end}" for name in ("deep/c.png", "a b.png", "\xe9.png"))
    Path("list.txt").write_bytes("".join(lines).encode(encoding))
    assert names("@list.txt") == ["deep/c.png", "a b.png", "\xe9.png"]


def test_quotes_stay_when_they_are_part_of_a_name(tree: Path) -> None:
    Path("'q'").write_bytes(b"")
    Path("list.txt").write_text("'q'\n")
    assert names("@list.txt") == ["'q'"]
