"""Figures in the documentation are those that were recorded."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from docs.pages import ROOT

RESULTS = ROOT / "benchmarks" / "results"
Rows = list[dict[str, str]]


def recorded(path: Path) -> list[Rows]:
    """Return the tables that a program printed into a file."""
    tables: list[Rows] = []
    heads: list[str] = []
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]
        if line.startswith("┃"):
            heads = cells
            tables.append([])
        elif line.startswith("│"):
            tables[-1].append(dict(zip(heads, cells, strict=True)))
    return tables


def shown(path: Path) -> list[Rows]:
    """Return the tables of a page in Markdown."""
    tables: list[Rows] = []
    heads: list[str] = []
    for line in path.read_text().splitlines():
        if not line.startswith("|"):
            heads = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not heads:
            heads = cells
            tables.append([])
        elif not set(line) <= set("|-: "):
            tables[-1].append(dict(zip(heads, cells, strict=True)))
    return tables


def is_rounded(text: str, exact: str) -> bool:
    """Whether a figure is another one with as many digits as it shows."""
    if text == exact:
        return True
    digits = len(text.partition(".")[2].partition("e")[0])
    value, whole = float(text), float(exact)
    return (
        f"{value:.{digits}e}" == f"{whole:.{digits}e}"
        if "e" in text
        else (abs(value - whole) <= 0.5001 * 10.0**-digits)
    )


def recipes_table(index: int) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Return the rows by recipe of a table of the recipes' page, and what was recorded."""
    ours = {row["recipe"].strip("`"): row for row in shown(ROOT / "docs" / "recipes.md")[index]}
    found = recorded(RESULTS / "recipes_random.txt")[index]
    return ours, {row["recipe"]: row for row in found}


@pytest.mark.parametrize("index", [0, 1])
def test_recipes_cost_what_was_recorded(index: int) -> None:
    ours, found = recipes_table(index)
    assert set(ours) == set(found) - {"plain conversion"}
    for recipe, row in ours.items():
        for column in ("MiB", "time", "sign", "NMSE(img)"):
            assert is_rounded(row[column], found[recipe][column]), (recipe, column)


def test_bits_lost_are_those_recorded() -> None:
    ours, _ = recipes_table(0)
    columns = [name for name in next(iter(ours.values())) if "bits" in name or "pair" in name]
    for column, table in zip(columns, recorded(RESULTS / "recipes_trained.txt"), strict=True):
        lost = {row["recipe"]: row["lost (points)"] for row in table}
        for recipe, row in ours.items():
            assert row[column] == "" or float(row[column]) == float(lost[recipe]), recipe


def device_records() -> dict[tuple[str, ...], dict[str, Any]]:
    """Return what was recorded of a file on a device, by card, part, recipe and device."""
    records = json.loads((RESULTS / "devices.json").read_text())
    return {(r["card"], r["part"], r["recipe"], r["device"]): r for r in records}


def readme_table() -> dict[str, dict[str, str]]:
    """Return the rows of the README's table by recipe."""
    [table] = shown(ROOT / "README.md")
    return {re.sub("`([^`]*)`.*", r"\1", row[""]): row for row in table}


def without_amx() -> list[dict[str, str]]:
    """Return the times by recipe that were recorded without AMX, of 0.0's and 1.0's detector."""
    tables = recorded(RESULTS / "recipes_without_amx.txt")
    return [{row["recipe"]: row["time"] for row in table} for table in tables]


def test_readme_shows_the_recipes_as_their_page_does() -> None:
    rows = readme_table()
    pages = {row["recipe"].strip("`"): row for row in shown(ROOT / "docs" / "recipes.md")[0]}
    compared = rows.keys() & pages.keys()
    assert len(compared) >= 4
    for recipe in compared:
        assert rows[recipe]["time, AMX"] == pages[recipe]["time"], recipe
        for column in ("MiB", "NMSE(img)"):
            assert rows[recipe][column] == pages[recipe][column], (recipe, column)
        lost = float(pages[recipe]["bits lost: full size"])
        assert is_rounded(rows[recipe]["bits lost (points)"], str(lost)), recipe


