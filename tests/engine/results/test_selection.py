"""Trials by conditions and in an order that the user names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.selection import selected
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = parse_sweep(
    "method: random\nmetric: {name: accuracy, goal: maximize}\nparameters:\n"
    "  blocks: {values: [1, 2, 3]}\n  model: {parameters: {kind: {values: [small, large]}}}\n"
    "  rate: {min: 0.0, max: 1.0}\n  epochs: {value: 12}\n",
    "s.yaml",
)


def finding(
    number: int, blocks: Any, kind: str, rate: float, accuracy: float | None, status: Status
) -> Finding:
    config = {"blocks": blocks, "model": {"kind": kind}, "rate": rate}
    result = TrialResult(
        number, f"t{number}", "", config, status, number, (accuracy,), 10.0 - number
    )
    return Finding(result, Path(), status == "interrupted", "", f"n{number % 2}", None, None, None)


FINDINGS = Findings(
    "here",
    SWEEP,
    SWEEP.metrics,
    (
        finding(1, 1, "small", 0.1, 0.5, "finished"),
        finding(2, 3, "large", 0.5, 0.9, "finished"),
        finding(3, 3.0, "small", 0.25, None, "failed"),
        finding(4, 2, "large", 1e-3, 0.7, "stopped"),
        finding(5, 2, "large", 0.9, None, "interrupted"),
    ),
    5,
    "running",
    (),
)


@pytest.mark.parametrize(
    ("where", "numbers"),
    [
        ([], [2, 4, 1, 3, 5]),
        (["blocks=3"], [2, 3]),
        (["blocks == 3"], [2, 3]),
        (["blocks!=3"], [4, 1, 5]),
        (["model.kind=large"], [2, 4, 5]),
        (["rate<0.25"], [4, 1]),
        (["rate<=0.25", "rate>=1e-2"], [1, 3]),
        (["accuracy>0.6"], [2, 4]),
        (["status=running"], [5]),
        (["status!=failed", "epochs>=4"], [4, 5]),
        (["node=n1"], [1, 3, 5]),
        (["trial=4"], [4]),
        (["seconds>8.5"], [1]),
        (["accuracy=null"], [3, 5]),
    ],
)
def test_conditions(where: list[str], numbers: list[int]) -> None:
    assert [each.result.number for each in selected(FINDINGS, where, None)] == numbers


@pytest.mark.parametrize(
    ("sort", "numbers"),
    [
        ("accuracy", [2, 4, 1, 3, 5]),
        ("-accuracy", [1, 4, 2, 3, 5]),
        ("rate", [4, 1, 3, 2, 5]),
        ("-epochs", [5, 4, 3, 2, 1]),
        ("model.kind", [2, 4, 5, 1, 3]),
        ("-model.kind", [1, 3, 2, 4, 5]),
        ("status", [3, 1, 2, 5, 4]),
    ],
)
def test_orders(sort: str, numbers: list[int]) -> None:
    assert [each.result.number for each in selected(FINDINGS, [], sort)] == numbers


def test_a_metric_and_what_is_known_of_every_trial_come_before_a_parameter_of_the_name() -> None:
    text = "method: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n"
    text += "  loss: {values: [mse, l1]}\n  epochs: {value: 12}\n"
    sweep = parse_sweep(text, "s.yaml")
    trials = []
    for number, (kind, value) in enumerate([("mse", 0.5), ("l1", 0.25)], start=1):
        result = TrialResult(
            number, "", "", {"loss": kind, "epochs": 12}, "finished", 2 * number, (value,), 1.0
        )
        trials.append(Finding(result, Path(), False, "", "", None, None, None))
    findings = replace(FINDINGS, sweep=sweep, metrics=sweep.metrics, trials=tuple(trials))

    def numbers(*where: str, sort: str | None = None) -> list[int]:
        return [each.result.number for each in selected(findings, where, sort)]

    assert numbers("epochs<4") == [1]
    assert numbers(sort="-epochs") == [2, 1]
    assert numbers("config.epochs=12") == [2, 1]
    assert numbers("loss>0.3") == [1]
    assert numbers("config.loss=l1") == [2]


def test_every_mistake_is_told() -> None:
    with pytest.raises(PcsearchError) as raised:
        selected(FINDINGS, ["block=3", "blocks", "rate<fast"], "acuracy")
    assert [str(problem) for problem in raised.value.problems] == [
        "--where: there is no 'block'; did you mean 'blocks'?",
        "--where: 'blocks' is no condition, such as num_blocks=3 or loss<0.1",
        "--where: 'rate<fast': < needs a number",
        "--sort: there is no 'acuracy'; did you mean 'accuracy'?",
    ]
