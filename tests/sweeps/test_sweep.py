"""Sweep files as a whole: what is read, what is refused, and that nothing else can happen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.distributions import Categorical, Constant, LogUniformValues
from pcsearch.sweeps.early_terminate import Hyperband
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Metric, Sweep, parse_sweep, read_sweep

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
    assert read_sweep(path) == Sweep(
        method="random",
        metric=Metric("val_mse", "minimize", f"{path}:8:1"),
        parameters={
            "learning_rate": Parameter(
                "learning_rate", LogUniformValues(1e-5, 0.1), f"{path}:14:3"
            ),
            "blocks": Parameter("blocks", Categorical((1, 2)), f"{path}:15:3"),
        },
        early_terminate=Hyperband(3, 3),
        run_cap=20,
        name="first",
        description="the first sweep",
        project="pc",
        entity="me",
        source=str(path),
        text=COMPLETE,
        notes=(
            "program: train.py is not run; pcsearch trains its own model",
            "command: command is not run; pcsearch trains its own model",
        ),
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
        (ONE, "sweep.yaml:1:1: method is missing; write method: grid, random or bayes"),
        (
            "method: gird\n" + ONE,
            "sweep.yaml:1:1: method: unknown method 'gird'; did you mean 'grid'?",
        ),
        (
            "method: custom\n" + ONE,
            "sweep.yaml:1:1: method: unknown method 'custom'; use grid, random or bayes",
        ),
        (
            "method: [grid]\n" + ONE,
            "sweep.yaml:1:1: method: unknown method ['grid']; use grid, random or bayes",
        ),
        (
            "method: bayes\n" + ONE,
            "sweep.yaml:1:1: method: bayes needs a metric; "
            "write metric: {name: val_loss, goal: minimize}",
        ),
        (
            "method: grid\n" + ONE + "early_terminate: {type: hyperband, min_iter: 1}",
            "sweep.yaml:3:1: early_terminate: hyperband needs a metric; "
            "write metric: {name: val_loss, goal: minimize}",
        ),
        (
            "method: grid",
            "sweep.yaml:1:1: parameters is missing; list at least one parameter under it",
        ),
        (
            "method: grid\nparameters:\n",
            "sweep.yaml:2:1: parameters is empty; list at least one parameter under it",
        ),
        (
            "method: grid\nparameters: {x: {min: 0.0, max: 1}}",
            "sweep.yaml:2:14: parameters.x: uniform 0.0..1 has no grid; "
            "give values, or distribution q_uniform or int_uniform",
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
            "method: grid\nmetric: {name: a, goal: minimise}\n" + ONE,
            "sweep.yaml:2:19: metric.goal: unknown goal 'minimise'; did you mean 'minimize'?",
        ),
        (
            "method: grid\nmetric: {name: a, target: 0}\n" + ONE,
            "sweep.yaml:2:19: metric.target: target is not supported yet; remove it",
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
            "method: grid\nrun_cpa: 5\n" + ONE,
            "sweep.yaml:2:1: run_cpa: unknown key; did you mean 'run_cap'?",
        ),
        (
            "method: grid\ncount: 5\n" + ONE,
            "sweep.yaml:2:1: count: unknown key; to bound the number of trials write run_cap",
        ),
        (
            "method: grid\nmetrics: []\n" + ONE,
            "sweep.yaml:2:1: metrics: several metrics are not supported yet; give one under metric",
        ),
        (
            "method: grid\ncontroller: {type: local}\n" + ONE,
            "sweep.yaml:2:1: controller: "
            "controller is not supported; remove it: pcsearch is the controller",
        ),
        (
            "method: grid\nscheduler: {engine: optuna}\n" + ONE,
            "sweep.yaml:2:1: scheduler: "
            "scheduler is not supported; early_terminate: {type: hyperband} stops trials",
        ),
    ],
)
def test_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    assert lines_of(text) == [line]


def test_every_mistake_is_reported_in_the_files_order() -> None:
    text = """\
run_cap: -1
method: grid
method: random
metric: {goal: up}
parameters:
  learning_rate:
    max: 0.01
    min: 0.1
  epochs: 5