def test_readme_shows_times_without_amx_as_recorded() -> None:
    rows, [found, _] = readme_table(), without_amx()
    compared = rows.keys() & found.keys()
    assert len(compared) >= 3
    for recipe in compared:
        assert is_rounded(rows[recipe]["time, without"], found[recipe]), recipe


def test_readme_says_on_which_devices_a_detector_is_right_as_recorded() -> None:
    names = {"gpu": "GPU", "qualcomm": "Snapdragon", "arm": "Arm"}
    verdicts: dict[str, dict[str, set[str]]] = {}
    for (card, part, recipe, device), record in device_records().items():
        name = names.get(device.partition(":")[0])
        if (card, part) == ("videoseal_0.0", "detector") and name is not None:
            verdicts.setdefault(recipe, {}).setdefault(name, set()).add(record["verdict"])
    for recipe, row in readme_table().items():
        found = verdicts.get(recipe, {})
        right = {name for name, said in found.items() if said == {"right"}}
        assert set(filter(None, row["right on"].split(", "))) == right, recipe


def test_readme_shows_the_stock_recipe_as_recorded() -> None:
    row = readme_table()["the same with BATCH_MATMUL left float"]
    stock = "stock INT8, BATCH_MATMUL float"
    costs = recorded(RESULTS / "dynamic_int8_random.txt")[-1]
    [cost] = [one for one in costs if one["detector"] == stock]
    [mean] = [
        t for t in recorded(RESULTS / "dynamic_int8_trained.txt")[-1] if t["attack"] == "mean"
    ]
    lost = float(mean["Edgeseal float32"]) - float(mean[stock])
    assert is_rounded(row["MiB"], cost["MiB"])
    assert is_rounded(row["NMSE(img)"], cost["NMSE(img)"])
    assert is_rounded(row["bits lost (points)"], f"{lost:.2f}")


def test_speed_is_shown_as_recorded() -> None:
    with_amx = [
        {row["recipe"]: row["time"] for row in table}
        for table in recorded(RESULTS / "recipes_random.txt")
    ]
    table = shown(ROOT / "docs" / "speed.md")[0]
    cards = {"0.0": 0, "1.0": 1}
    compared = 0
    for row in table:
        card, _, recipe = row[""].replace("`", "").partition(", ")
        if recipe in with_amx[0]:
            compared += 1
            assert is_rounded(row["AMX"], with_amx[cards[card]][recipe]), row
            assert is_rounded(row["without"], without_amx()[cards[card]][recipe]), row
    assert compared >= 8


def test_broken_detectors_are_shown_as_recorded() -> None:
    found = {row["stock recipe"]: row for row in recorded(RESULTS / "broken_detectors.txt")[0]}
    names = {"the same, `repair --float`": "dynamic INT8, --float"}
    [table] = [t for t in shown(ROOT / "docs" / "broken-models.md") if "stock recipe" in t[0]]
    for row in table:
        exact = found[names.get(row["stock recipe"], row["stock recipe"])]
        for column in ("sign", "NMSE(img)", "time"):
            assert is_rounded(row[column], exact[column]), (row, column)


def test_pruned_detectors_are_shown_as_recorded() -> None:
    found = {row["detector"]: row for row in recorded(RESULTS / "pruning_reference.txt")[0]}
    for row in shown(ROOT / "docs" / "pruning.md")[0]:
        exact = found[re.sub(", (no distillation|40 steps)", "", row["detector"])]
        assert is_rounded(row["bits read"].rstrip(" %"), exact["bits read (%)"])
        for column in ("MiB", "x original"):
            assert is_rounded(row[column], exact[column])


