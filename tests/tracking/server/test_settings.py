"""The user's settings for W&B: files, variables, their order, and what is wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import wandb
from wandb_server import KEY, WandbServer
from wandb_trials import FakeTrial, make, metrics, read_one, run_trial

from pcsearch.errors import PcsearchError
from pcsearch.tracking.server.api import set_up
from pcsearch.tracking.server.mode import resolve
from pcsearch.tracking.server.settings import (
    NOT_IN_PROJECT,
    OTHER_RUN,
    check_project,
    read_settings,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(file: str, text: str) -> None:
    """Write settings into ``wandb`` (of the folder) or ``wandb-config`` (of the user)."""
    Path(file).mkdir(exist_ok=True)
    Path(file, "settings").write_text(f"[default]\n{text}\n")


@pytest.mark.parametrize("name", [None, "", "pc", "a b-c.d_e", "ä" * 128])
def test_the_project_is_one_that_wandb_takes(name: str | None) -> None:
    check_project(name)
    wandb.Settings(project=name)


@pytest.mark.parametrize("name", [*(f"a{c}b" for c in NOT_IN_PROJECT), "p" * 129])
def test_the_project_is_refused_where_wandb_refuses_it(name: str) -> None:
    with pytest.raises(PcsearchError):
        check_project(name)
    with pytest.raises(wandb.UsageError):
        wandb.Settings(project=name)


@pytest.mark.parametrize("command", ["offline", "disabled"])
def test_who_turned_wandb_off_with_its_command_is_not_uploaded(
    command: str, server: WandbServer
) -> None:
    assert resolve("auto").mode == "online"
    wandb.teardown()
    asked = len(server.requests)
    program = Path(sys.executable).with_name("wandb")
    environment = os.environ | {"WANDB_SILENT": "true"}
    subprocess.run([program, command], env=environment, capture_output=True, check=True)
    mode = resolve("auto")
    assert (mode.mode, mode.reason) == (
        command,
        f"W&B: {command} (wandb/settings says {command})",
    )
    assert len(server.requests) == asked
    assert resolve("online").mode == "online"


@pytest.mark.parametrize(
    ("variables", "files", "mode", "reason"),
    [
        ({}, {"wandb-config": "offline"}, "offline", "wandb-config/settings says offline"),
        ({}, {"wandb-config": "disabled", "wandb": "online"}, "online", ""),
        (
            {},
            {"wandb-config": "online", "wandb": "dryrun"},
            "offline",
            "wandb/settings says dryrun",
        ),
        ({"WANDB_MODE": "online"}, {"wandb": "disabled"}, "online", ""),
        ({"WANDB_MODE": "disabled"}, {"wandb": "offline"}, "disabled", "WANDB_MODE is disabled"),
        ({"WANDB_MODE": " Offline "}, {}, "offline", "WANDB_MODE is offline"),
        ({"WANDB_MODE": ""}, {"wandb": "offline"}, "offline", "wandb/settings says offline"),
        ({"WANDB_DISABLED": "true"}, {}, "disabled", "WANDB_DISABLED is true"),
        ({"WANDB_DISABLED": "1", "WANDB_MODE": "online"}, {}, "disabled", "WANDB_DISABLED is 1"),
        ({"WANDB_DISABLED": "false"}, {}, "online", ""),
    ],
)
@pytest.mark.usefixtures("server")
def test_the_environment_goes_before_the_folder_and_the_folder_before_the_user(
    variables: dict[str, str],
    files: dict[str, str],
    mode: str,
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    for file, value in files.items():
        write(file, f"mode = {value}")
    resolved = resolve("auto")
    assert resolved.mode == mode
    assert reason in resolved.reason
    if "WANDB_DISABLED" not in variables and variables.get("WANDB_MODE", "online") == "online":
        # So says W&B's own client.
        wandb.teardown()
        theirs = wandb.setup(wandb.Settings(silent=True)).settings.mode
        assert {"dryrun": "offline"}.get(theirs, theirs) == mode


def test_project_and_entity_come_in_the_order_of_wandb_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert read_settings().choose("project", None) is None
    write("wandb-config", "project = hers\nentity = her-team")
    write("wandb", "project = the-folders")
    settings = read_settings()
    assert settings.choose("project", None) == "the-folders"
    assert settings.choose("entity", None) == "her-team"
    assert settings.choose("project", None, "the-sweeps") == "the-sweeps"
    monkeypatch.setenv("WANDB_PROJECT", "the-variables")
    settings = read_settings()
    assert settings.choose("project", None, "the-sweeps") == "the-variables"
    assert settings.choose("project", "the-options", "the-sweeps") == "the-options"


def test_what_every_run_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().of_runs() == {}
    monkeypatch.setenv("WANDB_TAGS", "first, second")
    monkeypatch.setenv("WANDB_NOTES", "why")
    monkeypatch.setenv("WANDB_JOB_TYPE", "sweep")
    assert read_settings().of_runs() == {
        "tags": ["first", "second"],
        "notes": "why",
        "job_type": "sweep",
    }


BROKEN = {
    "WANDB_CONSOLE": "nonsense",
    "WANDB_MODE": "nonsense",
    "WANDB_TAGS": "twice,,",
    "WANDB_HTTP_TIMEOUT": f"x{KEY}",
}


@pytest.mark.usefixtures("server")
def test_what_is_not_valid_is_named_without_its_value_and_keeps_no_run_from_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in BROKEN.items():
        monkeypatch.setenv(name, value)
    mode = resolve("auto")
    assert mode.mode == "offline"
    assert mode.reason.startswith("W&B: offline (its settings are not valid: correct or remove ")
    assert all(mode.reason.count(name) == 1 for name in BROKEN)
    assert KEY not in mode.reason
    with pytest.raises(PcsearchError, match="--wandb online cannot be used: its settings are not"):
        resolve("online")
    callback = make(tmp_path)
    run_trial(callback, FakeTrial(), [metrics(1)])
    assert callback.problems == []
    assert read_one(tmp_path).rows()[0]["epoch"] == 1
    assert os.environ.items() >= BROKEN.items()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[default]\nmode = offline\ncolour = red\n", "colour in wandb/settings"),
        ("mode = offline\n", "wandb/settings"),
        ("[default]\nconsole = nonsense\n", "console in wandb/settings"),
    ],
)
def test_a_file_that_is_not_valid_uploads_nothing(text: str, named: str) -> None:
    """W&B's client would leave out all that the file says."""
    Path("wandb").mkdir()
    Path("wandb", "settings").write_text(text)
    assert named in read_settings().broken
    assert resolve("auto").mode == "offline"


@pytest.mark.usefixtures("server")
def test_empty_variables_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "WANDB_TAGS", "WANDB_PROJECT", "WANDB_SWEEP_ID", "WANDB_CONSOLE"):
        monkeypatch.setenv(name, "")
    assert read_settings().broken == ()
    assert read_settings().settings == {}
    assert resolve("auto").mode == "online"


def test_no_variable_makes_the_client_continue_another_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = ("must", "other?_step=3", "other?_step=3", "true")
    for name, value in zip(OTHER_RUN, values, strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_ENTITY", "other")
    settings = set_up()
    assert settings.entity is None
    assert (settings.resume, settings.resume_from, settings.fork_from, settings.launch) == (
        None,
        None,
        None,
        False,
    )


def test_the_servers_address_may_be_in_a_file_and_the_key_stays_out(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_BASE_URL")
    write("wandb", f"base_url = {server.url}")
    assert resolve("auto").mode == "online"
    assert KEY not in repr(read_settings())
