"""The figures of how a search went."""

from __future__ import annotations

from dataclasses import replace

from made_findings import made_findings, made_trial

from pcsearch.engine.results.findings import Finding
from pcsearch.page.figures.progress import best_so_far, timeline

TEXT = "method: random\nmetric: {name: loss, goal: GOAL}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
VALUES = (0.5, 0.7, 0.2, 0.3)


def at(trial: Finding, end: float, node: str = "one") -> Finding:
    """A trial of ten seconds."""
    return replace(trial, end=end, node=node)


def test_the_best_value_so_far_over_trials_epochs_and_time() -> None:
    trials = [at(made_trial(n, {}, v), 10.0 * n) for n, v in enumerate(VALUES, start=1)]
    # It ended first.
    trials.append(at(made_trial(5, {}, 0.9, status="stopped"), 9.0))
    figures = best_so_far(made_findings(TEXT.replace("GOAL", "minimize"), trials))
    lines = [figure.data[-1] for figure in figures]
    assert [line["y"] for line in lines] == [[0.9, 0.5, 0.2, 0.2]] * 3
    assert [line["x"] for line in lines] == [[1, 2, 4, 5], [5, 10, 20, 25], [10, 11, 31, 41]]
    titles = [figure.layout["xaxis"]["title"]["text"] for figure in figures]
    assert titles == ["trials that have reported", "epochs trained", "seconds"]
    points = {trace["name"]: trace["customdata"] for trace in figures[0].data[:-1]}
    assert points == {"finished": [1, 2, 3, 4], "stopped": [5]}
    assert figures[0].table is not None
    assert figures[0].table.count("<tr>") == 4


def test_the_greatest_may_be_the_best() -> None:
    trials = [at(made_trial(n, {}, v), 10.0 * n) for n, v in enumerate(VALUES, start=1)]
    figures = best_so_far(made_findings(TEXT.replace("GOAL", "maximize"), trials))
    assert figures[0].data[-1]["y"] == [0.5, 0.7, 0.7]


def test_without_times_there_is_no_figure_over_time() -> None:
    trial = replace(made_trial(1, {}, 0.5), end=None)
    findings = made_findings(TEXT.replace("GOAL", "minimize"), [trial])
    assert [figure.name for figure in best_so_far(findings)] == ["best-trials", "best-epochs"]
    assert timeline(findings) == []
    assert best_so_far(replace(findings, metrics=())) == []


def test_the_timeline_has_a_row_for_each_place_on_a_machine() -> None:
    trials = [
        at(made_trial(1, {}, 0.5), 100),
        at(made_trial(2, {}, 0.5), 105),
        at(made_trial(3, {}, 0.5, status="failed"), 110.2),
        at(made_trial(4, {}, 0.5), 100, "two"),
    ]
    (figure,) = timeline(made_findings(TEXT.replace("GOAL", "minimize"), trials))
    bars = {trace["name"]: trace for trace in figure.data}
    assert bars["finished"]["y"] == ["one · 1", "two · 1", "one · 2"]
    assert bars["failed"]["y"] == ["one · 1"]
    assert bars["failed"]["base"] == ["1970-01-01 00:01:40.200"]
    assert bars["failed"]["x"] == [10_000]
    assert figure.layout["yaxis"]["categoryarray"] == ["one · 1", "one · 2", "two · 1"]