def test_hostile_activations_are_shown_as_recorded() -> None:
    [results] = recorded(RESULTS / "hostile_activations.txt")
    found = {(row["converter"], row["recipe"], row["equalized"]): row for row in results}
    [table] = [t for t in shown(ROOT / "docs" / "calibration.md") if "converter" in t[0]]
    for row in table:
        converter = row["converter"].removesuffix("'s").lower()
        no, yes = (found[converter, row["recipe"].strip("`"), one] for one in ("no", "yes"))
        assert is_rounded(row["plain"], no["plain"])
        assert is_rounded(row["scaled, not equalized"], no["hostile"])
        assert is_rounded(row["scaled, equalized"], yes["hostile"])
        assert is_rounded(row["by plain"], yes["x"])


def test_payloads_under_attack_are_shown_as_recorded() -> None:
    results = next(t for t in recorded(RESULTS / "payload.txt") if "counting errors" in t[0])
    names = {"Gaussian blur 2.5 px": "blur 2.5", "mean of 12": "mean"}
    found = {row["attack"]: row for row in results}
    [table] = [t for t in shown(ROOT / "docs" / "payload.md") if "attack" in t[0]]
    for row in table:
        exact = found[names.get(row["attack"], row["attack"])]
        for column in ("bits wrong", "counting errors", "weighing them"):
            given = next(name for name in row if name.startswith(column))
            assert row[given].replace(" ", "") == exact[column]


def test_files_on_devices_are_shown_as_recorded() -> None:
    found, seen = device_records(), set()
    [table] = [t for t in shown(ROOT / "docs" / "devices.md") if "card" in t[0]]
    for row in table:
        kind, _, variants = row["device"].partition(":")
        for variant in variants.split(", "):
            key = (row["card"], row["part"], row["recipe"], f"{kind}:{variant}".rstrip(":"))
            exact = found[key]
            seen.add(key)
            assert is_rounded(row["MiB"], str(exact["size_bytes"] / 2**20)), key
            assert (row["verdict"], row["pieces"]) == (exact["verdict"], str(exact["pieces"] or ""))
            assert row["refused"].startswith(f"{exact['refused']} of {exact['operators']}"), key
            for column in ("NSR", "signs"):
                value = exact[column.lower()]
                assert is_rounded(row[column], "" if value is None else str(value)), (key, column)
    assert seen == found.keys()


def test_bits_of_videos_are_those_recorded() -> None:
    tables = [t for t in shown(ROOT / "docs" / "video.md") if "bits of a frame" in t[0]]
    for table, found in zip(tables, recorded(RESULTS / "video_bit_rates.txt"), strict=True):
        for row, exact in zip(table, found, strict=True):
            given = [value.strip("*").replace(" %", "%") for value in row.values()]
            assert given == list(exact.values())[1:7]


def test_bits_of_other_clips_are_those_recorded() -> None:
    [table] = [t for t in shown(ROOT / "docs" / "video.md") if "zoom, more noise" in t[0]]
    found = iter(recorded(RESULTS / "video_other_clips.txt"))
    for row in table:
        for given in list(row.values())[1:]:
            [exact] = next(found)
            assert row["default"].startswith(f"`{exact['encoder']}`")
            parts = [part.replace(" %", "%") for part in given.split("; ")]
            assert parts == [exact["bits, frame"], exact["worst clip"], exact["found"]]
    assert next(found, None) is None


def test_videos_cost_what_was_recorded() -> None:
    results = recorded(RESULTS / "video.txt")
    [table] = [t for t in shown(ROOT / "docs" / "video.md") if "card, float32" in t[0]]
    for row, rows in zip(table, results, strict=False):
        found = {one["run"]: one for one in rows}
        cpu, time = "x upstream's CPU time", "x upstream's time"
        embed, detect = found["embed, edgeseal"], found["detect, edgeseal"]
        assert list(row.values())[1:] == [embed[cpu], detect[cpu], embed[time], detect[time]]
