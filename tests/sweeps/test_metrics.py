"""The metric or the metrics of a sweep file."""

from __future__ import annotations

import pytest

from pcsearch.errors import Problem
from pcsearch.sweeps.metrics import Goal, Metric, parse_metrics
from pcsearch.sweeps.reading.loader import load


def read(text: str) -> tuple[tuple[Metric, ...], list[str], list[str]]:
    problems: list[Problem] = []
    notes: list[str] = []
    metrics = parse_metrics(load(text, "sweep.yaml"), problems, notes)
    return metrics, [str(problem) for problem in problems], notes


def parse(text: str) -> tuple[tuple[Metric, ...], list[str]]:
    metrics, problems, notes = read(text)
    assert notes == []
    return metrics, problems


@pytest.mark.parametrize(
    ("given", "metric"),
    [
        ("name: a", Metric("a", "minimize")),
        ("name: val/loss.mean, goal: minimize", Metric("val/loss.mean", "minimize")),
        ("name: a, goal: maximize", Metric("a", "maximize")),
        ("name: a, target: 0.1", Metric("a", "minimize", target=0.1)),
        ("name: a, target: -3", Metric("a", "minimize", target=-3)),
        ("name: a, target: 1e-3", Metric("a", "minimize", target=0.001)),
        ("name: a, target: null", Metric("a", "minimize")),
        ("name: a, impute: latest", Metric("a", "minimize", impute="latest")),
        ("name: a, impute: best", Metric("a", "minimize", impute="best")),
        ("name: a, impute: worst", Metric("a", "minimize", impute="worst")),
        ("name: a, impute_while_running: 'false'", Metric("a", "minimize")),
        ("name: a, impute_while_running: false", Metric("a", "minimize")),
        (
            "name: a, impute_while_running: latest",
            Metric("a", "minimize", impute_while_running="latest"),
        ),
    ],
)
def test_metric_is_read(given: str, metric: Metric) -> None:
    metrics, problems = parse(f"metric: {{{given}}}")
    assert problems == []
    assert metrics == (metric,)
    assert metrics[0].where == "sweep.yaml:1:1"
    assert Metric(**metric.spec()) == metric


def test_file_may_have_no_metric() -> None:
    assert parse("method: grid") == ((), [])


def test_several_metrics_keep_their_order() -> None:
    metrics, problems = parse("metrics:\n- {name: b, goal: maximize}\n- {name: a}")
    assert problems == []
    assert metrics == (Metric("b", "maximize"), Metric("a", "minimize"))
    assert [metric.where for metric in metrics] == ["sweep.yaml:2:3", "sweep.yaml:3:3"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("metric: {goal: minimize}", ["1:1: metric: name is missing"]),
        ("metric: {name: 5}", ["1:10: metric.name: 5 is not a name"]),
        ("metric: {name: ''}", ["1:10: metric.name: '' is not a name"]),
        (
            "metric: val_mse",
            ["1:1: metric: must be a mapping; write metric: {name: val_mse, goal: minimize}"],
        ),
        (
            "metric:",
            ["1:1: metric: must be a mapping; write metric: {name: best_val_mse, goal: minimize}"],
        ),
        (
            "metric: {name: a, goal: minimise}",
            ["1:19: metric.goal: unknown goal 'minimise'; did you mean 'minimize'?"],
        ),
        (
            "metric: {name: a, goal: up}",
            ["1:19: metric.goal: unknown goal 'up'; use minimize or maximize"],
        ),
        (
            "metric: {name: a, gaol: minimize}",
            ["1:19: metric.gaol: unknown key; did you mean 'goal'?"],
        ),
        (
            "metric: {name: a, target: low}",
            ["1:19: metric.target: 'low' is not a finite number"],
        ),
        ("metric: {name: a, target: .inf}", ["1:19: metric.target: inf is not a finite number"]),
        (
            "metric: {name: a, impute: mean}",
            ["1:19: metric.impute: unknown impute 'mean'; use latest, best or worst"],
        ),
        (
            "metric: {name: a, impute_while_running: true}",
            [
                "1:19: metric.impute_while_running: unknown impute_while_running true; "
                "use latest, best or worst"
            ],
        ),
        (
            "metric: {nmae: a, goal: up, target: x}",
            [
                "1:10: metric.nmae: unknown key; did you mean 'name'?",
                "1:19: metric.goal: unknown goal 'up'; use minimize or maximize",
                "1:29: metric.target: 'x' is not a finite number",
            ],
        ),
        (
            "metrics: [{name: a}]",
            ["1:1: metrics: must be a list of two metrics or more, each with name and goal"],
        ),
        (
            "metrics: {name: a}",
            ["1:1: metrics: must be a list of two metrics or more, each with name and goal"],
        ),
        (
            "metrics: [{name: a}, {name: a, goal: maximize}]",
            ["1:22: metrics.1: a is given twice"],
        ),
        (
            "metrics: [{name: a}, b]",
            ["1:22: metrics.1: must be a mapping; write {name: b, goal: minimize}"],
        ),
        (
            "metric: {name: a}\nmetrics: [{name: a}, {name: b}]",
            ["2:1: metrics: metric and metrics exclude each other; keep one"],
        ),
    ],
)
def test_mistake_is_one_line_with_its_place(text: str, lines: list[str]) -> None:
    _, problems = parse(text)
    assert problems == [f"sweep.yaml:{line}" for line in lines]


