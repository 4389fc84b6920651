"""What of a program's trial goes when the trial is over, although Tune keeps its actor."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import program_ends
from pcsearch.engine.execution.program_ends import ProgramEnds
from pcsearch.engine.execution.trial import SearchTrial


@pytest.mark.parametrize("has_actor", [True, False])
def test_the_actor_is_asked_to_end_the_program_and_what_it_has_logged_is_removed(
    has_actor: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    method = SimpleNamespace(remote=lambda: asked.append("end"))
    actor = SimpleNamespace(end_program=method) if has_actor else None
    monkeypatch.setattr(program_ends, "actor", lambda _: actor)
    trial: Any = SearchTrial.__new__(SearchTrial)
    trial.folder = tmp_path
    for name in ("logged", "files"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a").touch()
    ProgramEnds().on_trial_complete(0, [trial], trial)
    assert asked == ["end"] * has_actor
    assert [file.name for file in tmp_path.iterdir()] == ["files"]
