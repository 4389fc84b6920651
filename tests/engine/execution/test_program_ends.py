"""The program of a trial that is over is ended, although Tune keeps the trial's actor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import program_ends
from pcsearch.engine.execution.program_ends import ProgramEnds


@pytest.mark.parametrize("has_actor", [True, False])
def test_the_actor_is_asked_to_end_the_program(
    has_actor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    method = SimpleNamespace(remote=lambda: asked.append("end"))
    actor = SimpleNamespace(end_program=method) if has_actor else None
    monkeypatch.setattr(program_ends, "actor", lambda _: actor)
    trial: Any = object()
    ProgramEnds().on_trial_complete(0, [trial], trial)
    assert asked == ["end"] * has_actor
