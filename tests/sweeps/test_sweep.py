"""Sweep files as a whole: what is read, what is refused, and that nothing else can happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweep_reading import read_sweep

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.distributions.continuous import LogUniformValues
from pcsearch.sweeps.distributions.discrete import Categorical, Constant
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Sweep, parse_sweep

COMPLETE = """\
program: train.py
command: [python, "${program}"]
name: first
description: the first sweep
project: pc
entity: me
method: random
metric:
  name: val_mse
  goal: minimize
early_terminate: {type: hyperband, min_iter: 3}
run_cap: 20
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  blocks:
    values: [1, 2]
"""
ONE = "parameters: {x: {value: 1}}\n"


def lines_of(text: str, **options: Any) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        parse_sweep(text, "sweep.yaml", **options)
    return str(caught.value).splitlines()


def test_complete_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(COMPLETE)
    sweep = read_sweep(path)
    assert sweep == Sweep(
        method="random",
        metrics=(Metric("val_mse", "minimize"),),
        parameters={
            "learning_rate": Parameter(("learning_rate",), LogUniformValues(1e-5, 0.1)),
            "blocks": Parameter(("blocks",), Categorical((1, 2))),
        },
        early_terminate=Hyperband(3, 3),
        run_cap=20,
        name="first",
        description="the first sweep",
        project="pc",
        entity="me",
    )
    assert (sweep.source, sweep.text) == (str(path), COMPLETE)
    assert sweep.metric is not None
    assert sweep.metric.where == f"{path}:8:1"
    assert [each.where for each in sweep.parameters.values()] == [f"{path}:14:3", f"{path}:15:3"]
    assert sweep.notes == (
        f"{path}:1:1: program: train.py is not used: pcsearch runs its own trainable",
        f"{path}:2:1: command: not used: pcsearch runs its own trainable",
        f"{path}:14:53: parameters.learning_rate: '1e-5' (and 1 more, also at 14:64): text in "
        "YAML, read as a number, also in quotes; where the text is meant write !!str 1e-5",
    )


def test_smallest_file_is_read() -> None:
    sweep = parse_sweep("method: grid\n" + ONE, "sweep.yaml")
    assert (sweep.method, sweep.metric, sweep.early_terminate) == ("grid", None, None)
    assert (sweep.run_cap, sweep.name, sweep.notes) == (None, None, ())


@pytest.mark.parametrize(
    ("given", "mode"),
    [("", "min"), (", goal: minimize", "min"), (", goal: maximize", "max")],
)
def test_metric_is_minimized_unless_the_goal_says_otherwise(given: str, mode: str) -> None:
    sweep = parse_sweep(f"method: bayes\nmetric: {{name: a{given}}}\n{ONE}", "sweep.yaml")
    assert sweep.metric is not None
    assert sweep.metric.mode == mode


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (ONE, "sweep.yaml:1:1: method is missing; write method: grid, random, bayes or custom"),
        (
            "method: gird\n" + ONE,
            "sweep.yaml:1:1: method: unknown method 'gird'; did you mean 'grid'?",
        ),
        (
            "method: tpe\n" + ONE,
            "sweep.yaml:1:1: method: unknown method 'tpe'; use grid, random, bayes or custom",
        ),
        (
            "method: [grid]\n" + ONE,
            "sweep.yaml:1:1: method: unknown method ['grid']; use grid, random, bayes or custom",
        ),
        (
            "method: random\nmetrics: [{name: a}, {name: b}]\n" + ONE,
            "sweep.yaml:2:1: metrics: method random takes one metric; several need method: custom",
        ),
        (
            "method: bayes\n" + ONE,
            "sweep.yaml:1:1: method: bayes needs a metric; "
            "write metric: {name: best_val_mse, goal: minimize}",
        ),
        (
            "method: grid\n" + ONE + "early_terminate: {type: hyperband, min_iter: 1}",
            "sweep.yaml:3:1: early_terminate: hyperband needs a metric; "
            "write metric: {name: best_val_mse, goal: minimize}",
        ),
        (
            "method: grid",
            "sweep.yaml:1:1: parameters is missing; list at least one parameter under it",
        ),
        (
            "metod: grid\n" + ONE,
            "sweep.yaml:1:1: metod: unknown key; did you mean 'method'?",
        ),
        (
            "method: grid\nparamters: {x: {value: 1}}",
            "sweep.yaml:2:1: paramters: unknown key; did you mean 'parameters'?",
        ),
        (
            "method: grid\nparameters:\n",
            "sweep.yaml:2:1: parameters: is empty; list at least one parameter under it",
        ),
        (
            "method: grid\nparameters: {x: {min: 0.0, max: 1}}",
            "sweep.yaml:2:14: parameters.x: a grid needs values: uniform from 0.0 to 1 "
            "has no grid; give values, or distribution q_uniform or int_uniform",
        ),
        (
            "method: grid\nmetric: {goal: minimize}\n" + ONE,
            "sweep.yaml:2:1: metric: name is missing",
        ),
        (
            "method: grid\nmetric: {name: 5}\n" + ONE,
            "sweep.yaml:2:10: metric.name: 5 is not a name",
        ),
        (
            "method: grid\nmetric: val_mse\n" + ONE,
            "sweep.yaml:2:1: metric: must be a mapping; "
            "write metric: {name: val_mse, goal: minimize}",
        ),
        (
            "method: bayes\nmetric: {name: a, goal: minimise}\n" + ONE,
            "sweep.yaml:2:19: metric.goal: unknown goal 'minimise'; did you mean 'minimize'?",
        ),
        (
            "method: grid\nmetric: {name: a, gaol: minimize}\n" + ONE,
            "sweep.yaml:2:19: metric.gaol: unknown key; did you mean 'goal'?",
        ),
        (
            "method: grid\nrun_cap: 0\n" + ONE,
            "sweep.yaml:2:1: run_cap: 0 is not a whole number from 1",
        ),
        (
            "method: grid\nrun_cap: true\n" + ONE,
            "sweep.yaml:2:1: run_cap: true is not a whole number from 1",
        ),
        ("method: grid\nname: 5\n" + ONE, "sweep.yaml:2:1: name: 5 is not text; put it in quotes"),
        (
            "method: grid\nparameters: {o: {parameters: {lr: {min: 0.0, max: 1}}}}",
            "sweep.yaml:2:31: parameters.o.lr: a grid needs values: uniform from 0.0 to 1 has "
            "no grid; give values, or distribution q_uniform or int_uniform",
        ),
        (
            "method: grid\nparameters: {x: {values: [1, 2], probabilities: [0.5, 0.5]}}",
            "sweep.yaml:2:14: parameters.x: a grid needs values: one of [1, 2] with "
            "probabilities [0.5, 0.5] has no grid; remove the probabilities",
        ),
    ],
)
def test_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    assert lines_of(text) == [line]


def test_every_mistake_is_reported_in_the_files_order() -> None:
    text = """\