typo: 1
"""
    lines = lines_of(text, overrides={"x": {"a": 1}})
    assert lines == [
        "sweep.yaml:1:1: run_cap: -1 is not a whole number from 1",
        "sweep.yaml:3:1: method: given twice; the first is on line 2",
        "sweep.yaml:4:1: metric: name is missing",
        "sweep.yaml:4:10: metric.goal: unknown goal 'up'; use minimize or maximize",
        "sweep.yaml:8:5: parameters.learning_rate: min 0.1 is greater than max 0.01",
        "sweep.yaml:9:3: parameters.epochs: a parameter is a mapping; write value: 5",
        "sweep.yaml:10:1: typo: unknown key",
        "--set x: a mapping is not a value",
    ]


def test_overrides_replace_parameters_in_place_and_add_others() -> None:
    text = "method: grid\nparameters: {a: {min: 0.0, max: 1}, b: {value: 2}}"
    sweep = parse_sweep(
        text, "f", numeric=lambda name: name == "a", overrides={"a": "1e-3", "c": "x"}
    )
    assert sweep.parameters == {
        "a": Parameter("a", Constant(0.001), "--set a"),
        "b": Parameter("b", Constant(2), "f:2:37"),
        "c": Parameter("c", Constant("x"), "--set c"),
    }
    assert list(sweep.parameters) == ["a", "b", "c"]


def test_overrides_alone_are_parameters_enough() -> None:
    sweep = parse_sweep("method: random", "f", overrides={"a": 1})
    assert list(sweep.parameters) == ["a"]


def test_names_that_would_break_a_line_are_escaped() -> None:
    lines = lines_of('method: grid\n"a\\nb": 1\n' + ONE)
    assert lines == ["sweep.yaml:2:1: 'a\\nb': unknown key"]
    with pytest.raises(PcsearchError, match=r"^'a\\nb': no such file$"):
        read_sweep("a\nb")


def test_notes_are_one_line_each() -> None:
    sweep = parse_sweep('program: "a\\nb"\njob: x\nmethod: grid\n' + ONE, "f")
    assert sweep.notes == (
        "program: 'a\\nb' is not run; pcsearch trains its own model",
        "job: job is not run; pcsearch trains its own model",
    )


WORDS = (
    "method metric parameters early_terminate run_cap name goal type min_iter eta hyperband grid",
    "random bayes value values min max distribution q mu sigma uniform normal int_uniform s beta",
    "q_uniform log_uniform_values constant categorical x 1e-3 minimize program description <<",
)
words = st.sampled_from(" ".join(WORDS).split())
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words, st.text())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.one_of(words, words, scalars), inner, max_size=5)
    ),
    max_leaves=20,
)
parameter_mappings = st.dictionaries(
    st.sampled_from(["value", "values", "min", "max", "distribution", "q", "mu", "sigma"]),
    values,
    max_size=4,
)
sweeps = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["grid", "random", "bayes"]),
        "parameters": st.dictionaries(words, st.one_of(parameter_mappings, values), max_size=4),
    },
    optional={
        "metric": st.one_of(st.just({"name": "a"}), values),
        "early_terminate": st.one_of(st.just({"type": "hyperband", "min_iter": 1}), values),
        "run_cap": scalars,
        "name": scalars,
    },
)


def check_outcome(text: str) -> None:
    """Either a sweep that can be used, or problems of one line each."""
    try:
        sweep = parse_sweep(text, "f", numeric=lambda name: name == "x")
    except PcsearchError as error:
        lines = [str(problem) for problem in error.problems]
        sound = bool(lines) and all(line.isprintable() and len(line) < 2000 for line in lines)
    else:
        drawn = [(p.distribution, p.distribution.ppf(0.3)) for p in sweep.parameters.values()]
        sound = all(distribution.contains(value) for distribution, value in drawn)
    assert sound


@settings(max_examples=300, deadline=None)
@given(st.one_of(sweeps, values))
def test_any_yaml_value_gives_a_sweep_or_problems(value: Any) -> None:
    check_outcome(yaml.safe_dump(value, allow_unicode=True))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(words, st.sampled_from(list(" \n:-{}[],*&!'\"1.")), st.text(max_size=3))))
def test_any_text_gives_a_sweep_or_problems(pieces: list[str]) -> None:
    check_outcome("".join(pieces))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(COMPLETE)), st.integers(0, 20), st.text(max_size=4))
def test_any_edit_of_a_sound_file_gives_a_sweep_or_problems(
    start: int, length: int, inserted: str
) -> None:
    check_outcome(COMPLETE[:start] + inserted + COMPLETE[start + length :])
