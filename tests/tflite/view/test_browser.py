"""The page in a real browser: what is drawn, and what keys, clicks and links do."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from edgeseal.tflite.diagnosis import Level
from edgeseal.tflite.view import Combine, FindingNote, Measure, Overlay
from graphs import made, model_of, value
from tflite.view.conftest import Show
from tflite.view.samples import HOSTILE, hostile, layered, plain, row, with_functions

BOXES = """
return [...document.querySelectorAll("#graph .boxes > :is(.operator, .group, .terminal) .card")]
  .map((card) => card.getBoundingClientRect())
  .map(({left, top, right, bottom}) => [left, top, right, bottom])"""
ENDS = """
return [...document.querySelectorAll("#graph .lines path")].map((path) => {
  const matrix = path.getScreenCTM();
  const ends = [path.getPointAtLength(0), path.getPointAtLength(path.getTotalLength())];
  return ends.map((end) => end.matrixTransform(matrix)).map(({x, y}) => [x, y]);
})"""
FILLS = """
return Object.fromEntries(
  [...document.querySelectorAll("#graph .boxes > :is(.operator, .group)")].map((box) => [
    box.querySelector(".title").textContent,
    getComputedStyle(box.querySelector(".card")).fill,
  ]))"""


def test_every_box_is_drawn_when_the_page_opens(show: Show) -> None:
    page = show(layered()).everything()
    assert sorted(page.titles()) == sorted(
        ["image", "logits", *["FULLY_CONNECTED"] * 5, *["ADD", "TANH", "LOGISTIC"] * 3]
    )
    assert sorted(page.headers()) == ["0", "1", "2", "body", "norm", "norm", "norm"]
    assert page.text("#file-name") == "sample.tflite"
    assert page.text("#file-facts").startswith("14 operators")


def test_boxes_lie_apart_and_lines_meet_them_when_laid_out(show: Show) -> None:
    page = show(layered()).everything()
    boxes = page.run(BOXES)
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = other[0] >= right or other[2] <= left or other[1] >= bottom or other[3] <= top
            assert apart, (boxes[i], other)
    ends = [end for _, end in page.run(ENDS)]
    starts = [start for start, _ in page.run(ENDS)]
    touched_above = [any(touches(end, box, box[1]) for end in ends) for box in boxes]
    touched_below = [any(touches(start, box, box[3]) for start in starts) for box in boxes]
    assert touched_above.count(False) == 1  # the input
    assert touched_below.count(False) == 1  # the output


def touches(point: list[float], box: list[float], edge: float) -> bool:
    return box[0] <= point[0] <= box[2] and abs(point[1] - edge) < 1


def test_boxes_come_and_go_when_modules_are_folded(show: Show) -> None:
    page = show(layered()).everything()
    page.toggle("body")
    page.everything()
    assert sorted(page.titles()) == [
        "FULLY_CONNECTED",
        "FULLY_CONNECTED",
        "body",
        "image",
        "logits",
    ]
    assert "open=" in page.fragment()
    page.toggle("body")
    page.everything()
    assert page.titles().count("TANH") == 3  # as they were before
    page.toggle("1")
    page.everything()
    assert page.titles().count("TANH") == 2
    assert "1" in page.titles()
    page.click("unfold-all")
    page.everything()
    assert page.titles().count("TANH") == 3
    assert page.fragment() == ""


def test_lines_lead_to_the_folded_module_when_their_ends_are_in_it(show: Show) -> None:
    page = show(layered())
    page.toggle("body")
    page.everything()
    page.click(page.box("body"))
    panel = page.text("#panel-body")
    assert "Body · 12 operators" in panel
    assert "from FULLY_CONNECTED 0" in panel
    assert "to FULLY_CONNECTED 13" in panel
    assert len(page.run(ENDS)) == 4
    marked = page.run('return document.querySelectorAll("#graph .marked path").length')
    assert marked == 2


def test_search_finds_and_reveals_when_modules_are_folded(show: Show) -> None:
    page = show(layered(), fragment="#open=")
    page.search("logistic float32")
    assert page.text("#search-status") == "3"
    assert "dimmed" not in page.box("body").get_attribute("class")
    assert "dimmed" in page.box("FULLY_CONNECTED").get_attribute("class")
    page.keys(Keys.ENTER)
    assert page.text("#search-status") == "1/3"
    assert "LOGISTIC" in page.text("#panel-body h2")
    assert "operator 2" in page.text("#panel-body")
    page.everything()
    assert page.titles().count("LOGISTIC") == 1  # only its own module was unfolded
    page.keys("/", Keys.ENTER)
    page.keys(Keys.ENTER)
    page.keys(Keys.ENTER)
    assert page.text("#search-status") == "1/3"
    page.click("search-previous")
    assert page.text("#search-status") == "3/3"
    page.search("no such thing")
    assert page.text("#search-status") == "none"


@pytest.mark.parametrize("query", ["#9", "body.1 fully", "1x8 p.block_1 mlp"])
def test_search_understands_numbers_modules_and_shapes(show: Show, query: str) -> None:
    page = show(layered())
    page.search(query)
    page.keys(Keys.ENTER)
    assert page.text("#panel-body h2") in {"FULLY_CONNECTED", "TANH"}
    assert page.text("#search-status").endswith("/1")


def test_keys_work_when_nothing_has_the_focus(show: Show) -> None:
    page = show(layered())
    page.keys("/")
    assert page.run("return document.activeElement.id") == "search"
    page.keys("add", Keys.ENTER, Keys.ESCAPE)
    assert page.run("return document.activeElement.id") == "graph"
    assert page.text("#panel-body h2") == "ADD"
    page.keys(Keys.ARROW_UP)
    assert page.text("#panel-body h2") == "FULLY_CONNECTED"
    page.keys(Keys.ARROW_DOWN)
    assert page.text("#panel-body h2") == "ADD"
    before = page.zoom()
    page.keys("+")
    assert page.zoom() > before
    page.keys("-", "-")
    assert page.zoom() < before
    page.keys("0")
    assert "image" in page.titles()
    assert "logits" in page.titles()
    page.keys(Keys.ESCAPE)
    assert "select" not in page.fragment()
    page.keys("?")
    assert page.find("#help-box").is_displayed()
    page.keys(Keys.ESCAPE)
    assert not page.find("#help-box").is_displayed()


def test_module_toggles_when_enter_is_pressed(show: Show) -> None:
    page = show(layered())
    page.click(page.box("1"))
    page.keys(Keys.ENTER)
    assert "1" not in page.headers()
    assert "1" in page.titles()
    page.keys(Keys.ENTER)
    assert "1" in page.headers()


def test_link_brings_everything_back_when_opened_anew(show: Show) -> None:
    page = show(layered())
    page.toggle("1")
    page.choose("colour-choice", "type")
    page.search("logistic")
    page.keys(Keys.ENTER)
    titles, fragment = sorted(page.everything().titles()), page.fragment()
    assert "select=2" in fragment
    page.open(fragment).everything()
    assert sorted(page.titles()) == titles
    assert page.fragment() == fragment
    assert page.text("#panel-body h2") == "LOGISTIC"
    assert page.find("#search").get_attribute("value") == "logistic"
    assert page.find("#colour-choice").get_attribute("value") == "type"


@pytest.mark.parametrize(
    "fragment",
    [
        "#select=999",
        "#open=%E0%A4%A&select=%",
        "#graph=7&colour=mauve",
        "#=&&=x",
        "#open=__proto__",
    ],
)
def test_page_opens_when_the_link_is_nonsense(show: Show, fragment: str) -> None:
    assert "image" in show(layered(), fragment=fragment).titles()


def test_nothing_runs_when_names_are_hostile(show: Show) -> None:
    overlay_model = hostile()
    note = FindingNote(HOSTILE, Level.ERROR, HOSTILE, HOSTILE)
    operator = overlay_model.main.operators[0]
    overlay = Overlay({operator: [note]}, measures=[Measure(HOSTILE, {operator: 1.0})])
    page = show(overlay_model, overlay, "#select=0")
    assert page.text("#panel-body h2") == HOSTILE
    page.search(HOSTILE)
    page.keys(Keys.ENTER)
    page.click(page.find('[data-tab="findings"]'))
    assert HOSTILE in page.text("#panel-body")
    page.choose("colour-choice", "measure0")
    assert page.run("return window.pwned") is None
    assert page.run('return document.querySelectorAll("img, iframe, object").length') == 0
    assert page.run('return document.querySelectorAll("script").length') == 3


def test_policy_stops_scripts_and_network_when_something_slips_in(show: Show) -> None:
    page = show(layered())
    script = """
        const stopped = [];
        document.addEventListener("securitypolicyviolation",
          (event) => stopped.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.pwned = 1";
        document.body.append(script);
        fetch("https://example.invalid/").catch(() => {});
        setTimeout(arguments[0], 100, stopped);"""
    stopped = page.run_until_done(script)
    assert {"script-src-elem", "connect-src"} <= set(stopped)
    assert page.run("return window.pwned") is None
    assert len(page.errors()) >= 2  # taken out of the log, which has to be empty in the end


def test_findings_lead_to_their_operators_when_clicked(show: Show) -> None:
    model = layered()
    sums = [operator for operator in model.operators() if operator.kind == "ADD"]
    note = FindingNote("ES010", Level.ERROR, "it cannot run", "bad sum")
    hint = FindingNote("ES040", Level.NOTE, "look here", "odd layer")
    overlay = Overlay({**{op: [note] for op in sums}, made(model, "logits"): [hint]})
    page = show(model, overlay, "#open=")
    badges = page.run('return [...document.querySelectorAll(".badge")].map((b) => b.classList[1])')
    assert sorted(badges) == ["error", "note"]
    page.click(page.find('[data-tab="findings"]'))
    assert "bad sum" in page.text("#panel-body")
    links = page.run('return [...document.querySelectorAll(".places .link")]')
    assert len(links) == 4
    page.click(links[2])
    assert page.text("#panel-body h2") == "ADD"
    assert "it cannot run" in page.text("#panel-body")
    page.everything()
    assert page.titles().count("ADD") == 1  # its module alone was unfolded
    page.choose("colour-choice", "findings")
    assert "errors" in page.text("#legend")
    fills = page.run(FILLS)
    assert len({fills["ADD"], fills["FULLY_CONNECTED"], fills["0"]}) == 3


def test_colours_follow_the_numbers_when_a_measure_is_chosen(show: Show) -> None:
    model = layered()
    operators = list(model.operators())
    times = {operator: float(i) for i, operator in enumerate(operators)}
    overlay = Overlay(
        measures=[Measure("time", times, "ms", Combine.SUM), Measure("error", {operators[0]: 1e-3})]
    )
    page = show(model, overlay)
    kinds = page.run(FILLS)
    page.choose("colour-choice", "measure0")
    assert "13 ms" in page.text("#legend")
    assert page.run(FILLS) != kinds
    page.toggle("body")
    body_ms = sum(times[operator] for operator in operators[1:13])
    assert f"{body_ms:g} ms" in page.box("body").text
    assert f"{body_ms:g} ms" in page.text("#legend")  # sums are compared with what is seen
    page.choose("colour-choice", "measure1")
    assert "1e-3" in page.text("#legend") or "0.001" in page.text("#legend")
    assert "plain" in page.box("body").get_attribute("class")


def test_legend_singles_out_a_family_when_clicked(show: Show) -> None:
    page = show(layered())
    page.click(page.find("#legend button"))
    dimmed = page.run("""
        return [...document.querySelectorAll("#graph .dimmed .title")].map((t) => t.textContent)""")
    assert "TANH" in dimmed
    assert "FULLY_CONNECTED" not in dimmed


def test_functions_can_be_chosen_when_there_are_several(show: Show) -> None:
    page = show(with_functions(), fragment="#select=0")
    assert "1: condition" in page.text("#panel-body")
    page.click(page.find("#panel-body section ol button"))
    page.choose("graph-choice", "2")
    assert sorted(page.titles()) == ["ADD", "body_in", "body_out"]
    page.open(page.fragment())
    assert "ADD" in page.titles()
    assert not show(layered()).find("#graph-field").is_displayed()


def test_scheme_follows_the_system_and_the_switch_when_set(show: Show) -> None:
    page = show(layered())
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    page.resize(1400, 900, scheme="dark")
    dark = page.run(ground)
    assert dark != light
    page.click("theme")
    assert page.run(ground) == light


def test_nothing_is_cut_off_when_the_window_is_narrow(show: Show) -> None:
    page = show(layered())
    page.resize(390, 844)
    page.open()
    assert page.run("return document.documentElement.scrollWidth") <= 390
    assert not page.find("#panel").is_displayed()
    page.click(page.box("image"))
    assert page.find("#panel").is_displayed()
    sheet = page.find("#panel").rect
    assert sheet["width"] == 390
    assert sheet["height"] < 500


def test_only_what_is_in_sight_is_drawn_when_a_graph_is_large(show: Show) -> None:
    page = show(row(900))
    assert len(page.titles()) < 40
    page.click("unfold-all")
    page.everything()
    drawn = 'return document.querySelectorAll("#graph .boxes > .operator").length'
    assert page.run(drawn) == 900
    page.search("#450 tanh")
    page.keys(Keys.ENTER)
    assert page.text("#panel-body h2") == "TANH"
    assert page.run(drawn) < 60
    assert "operator 450" in page.text("#panel-body")


def test_sheet_moves_when_it_is_dragged_and_zooms_when_the_wheel_turns(show: Show) -> None:
    page = show(layered())
    place = page.run(BOXES)[0]
    page.drag("graph", 120, 40)
    moved = page.run(BOXES)[0]
    assert [round(now - then) for now, then in zip(moved, place, strict=True)] == [120, 40] * 2
    before = page.zoom()
    wheel = """
        const graph = document.getElementById("graph");
        graph.dispatchEvent(new WheelEvent("wheel",
          {deltaY: -300, clientX: 400, clientY: 400, bubbles: true, cancelable: true}))"""
    page.run(wheel)
    page.settle()
    assert page.zoom() > 1.3 * before


def test_page_opens_when_a_graph_has_no_operators(show: Show) -> None:
    assert show(model_of([], [], [])).titles() == []
    x = value("x", (1,))
    assert show(model_of([x], [x], [])).titles() == ["x", "x"]


def test_cycle_is_drawn_when_a_damaged_file_has_one(show: Show) -> None:
    x, a, b = value("x", (1,)), value("a", (1,)), value("b", (1,))
    page = show(model_of([x], [b], [plain(b, a, "TANH"), plain(a, b, "LOGISTIC")]))
    assert {"TANH", "LOGISTIC"} <= set(page.titles())