run_cap: -1
method: bayes
method: [random]
metric: {goal: up}
parameters:
  learning_rate:
    max: 0.01
    min: 0.1
  epochs: 5
typo: 1
"""
    lines = lines_of(text)
    assert lines == [
        "sweep.yaml:1:1: run_cap: -1 is not a whole number from 1",
        "sweep.yaml:3:1: method: given twice; the first is on line 2",
        "sweep.yaml:4:1: metric: name is missing",
        "sweep.yaml:4:10: metric.goal: unknown goal 'up'; use minimize or maximize",
        "sweep.yaml:8:5: parameters.learning_rate: min 0.1 is greater than max 0.01",
        "sweep.yaml:9:3: parameters.epochs: a parameter is a mapping; write value: 5",
    ]


def test_overrides_replace_parameters_in_place_and_add_others() -> None:
    text = "method: grid\nparameters: {a: {min: 0.0, max: 1}, b: {value: 2}}"
    sweep = parse_sweep(
        text, "f", numeric=lambda name: name == "a", overrides={"a": "1e-3", "c": "x"}
    )
    assert sweep.parameters == {
        "a": Parameter(("a",), Constant(0.001)),
        "b": Parameter(("b",), Constant(2)),
        "c": Parameter(("c",), Constant("x")),
    }
    assert [each.where for each in sweep.parameters.values()] == ["--set a", "f:2:37", "--set c"]
    assert list(sweep.parameters) == ["a", "b", "c"]


def test_an_override_may_not_replace_nested_parameters() -> None:
    text = "method: grid\nparameters: {o: {parameters: {lr: {value: 1}}}, b: {min: 1}}"
    assert lines_of(text, overrides={"o": "adam"}) == [
        "sweep.yaml:2:53: parameters.b: min without max",
        "--set o: it has parameters of its own; set o.lr",
    ]


def test_overrides_alone_are_parameters_enough() -> None:
    sweep = parse_sweep("method: random", "f", overrides={"a": 1})
    assert list(sweep.parameters) == ["a"]


def test_names_that_would_break_a_line_are_escaped() -> None:
    sweep = parse_sweep('method: grid\n"a\\nb": 1\n' + ONE, "sweep.yaml")
    assert sweep.notes == ("sweep.yaml:2:1: 'a\\nb': unknown key, not used",)
    with pytest.raises(PcsearchError, match=r"^'a\\nb': no such file$"):
        read_text("a\nb")
