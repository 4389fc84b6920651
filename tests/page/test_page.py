"""The page in a real browser, opened from the disk, with hostile names and without a network."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, browsing
from made_findings import made_findings, made_origin, made_trial
from PIL import Image

from pcsearch.engine.results.findings import Findings
from pcsearch.page.figures import parameters
from pcsearch.page.figures.columns import drawn
from pcsearch.page.figures.model import ROOM
from pcsearch.page.page import page_of

pytestmark = pytest.mark.slow

ATTACK = (
    "</script><script>document.hacked = 1</script><img src=http://evil.example/x onerror=hack()>"
)
NAME = '<b>"x"</b> & <!-- \u2028 y'
TEXT = f"""\
method: random
description: {ATTACK!r}
metric: {{name: 'loss', goal: minimize}}
early_terminate: {{type: hyperband, min_iter: 2}}
parameters:
  rate: {{distribution: log_uniform_values, min: 1.0e-5, max: 1.0}}
  kind: {{values: [{ATTACK!r}, '<!--', 'a']}}
  {json.dumps(NAME)}: {{min: 0.0, max: 1.0}}
  seed: {{values: [1, 2]}}
"""
COUNT = 20


def found(folder: Path) -> Findings:
    kinds = (ATTACK, "<!--", "a")
    trials = []
    for n in range(1, COUNT + 1):
        config: dict[str, Any] = {"rate": 10.0 ** -(n % 5), "kind": kinds[n % 3]}
        config |= {NAME: (n % 5) / 5, "seed": 1 + n // 16}
        status = "stopped" if n % 4 == 0 else "finished"
        trial = made_trial(n, config, n / 10, status=status, folder=folder)
        trials.append(replace(trial, node=f"<i>{n % 2}</i>", reason=ATTACK))
    failed = made_trial(COUNT + 1, {"kind": ATTACK}, None, status="failed", folder=folder)
    failed = replace(failed, result=replace(failed.result, error=ATTACK))
    findings = made_findings(TEXT, [*trials, failed])
    return replace(findings, place=f"/results/{ATTACK}", notes=(ATTACK,))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page."""
    folder = tmp_path_factory.mktemp("page")
    findings = found(folder)
    origin = made_origin(findings, rungs=(2, 4), name=ATTACK, versions={ATTACK: ATTACK})
    file = folder / "page.html"
    file.write_text(page_of(findings, origin, ATTACK, anonymous=False), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, file: Path) -> Iterator[Browser]:
    """The browser with the page: to open it takes seconds."""
    with browsing(tmp_path_factory.mktemp("profile")) as browser:
        browser.show(1280, 900, "light")
        browser.open(file)
        browser.wait("document.getElementById('count').textContent !== ''")
        yield browser
        assert_silent(browser)


def assert_silent(page: Browser) -> None:
    """No error is on the console, and nothing outside was asked for, since the last call."""
    schemes = {url.partition(":")[0] for url in page.requests()}
    assert schemes <= {"file", "data", "blob"}
    # Without a graphics card Chromium warns of slow drawing.
    assert [each for each in page.logs("browser") if each["level"] == "SEVERE"] == []


MODEL_TEXT = """\
method: custom
scheduler: {engine: optuna}
metrics:
- {name: loss, goal: minimize}
- {name: accuracy, goal: maximize}
parameters: {x: {min: 0.0, max: 1.0}}
"""
FRONT = {"1", "3"}


