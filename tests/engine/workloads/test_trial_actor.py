"""The actor of a trial: its reports are plain, and it survives a folder that is gone."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ray.tune import Trainable

from pcsearch.engine.workloads.trial_actor import ENDING_VARIABLE, TrialActor


class OfTune(Trainable):
    """In the place of Tune's class."""

    folder: Path
    logdir: str = "/nowhere"

    def step(self) -> dict[str, Any]:
        return {"loss": 1j, "pid": "mine"}

    def reset(self, new_config: dict[str, Any], storage: Any = None) -> bool:
        self.folder = Path.cwd()
        self.logdir = new_config.get("logdir", self.logdir)
        return bool(new_config["answer"])


class Actor(TrialActor, OfTune):
    """As Tune makes it."""


@pytest.fixture
def actor(monkeypatch: pytest.MonkeyPatch) -> Actor:
    monkeypatch.setenv(ENDING_VARIABLE, "1")
    return Actor.__new__(Actor)


def test_reports_are_plain(actor: Actor) -> None:
    assert actor.step() == {"loss": "1j", "user/pid": "mine", "reported_as_text": ["loss"]}


def test_an_actor_is_reset_where_its_folder_is_gone(
    actor: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert actor.reset({"answer": True})
    assert actor.folder == tmp_path
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert actor.reset({"answer": True})
    assert actor.folder == Path("/")


def test_the_process_of_a_function_that_does_not_end_is_ended(
    actor: Actor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ENDING_VARIABLE)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as caught:
        actor.reset({"answer": False})
    assert (caught.value.code, os.environ[ENDING_VARIABLE]) == (1, "60")
    assert "did not end within 60 s: its process is ended" in capsys.readouterr().err


def test_the_folder_of_a_trial_is_removed_when_the_actor_runs_no_more_of_it(
    actor: Actor, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
        (folder / "file").touch()
    actor.logdir = str(folders[0])
    actor.reset({"answer": True})
    assert folders[0].exists(), "the trial is retried"
    actor.reset({"answer": True, "logdir": str(folders[1])})
    assert not folders[0].exists()
    assert folders[1].exists()
    actor.cleanup()
    assert not folders[1].exists()
