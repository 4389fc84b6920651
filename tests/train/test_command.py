"""The options of the command that trains one model."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.train import command
from pcsearch.train.command import main


def test_the_help_says_that_every_field_is_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Every parameter of the model is an option" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--project", "pc"], "--project is for a W&B run; add --wandb auto, online or offline"),
        (["--wandb", "disabled", "--tags", "a"], "--tags is for a W&B run; add --wandb auto,"),
        (["--wandb", "offline", "--tags", f"a,{'b' * 65}"], "more than 64 characters"),
        (["--wandb", "nowhere"], "'nowhere' is not one of"),
    ],
)
def test_wrong_options_for_wandb_are_refused(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert expected in capsys.readouterr().err


def test_nothing_is_logged_unless_an_agent_or_the_user_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(command, "train", lambda *arguments: seen.append(arguments[4]) or 0)
    assert main(["--seed", "3"]) == 0
    assert main(["--wandb", "offline", "--tags", "a, b", "--wandb-artifacts", "best"]) == 0
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc12345")
    assert main(["--seed", "3"]) == 0
    assert [options.wandb for options in seen] == ["disabled", "offline", "auto"]
    assert (seen[1].tags, seen[1].artifacts) == (("a", "b"), "best")


def test_the_default_folder_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "train", lambda *arguments: seen.append(arguments) or 0)
    assert main([]) == 0
    assert seen[0][3] == Path("pcsearch_train")
