"""Errors of W&B: noted once, while the search continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.errors import CommError
from wandb_trials import (
    FakeTrial,
    make,
    metrics,
    read_all,
    run_trial,
)


def test_w_and_b_failing_at_the_start_is_one_problem_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise CommError("the server is on fire\nand more")

    monkeypatch.setattr(wandb, "init", fail)
    told: list[str] = []
    callback = make(tmp_path, tell=told.append)
    for name in ("a", "b"):
        run_trial(callback, FakeTrial(name), [metrics(1), metrics(2)])
    assert callback.problems == ["W&B: a run was not started: the server is on fire"]
    assert told == callback.problems


@pytest.mark.parametrize(
    ("method", "losses"),
    [
        ("log", ["a report was lost", "the charts of the vodes were lost"]),
        ("finish", ["a run was not written to its end"]),
    ],
)
def test_w_and_b_failing_later_is_noted_once_and_the_trials_continue(
    method: str, losses: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise wandb.Error("broken pipe")

    callback = make(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(wandb.Run, method, fail)
        for name in ("a", "b"):
            run_trial(callback, FakeTrial(name), [metrics(1), metrics(2)])
    assert callback.problems == [f"W&B: {loss}: broken pipe" for loss in losses]
    assert {run.id for run in read_all(tmp_path)} == {"a", "b"}