def found_models(folder: Path) -> Findings:
    """PC transformers, of which trials 1 and 3 are on the front of two metrics."""
    values = ((0.001, 0.5), (0.02, 0.4), (0.2, 0.9), (0.3, 0.1))
    trials = []
    for number, each in enumerate(values, start=1):
        trial = made_trial(number, {"x": number / 10}, *each, folder=folder)
        Image.new("RGB", (64, 32), (0, 90, 200)).save(trial.folder / "a.png")
        steps = {"vode_1": [1e-9, 2.0, 1.0], "vode_2": [9.0, 0.5, 0.001]}
        shown = {"energy": steps, "gradient norm": {"vode_0": [1.0, 0.5]}}
        (trial.folder / "a.json").write_text(json.dumps(shown))
        reports = [
            {
                "epoch": epoch,
                "loss": each[0] / epoch,
                "reconstructions_images": "a.png",
                **{f"VodeEnergy/vode_{vode}": vode / epoch for vode in (1, 2)},
                **{f"VodeGradNorm/vode_{vode}": vode + epoch for vode in (0, 1)},
            }
            for epoch in (1, 2, 3)
        ]
        lines = "".join(f"{json.dumps(report)}\n" for report in reports)
        (trial.folder / "result.json").write_text(lines)
        trials.append(trial)
    return made_findings(MODEL_TEXT, trials)


@pytest.fixture
def models(
    page: Browser, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Browser]:
    """The browser with another page, of PC transformers with two metrics.

    The plots of parameters have three of the four trials: trial 4 is in the table only.
    """
    monkeypatch.setattr(parameters, "drawn", lambda findings: drawn(findings, 3))
    findings = found_models(tmp_path)
    other = tmp_path / "models.html"
    other.write_text(page_of(findings, made_origin(findings), None, anonymous=False), "utf-8")
    for each in (other, file):
        page.open(each)
        page.wait("document.getElementById('count').textContent !== ''")
        if each is other:
            yield page


@pytest.fixture
def page(opened: Browser) -> Browser:
    """The browser with the page as it was at first."""
    opened.show(1280, 900, "light")
    opened.run(
        "for (const id of ['clear', 'unmark']) document.getElementById(id).click();"
        "const head = document.querySelector('#trials-table th');"
        "do head.firstChild.click(); while (head.getAttribute('aria-sort') !== 'ascending');"
        "document.querySelector('#trials-table').parentElement.scrollTop = 0;"
    )
    return opened


def shown_trials(page: Browser) -> list[str]:
    rows = "[...document.querySelectorAll('#trials-table tbody tr')]"
    trials: list[str] = page.run(
        f"return {rows}.filter((row) => !row.hidden).map((row) => row.dataset.trial)"
    )
    return trials


def draw(page: Browser, name: str) -> None:
    page.run("document.getElementById(arguments[0]).scrollIntoView({block: 'center'})", name)
    page.wait(f"document.getElementById('{name}').querySelector('.main-svg')")


def test_everything_is_drawn_from_the_file_alone_and_hostile_texts_do_nothing(
    page: Browser,
) -> None:
    names: list[str] = page.run(
        "return [...document.querySelectorAll('.plot')].map((each) => each.id)"
    )
    for name in names:
        draw(page, name)
    kinds = {name.split("-")[1] for name in names}
    assert kinds == {
        *("best", "parallel", "importance", "slice", "contour", "curves", "seeds", "timeline")
    }
    assert page.run("return document.hacked") is None
    # The script of its data, plotly and the page's own.
    assert page.run("return document.scripts.length") == 3
    assert page.run("return document.querySelectorAll('img, iframe, object').length") == 0
    assert page.run("return document.querySelector('h1').textContent") == ATTACK
    assert page.run("return document.querySelectorAll('.plot a, .plot b, .plot i').length") == 0
    titles = page.run(
        "return [...document.querySelectorAll('.xtitle')].map((each) => each.textContent)"
    )
    assert NAME.replace("\u2028", "") in [title.replace("\u2028", "") for title in titles]
    assert_silent(page)


