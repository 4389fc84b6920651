"""The scheduler of a sweep file: the engines there are, and the keys of W&B Launch."""

from __future__ import annotations

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import parse_sweep

ONE = "parameters: {x: {value: 1}}\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "method: custom\nmetric: {name: a}\n" + ONE,
            "sweep.yaml:1:1: method: custom needs an engine; write scheduler: {engine: optuna}",
        ),
        (
            "method: custom\nscheduler: {engine: ax}\nmetric: {name: a}\n" + ONE,
            "sweep.yaml:2:13: scheduler.engine: engine 'ax' is not supported; use optuna or wandb",
        ),
        (
            "method: custom\nscheduler: {engine: wandb}\nmetric: {name: a}\n" + ONE,
            "sweep.yaml:2:13: scheduler.engine: engine wandb is for method grid, random or bayes",
        ),
        (
            "method: grid\nscheduler: {engine: optuna}\n" + ONE,
            "sweep.yaml:2:13: scheduler.engine: engine optuna is for method custom",
        ),
        (
            "method: grid\nscheduler: optuna\n" + ONE,
            "sweep.yaml:2:1: scheduler: must be a mapping; write scheduler: {engine: optuna}",
        ),
        (
            "method: custom\nscheduler: {engine: optuna, source: s.py}\nmetric: {name: a}\n" + ONE,
            "sweep.yaml:2:29: scheduler.source: source is not supported: "
            "code of a sweep file is not run; list parameters instead",
        ),
        (
            "method: grid\nscheduler: {engin: wandb}\n" + ONE,
            "sweep.yaml:2:13: scheduler.engin: unknown key; did you mean 'engine'?",
        ),
    ],
)
def test_mistake_is_one_line_with_its_place(text: str, line: str) -> None:
    with pytest.raises(PcsearchError) as caught:
        parse_sweep(text, "sweep.yaml")
    assert str(caught.value) == line


def test_keys_of_a_launch_scheduler_are_noted() -> None:
    text = "method: bayes\nmetric: {name: a}\nscheduler: {num_workers: 8, resource: local}\n"
    assert parse_sweep(text + ONE, "f").notes == (
        "f:3:13: scheduler.num_workers: not used: pcsearch starts the trials",
        "f:3:29: scheduler.resource: not used: pcsearch starts the trials",
    )
