"""Which parameters matter: found where they do, and not claimed where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.importance import Importance, importances
from pcsearch.sweeps.sweep import parse_sweep

PARAMETERS = (
    "parameters:\n  lr: {distribution: log_uniform_values, min: 1e-5, max: 1.0}\n"
    "  width: {min: 1, max: 64}\n  kind: {values: [a, b, c]}\n  fixed: {value: 3}\n"
)


def findings(losses: list[float | None], configs: list[dict[str, Any]], goal: str) -> Findings:
    text = f"method: random\nmetric: {{name: loss, goal: {goal}}}\n{PARAMETERS}"
    sweep = parse_sweep(text, "s.yaml", numeric=lambda name: name == "lr")
    trials = [
        Finding(
            TrialResult(i, f"t{i}", "", config, "finished", 1, (loss,), 1.0),
            *(Path(), False, "", "", None, None, None),
        )
        for i, (loss, config) in enumerate(zip(losses, configs, strict=True))
    ]
    return Findings("here", sweep, sweep.metrics, tuple(trials), 99, "finished", ())


def drawn(count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(1)
    return [
        {
            "lr": float(10 ** random.uniform(-5, 0)),
            "width": int(random.integers(1, 65)),
            "kind": str(random.choice(["a", "b", "c"])),
            "fixed": 3,
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_the_parameter_that_matters_is_found(goal: str) -> None:
    configs = drawn(60)
    sign = 1 if goal == "minimize" else -1
    losses = [sign * (np.log10(each["lr"]) + 2) ** 2 for each in configs]
    found = importances(findings(list(losses), configs, goal))
    assert not isinstance(found, str)
    assert found[0].name == "lr"
    assert found[0].real
    assert found[0].share > 0.5
    assert sum(each.share for each in found) == pytest.approx(1)
    assert {each.name for each in found} == {"lr", "width", "kind"}


def test_of_noise_little_is_claimed() -> None:
    """Of three parameters that do not matter, one in twenty passes for one that does."""
    random = np.random.default_rng(2)
    claimed: list[Importance] = []
    for _ in range(10):
        found = importances(findings(list(random.normal(size=40)), drawn(40), "minimize"))
        assert not isinstance(found, str)
        claimed += [each for each in found if each.real]
    assert len(claimed) <= 6


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ([0.5] * 9, "9 trials have a value; it takes 10"),
        ([0.5] * 9 + [None], "9 trials have a value; it takes 10"),
        ([0.5] * 12, "all trials have the same value"),
    ],
)
def test_why_there_is_none(losses: list[float | None], why: str) -> None:
    assert importances(findings(losses, drawn(len(losses)), "minimize")) == why


def test_one_parameter_is_not_compared_with_others() -> None:
    configs = [{**each, "width": 8, "kind": "a"} for each in drawn(12)]
    losses = [float(i) for i in range(12)]
    why = "fewer than two parameters have different values"
    assert importances(findings(list(losses), configs, "minimize")) == why