def test_the_table_is_sorted_and_filtered(page: Browser) -> None:
    assert len(shown_trials(page)) == COUNT + 1
    head = "#trials-table th:nth-child(2)"
    page.click(f"{head} button")
    page.click(f"{head} button")
    # What has no value stays last.
    assert shown_trials(page) == [*(str(n) for n in range(COUNT, 0, -1)), str(COUNT + 1)]
    order = f"return document.querySelector('{head}').getAttribute('aria-sort')"
    assert page.run(order) == "descending"
    page.type("#filter", "STOPPED")
    assert shown_trials(page) == ["20", "16", "12", "8", "4"]
    assert page.run("return document.getElementById('count').textContent") == "5 of 21 trials"
    page.click("#clear")
    assert len(shown_trials(page)) == COUNT + 1
    page.run("document.getElementById('columns').parentElement.open = true")
    hidden = f"return document.querySelector('{head}').hidden"
    for is_hidden in (True, False):
        page.click("#columns label:first-child input")
        assert page.run(hidden) is is_hidden


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("loss<0.35", ["1", "2", "3"]),
        ("Loss>=0.5 loss<=.7 STOPPED", []),
        ("loss>=0.5 status!=stopped loss<0.8", ["5", "6", "7"]),
        ("rate=1e-4 seed==1", ["4", "9", "14"]),
        ("status=failed", [str(COUNT + 1)]),
        ("kind=a trial<9", ["2", "5", "8"]),
        ("seconds>11", []),
        # A condition that is being written, and a word that is none.
        ("loss< trial=7", ["7"]),
        ("nosuch=1", []),
        ("loss<cheap", []),
        # A trial without a value fulfils no order.
        ("loss!=0.5 trial>19", ["20", "21"]),
        ("loss>-1 trial>19", ["20"]),
    ],
)
def test_the_table_is_filtered_by_conditions(page: Browser, words: str, shown: list[str]) -> None:
    page.type("#filter", words)
    assert shown_trials(page) == shown


def test_a_trial_is_marked_in_the_table_and_in_every_plot(page: Browser) -> None:
    for name in ("plot-slice-1", "plot-curves", "plot-timeline", "plot-parallel"):
        draw(page, name)
    page.click("tr[data-trial='8'] td:nth-child(3)")
    marked = "return document.getElementById(arguments[0]).data.at(-1)"
    assert page.run(marked, "plot-slice-1")["name"] == "marked"
    assert page.run(marked, "plot-slice-1")["y"] == [0.8]
    assert page.run(marked, "plot-timeline")["base"] == ["1970-01-01 02:13:20.000"]
    assert page.run(marked, "plot-curves")["x"] == [5]
    brush = (
        "return document.getElementById('plot-parallel').data[0].dimensions"
        ".find((each) => each.label === 'trial').constraintrange"
    )
    assert page.run(brush) in ([7.5, 8.5], [[7.5, 8.5]])
    # A figure that is drawn later has the mark too.
    draw(page, "plot-best-trials")
    assert page.run(marked, "plot-best-trials")["name"] == "marked"
    assert len(shown_trials(page)) == COUNT + 1
    assert page.run("return document.getElementById('marked-text').textContent").startswith(
        "Trial 8 is marked"
    )
    page.click("#unmark")
    assert page.run(marked, "plot-slice-1")["name"] == "trials"
    assert page.run(brush) is None


def test_a_click_on_a_point_marks_its_row(page: Browser) -> None:
    draw(page, "plot-slice-1")
    x, y = page.run(
        "const box = document.querySelectorAll('#plot-slice-1 .point')[2].getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]"
    )
    page.drag([(x - 3, y - 3), (x, y)][1:])
    page.wait("document.querySelector('tr.marked')?.dataset.trial === '3'")


def test_a_brush_on_an_axis_chooses_rows(page: Browser) -> None:
    draw(page, "plot-parallel")
    # The axis of the loss is the last; its lower half is brushed.
    x, y, height = page.run(
        "const axes = document.querySelectorAll('#plot-parallel .axis-brush .background');"
        "const box = axes[axes.length - 1].getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y, box.height]"
    )
    page.drag([(x, y + 0.95 * height), (x, y + 0.75 * height), (x, y + 0.5 * height)])
    page.wait("document.querySelectorAll('#trials-table tbody tr[hidden]').length > 0")
    trials = sorted(map(int, shown_trials(page)))
    assert 3 <= len(trials) <= COUNT - 3
    assert trials == list(range(trials[0], trials[-1] + 1))
    page.click("#clear")
    assert len(shown_trials(page)) == COUNT + 1


