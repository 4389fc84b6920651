"""Hung trials: what kills them, and what does not count."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import watchdog
from pcsearch.engine.execution.watchdog import Watchdog


def test_trials_do_not_hang_because_the_loop_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: now[0])
    watching: Any = Watchdog(30.0, lambda _: "")
    actor = object()
    killed: list[object] = []
    monkeypatch.setattr(watchdog.ray, "kill", killed.append)
    running = SimpleNamespace(
        trial_id="a", status="RUNNING", temporary_state=SimpleNamespace(ray_actor=actor)
    )
    watching.on_trial_start(0, [], running)
    watching.on_step_begin(0, [running])
    now[0] += 40
    watching.on_step_begin(1, [running])
    assert killed == []
    for _ in range(320):
        now[0] += 0.1
        watching.on_step_begin(2, [running])
    assert killed == [actor]