GOAL = "metric.goal: unknown goal 'maximise'; did you mean 'maximize'?"
COUNTS = "needs none, and the {} value counts as the best"


@pytest.mark.parametrize("method", ["grid", "random"])
def test_what_a_search_does_not_need_may_be_wrong_and_is_noted(method: str) -> None:
    given = "{name: a, goal: maximise, impute: mean, impute_while_running: 3}"
    metrics, problems, notes = read(f"method: {method}\nmetric: {given}")
    assert (metrics, problems) == ((Metric("a", "maximize"),), [])
    unused = f"not used: method {method} learns from no trial"
    assert notes == [
        f"sweep.yaml:2:19: {GOAL} (method {method} {COUNTS.format('highest')})",
        "sweep.yaml:2:35: metric.impute: unknown impute 'mean'; use latest, best or worst "
        f"({unused})",
        "sweep.yaml:2:49: metric.impute_while_running: unknown impute_while_running 3; use latest, "
        f"best or worst ({unused})",
    ]


@pytest.mark.parametrize(
    ("given", "goal", "hint"),
    [
        ("minimise", "minimize", "did you mean 'minimize'?"),
        ("max", "maximize", "did you mean 'maximize'?"),
        ("MAXIMIZE", "maximize", "did you mean 'maximize'?"),
        # Either may be meant, or neither.
        ("m", "minimize", "use minimize or maximize"),
        ("up", "minimize", "use minimize or maximize"),
        ("1", "minimize", "use minimize or maximize"),
    ],
)
def test_the_goal_that_is_meant_is_taken_and_the_note_says_so(
    given: str, goal: Goal, hint: str
) -> None:
    metrics, _, (note,) = read(f"method: grid\nmetric: {{name: a, goal: {given}}}")
    assert metrics == (Metric("a", goal),)
    assert f"; {hint} (method grid " in note
    assert note.endswith(f"{COUNTS.format('highest' if goal == 'maximize' else 'lowest')})")


@pytest.mark.parametrize(
    "text",
    [
        "metric: {name: a, goal: maximise}\nmethod: bayes",
        "metric: {name: a, goal: maximise}\nmethod: custom",
        "metric: {name: a, goal: maximise}\nmethod: gird",
        "metric: {name: a, goal: maximise}",
        "metric: {name: a, goal: maximise}\nmethod: grid\nearly_terminate: {}",
        "metric: {name: a, goal: maximise, target: 0}\nmethod: random",
    ],
)
def test_a_goal_that_is_needed_is_a_problem(text: str) -> None:
    assert parse(text)[1] == [f"sweep.yaml:1:19: {GOAL}"]


def test_metric_is_described_in_words() -> None:
    assert Metric("a", "minimize").describe() == "minimize a"
    assert Metric("a", "maximize", target=0.9).describe() == (
        "maximize a until a trial reaches 0.9"
    )
    assert (Metric("a", "minimize").mode, Metric("a", "maximize").mode) == ("min", "max")


def test_less_is_better_only_for_what_is_minimized() -> None:
    loss, accuracy = Metric("loss", "minimize"), Metric("accuracy", "maximize")
    assert loss.better(1, 2)
    assert not loss.better(2, 1)
    assert accuracy.better(2, 1)
    assert not accuracy.better(1, 1)
    assert accuracy.better(-5, None)


def test_a_target_is_reached_from_either_side() -> None:
    loss, accuracy = Metric("loss", "minimize", target=0.5), Metric("a", "maximize", target=0.5)
    values = (0.4, 0.5, 0.6, None)
    assert [each for each in values if loss.reaches_target(each)] == [0.4, 0.5]
    assert [each for each in values if accuracy.reaches_target(each)] == [0.5, 0.6]
    assert not Metric("loss", "minimize").reaches_target(-1.0)