def test_an_axis_that_was_moved_changes_neither_marks_nor_brushes(page: Browser) -> None:
    draw(page, "plot-parallel")
    order = "document.getElementById('plot-parallel').data[0].dimensions.map((each) => each.label)"
    before = page.run(f"return {order}")
    # The name of the first axis, the trials' numbers, is dragged beyond the second.
    x, y, step = page.run(
        "const [one, two] = [...document.querySelectorAll('#plot-parallel .axis-heading')]"
        ".map((each) => each.getBoundingClientRect());"
        "return [one.x + one.width / 2, one.y + one.height / 2, two.x - one.x]"
    )
    page.drag([(x, y), (x + 0.7 * step, y), (x + 1.5 * step, y)])
    page.wait(f"{order}[0] !== 'trial'")
    moved = page.run(f"return {order}")
    assert sorted(moved) == sorted(before)
    page.click("tr[data-trial='8'] td:nth-child(3)")
    ranges = (
        "return document.getElementById('plot-parallel').data[0].dimensions"
        ".map((each) => each.constraintrange?.flat() ?? null)"
    )
    assert dict(zip(moved, page.run(ranges), strict=True)) == {
        **dict.fromkeys(moved),
        "trial": [7.5, 8.5],
    }
    # The mark of a trial is no brush.
    assert len(shown_trials(page)) == COUNT + 1
    page.click("#unmark")
    assert set(map(str, page.run(ranges))) == {"None"}
    place = moved.index("loss")
    page.run(
        "const box = document.getElementById('plot-parallel');"
        "return Plotly.restyle(box, {[arguments[0]]: [[0.25, 0.55]]}, [0]).then(() => null)",
        f"dimensions[{place}].constraintrange",
    )
    assert shown_trials(page) == ["3", "4", "5"]


def test_the_keyboard_does_what_the_mouse_does(page: Browser) -> None:
    page.run("document.querySelector('tr[data-trial=\"5\"] .mark').focus()")
    enter, tab = "\ue007", "\ue004"
    page.press(enter)
    assert page.run("return document.querySelector('tr.marked').dataset.trial") == "5"
    assert page.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    page.press(tab)
    assert page.run("return document.activeElement.closest('tr').dataset.trial") == "6"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_legible_on_every_screen(page: Browser, width: int, scheme: str) -> None:
    draw(page, "plot-slice-1")
    page.show(width, 900, scheme)
    page.wait(f"document.documentElement.scrollWidth <= {width}")
    page.wait(f"document.querySelector('#plot-slice-1 .main-svg').clientWidth < {width}")
    colours = page.run(
        "const of = (what, where) => getComputedStyle(document.querySelector(where))[what];"
        "return [of('color', 'body'), of('backgroundColor', 'body'),"
        " of('fill', '#plot-slice-1 .xtitle')]"
    )
    text, ground, label = (_brightness(colour) for colour in colours)
    assert abs(text - ground) > 170
    assert abs(label - ground) > 170
    assert (ground > 128) == (scheme == "light")


def test_a_range_chooses_also_trials_that_are_not_drawn(models: Browser) -> None:
    draw(models, "plot-parallel")
    axes = "document.getElementById('plot-parallel').data[0].dimensions"
    assert sorted(models.run(f"return {axes}[0].values")) == [1, 2, 3]
    place = models.run(f"return {axes}.findIndex((each) => each.label === 'accuracy')")
    models.run(
        "const box = document.getElementById('plot-parallel');"
        "return Plotly.restyle(box, {[arguments[0]]: [[0, 0.45]]}, [0]).then(() => null)",
        f"dimensions[{place}].constraintrange",
    )
    assert sorted(shown_trials(models)) == ["2", "4"]


