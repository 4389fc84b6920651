"""The figures of what the parameters do."""

from __future__ import annotations

from made_findings import made_findings, made_trial

from pcsearch.engine.results.findings import Findings
from pcsearch.engine.results.importance import Importance
from pcsearch.page.figures.columns import MOST_POINTS
from pcsearch.page.figures.parameters import importance, parallel_coordinates, pareto, slices
from pcsearch.page.figures.progress import best_so_far

TEXT = """\
method: METHOD
metrics:
- {name: loss, goal: minimize}
- {name: acc, goal: maximize}
parameters:
  x: {min: 0.0, max: 1.0}
  kind: {values: [a, b]}
"""
ONE = TEXT.replace("METHOD", "random").replace(
    "metrics:\n- {name: loss, goal: minimize}\n- {name: acc, goal: maximize}",
    "metric: {name: loss, goal: minimize}",
)


def found() -> Findings:
    trials = [
        made_trial(1, {"x": 0.1, "kind": "a"}, 0.3),
        made_trial(2, {"x": 0.2, "kind": "b"}, 0.1),
        made_trial(3, {"x": 0.3, "kind": "b"}, None, status="failed"),
    ]
    return made_findings(ONE, trials)


def test_parallel_coordinates_begin_with_the_trials_and_end_with_the_metric() -> None:
    (figure,) = parallel_coordinates(found())
    dimensions = figure.data[0]["dimensions"]
    assert [each["label"] for each in dimensions] == ["trial", "x", "kind", "loss"]
    assert [each["values"] for each in dimensions] == [[2, 1], [0.2, 0.1], [1, 0], [0.1, 0.3]]
    assert figure.data[0]["line"]["color"] == [0.1, 0.3]


def test_of_very_many_trials_some_are_drawn_and_the_figures_say_so() -> None:
    assert not parallel_coordinates(found())[0].undrawn
    count = MOST_POINTS + 100
    trials = [made_trial(n, {"x": n / count, "kind": "ab"[n % 2]}, float(n)) for n in range(count)]
    findings = made_findings(ONE, trials)
    (figure,) = parallel_coordinates(findings)
    drawn = [each["values"] for each in figure.data[0]["dimensions"]]
    assert {len(values) for values in drawn} == {MOST_POINTS}
    assert len(figure.data[0]["line"]["color"]) == MOST_POINTS
    # A range chooses among those without a line, too.
    assert {len(values) for values in figure.undrawn} == {100}
    numbers, xs, kinds, _ = (one + other for one, other in zip(drawn, figure.undrawn, strict=True))
    assert sorted(numbers) == [*range(count)]
    assert kinds == [n % 2 for n in numbers]
    assert all(abs(x - n / count) < 1e-5 for x, n in zip(xs, numbers, strict=True))
    told = "1,500 of 1,600 trials are drawn: the best 750, and some of the rest."
    assert figure.about.endswith(f"{told} A range chooses among all.")
    for others in (slices(findings, []), best_so_far(findings)):
        assert others[0].about.endswith(told)
        assert MOST_POINTS in {len(trace.get("customdata", ())) for trace in others[0].data}


def test_a_parameter_without_a_value_has_no_axis() -> None:
    findings = made_findings(ONE, [made_trial(1, {"x": 0.5}, 0.1), made_trial(2, {}, 0.2)])
    (figure,) = parallel_coordinates(findings)
    labels = [each["label"] for each in figure.data[0]["dimensions"]]
    assert labels == ["trial", "x", "loss"]
    assert [figure.title for figure in slices(findings, [])] == ["x"]


def test_slices_begin_with_what_matters() -> None:
    figures = slices(found(), ["kind"])
    assert [figure.title for figure in figures] == ["kind", "x"]
    assert figures[0].data[0]["x"] == ["b", "a"]
    assert figures[0].data[0]["customdata"] == [2, 1]


def test_of_very_many_parameters_the_most_important_are_shown() -> None:
    names = [f"p{n}" for n in range(40)]
    text = "method: random\nmetric: {name: loss, goal: minimize}\nparameters:\n"
    text += "".join(f"  {name}: {{min: 0.0, max: 1.0}}\n" for name in names)
    trials = [made_trial(n, dict.fromkeys(names, n / 9), float(n)) for n in (1, 2, 3)]
    figures = slices(made_findings(text, trials), ["p39", "p7"])
    assert [figure.title for figure in figures] == ["p39", "p7", *names[:7], "p8"]
    for figure in figures:
        assert figure.about.endswith("Of 40 parameters the 10 most important have slices.")
    (parallel,) = parallel_coordinates(made_findings(text, trials), ["p39", "p7"])
    labels = [each["label"] for each in parallel.data[0]["dimensions"]]
    assert labels == ["trial", *names[:19], "p39", "loss"]
    assert "Of 40 parameters the 20 most important have an axis." in parallel.about
    assert "most important" not in slices(found(), [])[0].about


def test_importance_tells_what_is_chance() -> None:
    figure = importance([Importance("x", 0.75, True), Importance("kind", 0.25, False)], "loss")
    assert figure.data[0]["y"] == ["kind", "x"]
    assert figure.data[0]["text"] == ["25% (chance)", "75%"]
    assert figure.table is not None
    assert "no more than chance" in figure.table


def test_the_front_of_two_metrics() -> None:
    values = [(0.1, 0.5), (0.3, 0.9), (0.4, 0.6)]
    trials = [made_trial(i, {"x": 0.5, "kind": "a"}, *v) for i, v in enumerate(values, start=1)]
    findings = made_findings(TEXT.replace("METHOD", "custom\nscheduler: {engine: optuna}"), trials)
    (figure,) = pareto(findings)
    others, front = figure.data
    assert others["customdata"] == [3]
    assert sorted(front["customdata"]) == [1, 2]
    assert figure.layout["xaxis"]["title"]["text"] == "loss"
    dimensions = parallel_coordinates(findings)[0].data[0]["dimensions"]
    assert [each["label"] for each in dimensions][-2:] == ["loss", "acc"]


def test_without_values_there_is_nothing_to_draw() -> None:
    empty = made_findings(ONE, [made_trial(1, {}, None, status="failed")])
    assert parallel_coordinates(empty) == slices(empty, []) == pareto(empty) == []
    assert pareto(found()) == []
