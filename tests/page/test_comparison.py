"""The page of searches beside each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from browser import browsing
from made_findings import made_findings, made_trial

from pcsearch.engine.results.comparison import Comparison, compared
from pcsearch.engine.results.findings import Findings
from pcsearch.page import comparison as module
from pcsearch.page.comparison import comparison_figures, comparison_page

TEXT = "method: grid\nmetric: {name: loss, goal: minimize}\nparameters: {x: {values: [1, 2, 3]}}\n"
HOSTILE = "<script>document.hacked = 1<b>x"


def search(name: str, *values: float) -> Findings:
    trials = [made_trial(n, {"x": n}, value) for n, value in enumerate(values, start=1)]
    return replace(made_findings(TEXT, trials), place=f"/results/{name}")


def found() -> Comparison:
    searches = [search(HOSTILE, 0.5, 0.7, 0.3), search("b", 0.4), search("c")]
    return compared(searches, ["seed"])


def test_a_line_for_each_search_on_each_axis() -> None:
    epochs, hours = comparison_figures(found())
    assert [line["name"] for line in epochs.data] == [HOSTILE, "b", "c"]
    assert epochs.data[0]["x"] == [5, 15, 15]
    assert epochs.data[0]["y"] == [0.5, 0.3, 0.3]
    assert hours.data[0]["x"] == [0.00277778, 0.558333, 0.558333]
    assert hours.data[2]["x"] == []
    assert epochs.table is not None
    assert epochs.table.count("<tr>") == 4


def test_a_line_goes_on_to_the_last_trial() -> None:
    epochs, _ = comparison_figures(compared([search("a", 0.5, 0.7), search("b")], ["seed"]))
    assert epochs.data[0]["x"] == [5, 10]
    assert epochs.data[0]["y"] == [0.5, 0.5]


def test_more_searches_than_colours_have_other_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COLOURS", ("red", "blue"))
    figure, _ = comparison_figures(compared([search(name, 0.5) for name in "abc"], ["seed"]))
    lines = [(trace["line"]["color"], trace["line"]["dash"]) for trace in figure.data]
    assert lines == [("red", "solid"), ("blue", "solid"), ("red", "dash")]


@pytest.mark.slow
def test_the_page_draws_itself_and_hostile_names_are_text(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(comparison_page(found()), encoding="utf-8")
    with browsing(tmp_path / "profile") as page:
        page.show(1280, 900, "dark")
        page.open(file)
        page.wait("document.querySelectorAll('.plot .main-svg .legend').length >= 2")
        legend = "[...document.querySelectorAll('#plot-best-time .legendtext')]"
        names = page.run(f"return {legend}.map((each) => each.textContent)")
        assert names == [HOSTILE, "b"]
        assert page.run("return document.hacked") is None
        told = page.run("return document.querySelector('li').textContent")
        assert told == "c: no trial has a value"
        assert {url.partition(":")[0] for url in page.requests()} <= {"file", "data", "blob"}
        assert [each for each in page.logs("browser") if each["level"] == "SEVERE"] == []