def test_the_models_and_the_front_of_several_metrics_are_shown(models: Browser) -> None:
    loaded = "[...document.images].filter((each) => each.complete && each.naturalWidth === 64)"
    models.run("document.getElementById('model').scrollIntoView()")
    models.wait(f"{loaded}.length === 3")
    lines = {
        "plot-vodes-1": ["vode_1", "vode_2"],
        "plot-vodes-2": ["vode_0", "vode_1"],
        "plot-steps-energy": ["vode_1", "vode_2"],
        "plot-steps-gradient": ["vode_0"],
        "plot-pareto-1": ["others", "Pareto front"],
    }
    names = "document.getElementById(arguments[0]).data.map((each) => each.name)"
    for plot, wanted in lines.items():
        draw(models, plot)
        assert models.run(f"return {names}", plot) == wanted
    points = "return document.getElementById('plot-pareto-1').data[1].customdata.map(String)"
    assert set(models.run(points)) == FRONT
    rows = "[...document.querySelectorAll('tr.front')].map((each) => each.dataset.trial)"
    assert set(models.run(f"return {rows}")) == FRONT
    # A scale of several decades has whole numbers at its ticks.
    ticks = "[...document.querySelectorAll('#plot-steps-energy .ytick')]"
    assert "0.01" in models.run(f"return {ticks}.map((each) => each.textContent)")
    for width, scheme in ((390, "dark"), (1280, "light")):
        models.show(width, 900, scheme)
        models.wait(f"document.documentElement.scrollWidth <= {width}")
        models.wait(f"document.querySelector('#plot-pareto-1 .main-svg').clientWidth < {width}")
    assert_silent(models)


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_printed_is_as_wide_as_the_paper(page: Browser, width: int) -> None:
    for name in ("plot-parallel", "plot-curves", "plot-slice-1"):
        draw(page, name)
    page.show(width, 900, "light")
    page.run("dispatchEvent(new Event('beforeprint'))")
    right = "(each) => each.getBoundingClientRect().right"
    ends = page.run(
        f"return [...document.querySelectorAll('.plot .main-svg, #trials-table')].map({right})"
    )
    assert max(ends) <= page.run(f"return ({right})(document.body)") + 1
    assert page.run("return document.body.offsetWidth") == 680
    curves = "document.querySelector('#plot-curves .main-svg').clientWidth"
    assert 600 < page.run(f"return {curves}") <= 680
    page.run("dispatchEvent(new Event('afterprint'))")
    wide = "document.getElementById('plot-curves').clientWidth"
    page.wait(f"{curves} === {wide} && {wide} <= {width} && {wide} !== 680")


def test_the_page_can_be_printed(page: Browser, file: Path) -> None:
    # Opened anew: the other tests have drawn every plot already.
    page.open(file)
    page.wait("document.getElementById('count').textContent !== ''")
    missing = "document.querySelectorAll('.plot:not(:has(svg))').length"
    assert page.run(f"return {missing}") > 0
    printed = base64.b64decode(page.chromium("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    page.wait(f"{missing} === 0")


def _brightness(colour: str) -> float:
    """Of ``rgb(1, 2, 3)``, from 0 to 255."""
    numbers = colour.removeprefix("rgb(").removesuffix(")").split(",")
    return sum(map(float, numbers)) / 3


def test_the_page_of_500_trials_and_60_parameters_is_below_8_mb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It takes long, and little room.
    monkeypatch.setattr("pcsearch.page.page.importances", lambda _: "left out")
    names = [f"parameter_{i}" for i in range(60)]
    space = "".join(f"  {name}: {{min: 0.0, max: 1.0}}\n" for name in names)
    text = f"method: random\nmetric: {{name: loss, goal: minimize}}\nparameters:\n{space}"
    random = np.random.default_rng(0)
    trials = [
        made_trial(
            n, dict(zip(names, random.random(60).tolist(), strict=True)), float(random.random())
        )
        for n in range(1, 501)
    ]
    trials = [replace(trial, folder=tmp_path) for trial in trials]
    reports = (f'{{"epoch": {n}, "loss": {random.random()}}}\n' for n in range(1, 101))
    (tmp_path / "result.json").write_text("".join(reports))
    findings = made_findings(text, trials)
    page = page_of(findings, made_origin(findings), None, anonymous=False)
    # In the page a picture takes a third more than in its file.
    assert 5e6 < len(page.encode()) < 8e6 - ROOM * 4 / 3
