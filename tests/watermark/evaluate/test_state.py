"""Finished pictures on the disk: found again, or evaluated again, never mixed up."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edgeseal.errors import FileError, UsageError
from edgeseal.watermark.evaluate import PictureRecord
from edgeseal.watermark.evaluate._from_json import from_record
from edgeseal.watermark.evaluate._state import State

PLAN = "0123456789abcdef"
MARKED = PictureRecord(
    "a.png", "a" * 64, 640, 480, "ff00", 42.5, 0.99, {"m": (60, 64)}, {"m": "00ff"}
)
UNMARKED = PictureRecord("b.png", "b" * 64, 3, 4, unmarked={"m": "1234"}, frames=7)


@pytest.mark.parametrize("record", [MARKED, UNMARKED], ids=["marked", "unmarked"])
def test_record_is_found_when_it_was_saved(record: PictureRecord, tmp_path: Path) -> None:
    State(tmp_path, PLAN).save(record)
    assert State(tmp_path, PLAN).load(record.sha256, mark=record.is_marked) == record


def test_record_is_not_taken_when_the_purpose_or_plan_is_another(tmp_path: Path) -> None:
    State(tmp_path, PLAN).save(MARKED)
    assert State(tmp_path, PLAN).load(MARKED.sha256, mark=False) is None
    assert State(tmp_path, PLAN).load(UNMARKED.sha256, mark=True) is None
    assert State(tmp_path, "f" * 16).load(MARKED.sha256, mark=True) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"name": "a.png"}', b'{"name": 3, "sha256": "a"}'],
)
def test_picture_is_evaluated_again_when_its_record_is_damaged(
    content: bytes, tmp_path: Path
) -> None:
    state = State(tmp_path, PLAN)
    state.save(MARKED)
    (path,) = (tmp_path / ".evaluation" / PLAN).iterdir()
    path.write_bytes(content)
    assert state.load(MARKED.sha256, mark=True) is None
    state.save(MARKED)
    assert state.load(MARKED.sha256, mark=True) == MARKED


def test_file_error_says_so_when_the_disk_refuses(tmp_path: Path) -> None:
    (tmp_path / ".evaluation").write_text("a file in the way")
    with pytest.raises(FileError, match=r"\.evaluation"):
        State(tmp_path, PLAN).save(MARKED)


def test_nothing_is_left_when_results_are_removed(tmp_path: Path) -> None:
    for plan in (PLAN, "f" * 16):
        state = State(tmp_path, plan)
        state.save(MARKED)
        state.save(UNMARKED)
        (tmp_path / ".evaluation" / plan / ".edgeseal-x1y2.json").write_text("cut short")
    State(tmp_path, PLAN).remove()
    assert list(tmp_path.iterdir()) == []
    State(tmp_path, PLAN).remove()  # nor does it mind


def test_other_files_are_left_when_results_are_removed(tmp_path: Path) -> None:
    state = State(tmp_path, PLAN)
    state.save(MARKED)
    root = tmp_path / ".evaluation"
    kept = [root / PLAN / "notes.txt", root / "notes.txt", root / "folder" / "x.json"]
    (root / "folder").mkdir()
    for path in kept:
        path.write_text("mine")
    state.remove()
    assert all(path.read_text() == "mine" for path in kept)
    assert state.load(MARKED.sha256, mark=True) is None


def test_links_are_not_followed_when_results_are_removed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    State(elsewhere, PLAN).save(MARKED)
    output = tmp_path / "output"
    (output / ".evaluation").mkdir(parents=True)
    (output / ".evaluation" / PLAN).symlink_to(elsewhere / ".evaluation" / PLAN)
    State(output, PLAN).remove()
    other = tmp_path / "other"
    other.mkdir()
    (other / ".evaluation").symlink_to(elsewhere / ".evaluation")
    State(other, PLAN).remove()
    assert State(elsewhere, PLAN).load(MARKED.sha256, mark=True) == MARKED


@pytest.mark.parametrize("record", [MARKED, UNMARKED], ids=["marked", "unmarked"])
def test_record_comes_back_when_it_went_through_json(record: PictureRecord) -> None:
    text = json.dumps(dataclasses.asdict(record))
    assert from_record(PictureRecord, json.loads(text)) == record


@dataclasses.dataclass(frozen=True)
class Inner:
    share: float
    note: str | None = None


@dataclasses.dataclass(frozen=True)
class Outer:
    """Every kind of field that a report has."""

    name: str
    inner: Inner
    many: tuple[Inner, ...]
    named: dict[str, tuple[int, ...]]
    is_good: bool
    maybe: Inner | None = None
    extra: dict[str, Inner] = dataclasses.field(default_factory=dict)


WHOLE = Outer(
    "x", Inner(0.5), (Inner(1.0, "a"), Inner(0.0)), {"m": (1, 2), "n": ()}, True, Inner(2.0),
    {"k": Inner(0.25, "b")},
)  # fmt: skip


def test_dataclass_comes_back_when_it_is_nested() -> None:
    assert from_record(Outer, json.loads(json.dumps(dataclasses.asdict(WHOLE)))) == WHOLE


def test_defaults_are_taken_when_fields_are_missing() -> None:
    record = {"name": "x", "inner": {"share": 1}, "many": [], "named": {}, "is_good": False}
    found = from_record(Outer, record)
    assert (found.maybe, found.extra, found.inner.note) == (None, {}, None)
    assert isinstance(found.inner.share, float)  # 1 is a number as well


def test_unknown_fields_are_passed_over_when_a_later_version_wrote_them() -> None:
    assert from_record(Inner, {"share": 0.5, "colour": "red"}) == Inner(0.5)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": 3}, "there.name: expected str, got int"),
        ({"is_good": 1}, "there.is_good: expected bool, got int"),
        ({"inner": []}, "there.inner: expected dict, got list"),
        ({"inner": {}}, "there.inner: lacks share"),
        ({"inner": {"share": True}}, "there.inner.share: expected float, got bool"),
        ({"inner": {"share": "1"}}, "there.inner.share: expected float, got str"),
        ({"many": {}}, "there.many: expected list, got dict"),
        ({"many": [{"share": 1}, {"note": "x"}]}, r"there.many\[1\]: lacks share"),
        ({"named": {"m": [1, "2"]}}, r"there.named.m\[1\]: expected int, got str"),
        ({"named": {"m": [True]}}, r"there.named.m\[0\]: expected int, got bool"),
        ({"maybe": 3}, "there.maybe: expected dict, got int"),
        ({"name": None}, "there.name: expected str, got NoneType"),
    ],
)
def test_place_is_named_when_a_field_is_of_another_type(
    changes: dict[str, object], words: str
) -> None:
    record = json.loads(json.dumps(dataclasses.asdict(WHOLE))) | changes
    with pytest.raises(UsageError, match=words):
        from_record(Outer, record, "there")


def test_all_missing_fields_are_named_when_several_are() -> None:
    with pytest.raises(UsageError, match="report: lacks name, inner, many, named, is_good"):
        from_record(Outer, {})
