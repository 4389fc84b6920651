"""What programs are told of their runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pcsearch
from pcsearch.tracking.runs.context import RunGroup
from pcsearch.tracking.scripts.environment import HOOK, TAGS, has_run, program_tracking

GROUP = RunGroup("p", "team", "here", Path("/x"), ("grid", "mine"), "why", "abc")


@pytest.mark.parametrize(
    ("mode", "key", "told"),
    [
        ("online", "k" * 40, {"WANDB_MODE": "online", "WANDB_DIR": "{folder}"}),
        ("offline", None, {"WANDB_MODE": "offline", "WANDB_DIR": "{directory}"}),
        ("disabled", None, {"WANDB_MODE": "offline", "WANDB_DIR": "{temporary}"}),
    ],
)
def test_the_run_of_a_program_is_that_of_its_trial(
    mode: Any, key: str | None, told: dict[str, str]
) -> None:
    found = program_tracking(GROUP, mode, key)
    assert found.variables.items() >= told.items()
    assert found.variables.get("WANDB_API_KEY") == key
    assert json.loads(found.variables[TAGS]) == ["grid", "mine"]
    same = {
        "WANDB_PROJECT": "p",
        "WANDB_ENTITY": "team",
        "WANDB_RUN_GROUP": "here",
        "WANDB_NOTES": "why",
        "WANDB_JOB_TYPE": "trial",
        "WANDB_SWEEP_ID": "abc",
        "WANDB_RUN_ID": "{trial}",
        "WANDB_NAME": "{name}",
        "WANDB_RESUME": "allow",
        "WANDB_SWEEP_PARAM_PATH": "{values}",
    }
    assert found.variables.items() >= same.items()


def test_what_a_search_does_not_have_is_left_out() -> None:
    found = program_tracking(RunGroup("p", None, "here", Path("/x")), "offline", None)
    left_out = {"WANDB_ENTITY", "WANDB_SWEEP_ID", "WANDB_NOTES", "WANDB_API_KEY"}
    assert not left_out & found.variables.keys()


def test_a_resumed_search_gives_its_programs_what_its_record_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("WANDB_ENTITY", "WANDB_NOTES", "WANDB_JOB_TYPE", "WANDB_TAGS"):
        monkeypatch.setenv(name, "of a later session")
    found = program_tracking(RunGroup("p", None, "here", Path("/x")), "offline", None).variables
    assert "of a later session" not in found.values()
    assert found["WANDB_JOB_TYPE"] == "trial"


def test_a_run_is_known_by_its_files(tmp_path: Path) -> None:
    variables = {"WANDB_DIR": str(tmp_path), "WANDB_RUN_ID": "abc"}
    assert not has_run(variables)
    folder = tmp_path / "wandb" / "offline-run-20250131_120000-abc"
    folder.mkdir(parents=True)
    (folder / "run-abc.wandb").touch()
    assert has_run(variables)
    assert not has_run(variables | {"WANDB_RUN_ID": "other"})


def test_the_hook_is_a_folder_of_the_package() -> None:
    assert (Path(pcsearch.__file__).parent / HOOK / "sitecustomize.py").is_file()


def test_the_users_settings_go_with_them_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = {"WANDB_API_KEY", "WANDB_SERVICE", "WANDB_DISABLED", "OTHER"}
    for name in ("WANDB_BASE_URL", "WANDB_RUN_ID", *left_out):
        monkeypatch.setenv(name, "users")
    found = program_tracking(GROUP, "offline", None).variables
    assert found["WANDB_BASE_URL"] == "users"
    assert found["WANDB_RUN_ID"] == "{trial}"
    assert not left_out & found.keys()


def test_the_runs_of_a_configuration_are_a_group() -> None:
    found = program_tracking(GROUP, "offline", None, replicated=True).variables
    assert found["WANDB_RUN_GROUP"] == "here, {configuration}"
