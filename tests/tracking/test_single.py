"""The W&B run of a single training has what the run of a trial has."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from wandb.sdk.lib import run_stopping
from wandb_server import WandbServer
from wandb_trials import (
    EPOCHS,
    METRIC,
    VALUES,
    FakeTrial,
    make,
    metrics,
    poll,
    read_one,
    run_trial,
)

from pcsearch.errors import PcsearchError
from pcsearch.pc.config_values import model_config
from pcsearch.tracking import wandb_internals
from pcsearch.tracking.content.files import ModelFiles
from pcsearch.tracking.single import RunOptions, SingleRun, in_agent, plan_run

CONFIG = model_config(VALUES)
TOLD: list[str] = []
"""The problems with W&B that the user was told."""
PICTURE = {"reconstructions_images": "reconstructions/epoch_0002.png"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    TOLD.clear()


def started(folder: Path, **options: Any) -> SingleRun:
    plan = plan_run(RunOptions(**{"wandb": "offline", **options}), folder, "now")
    plan.folder.mkdir(parents=True)
    return SingleRun(plan, CONFIG, TOLD.append)


def settle(run: SingleRun) -> None:
    run.manager.settle(lambda _: None)
    assert TOLD == []


def draw(folder: Path) -> None:
    (folder / "reconstructions").mkdir()
    Image.new("RGB", (8, 8)).save(folder / PICTURE["reconstructions_images"])


def test_it_logs_what_a_trial_with_the_same_reports_logs(tmp_path: Path) -> None:
    reports = [metrics(epoch) for epoch in range(1, EPOCHS + 1)]
    reports[1] |= PICTURE
    trial = FakeTrial(path=str(tmp_path / "trial"))
    (tmp_path / "trial").mkdir()
    draw(tmp_path / "trial")
    run_trial(make(tmp_path / "search"), trial, reports)
    of_trial = read_one(tmp_path / "search")

    run = started(tmp_path / "single")
    (folder,) = (tmp_path / "single").iterdir()
    draw(folder)
    for report in reports:
        pictures = {name: report[name] for name in PICTURE if name in report}
        run.add({k: v for k, v in report.items() if k not in PICTURE}, pictures)
    run.end()
    settle(run)
    own = read_one(folder)

    for row, expected in zip(own.rows(), of_trial.rows(), strict=True):
        assert row.keys() == expected.keys()
        plain = {k: v for k, v in expected.items() if not isinstance(v, dict)}
        assert {k: v for k, v in row.items() if k in plain} == plain
    assert "Summary/VodeEnergy_Trends_table" in own.rows()[-1]
    assert own.rows()[1]["reconstructions_images"]["_type"] == "image-file"
    of_search = {"searched"}
    assert of_trial.config.keys() - own.config.keys() == of_search
    assert own.config.keys() <= of_trial.config.keys()
    assert own.config["hidden_size"] == of_trial.config["hidden_size"] == CONFIG.hidden_size
    assert own.config["experiment_dir"] == str(folder)
    # The trials of this test are compared by another metric, whose best value is set elsewhere.
    assert own.summary.keys() - {METRIC.name} == of_trial.summary.keys()
    assert own.summary["trial_status"] == of_trial.summary["trial_status"] == "finished"
    assert own.summary["best_val_mse"] == 0.5
    assert own.exit_code == 0


def test_options_go_before_variables_and_these_before_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PROJECT", "ENTITY", "RUN_GROUP", "TAGS", "NOTES", "JOB_TYPE", "NAME"):
        monkeypatch.setenv(f"WANDB_{name}", name.lower())
    run = started(tmp_path / "variables")
    run.end()
    settle(run)
    (folder,) = (tmp_path / "variables").iterdir()
    found = read_one(folder)
    assert (found.project, found.entity, found.group) == ("project", "entity", "run_group")
    assert (found.tags, found.notes, found.job_type) == (["tags"], "notes", "job_type")
    assert found.name == "name"
    options = {"project": "p", "entity": "e", "group": "g", "tags": ("t",), "name": "n"}
    run = started(tmp_path / "options", **options)
    run.end()
    settle(run)
    (folder,) = (tmp_path / "options").iterdir()
    found = read_one(folder)
    assert (found.project, found.entity, found.group) == ("p", "e", "g")
    assert (found.tags, found.name) == (["t"], "n")


def test_by_itself_it_has_the_name_of_its_folder_and_no_group(tmp_path: Path) -> None:
    run = started(tmp_path / "single")
    run.end()
    settle(run)
    (folder,) = (tmp_path / "single").iterdir()
    found = read_one(folder)
    assert (found.project, found.group, found.job_type) == ("pcsearch", "", "train")
    assert found.name == folder.name == f"now_{found.id}"


def test_an_error_and_an_interruption_are_told(tmp_path: Path) -> None:
    for error, status in ((KeyError("lost"), "failed"), (KeyboardInterrupt(), "interrupted")):
        run = started(tmp_path / status)
        run.add(metrics(1), {})
        run.fail(error)
        # Ctrl-C may come at any moment.
        run.end()
        settle(run)
        (folder,) = (tmp_path / status).iterdir()
        found = read_one(folder)
        assert found.exit_code == 1
        assert found.summary["trial_status"] == status
        assert found.summary.get("error") == ("KeyError: 'lost'" if status == "failed" else None)


def test_outside_an_agent_a_run_has_an_id_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a second run with the id of the first would be taken for those of the first."""
    monkeypatch.setenv("WANDB_RUN_ID", "run0")
    plan = plan_run(RunOptions(wandb="offline"), tmp_path, "now")
    assert plan.run_id != "run0"
    assert plan.notes == ("W&B: WANDB_RUN_ID is not used: a single run starts anew",)


def test_a_project_that_wandb_does_not_take_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PcsearchError, match="--project: W&B takes no project name that has /: 'a/b'"
    ):
        plan_run(RunOptions(wandb="offline", project="a/b"), tmp_path, "now")


def test_in_an_agent_it_is_the_agents_run_also_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not in_agent()
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc12345")
    monkeypatch.setenv("WANDB_RUN_ID", "run0")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert in_agent()
    plan = plan_run(RunOptions(wandb="offline", project="pc"), tmp_path / "single", "now")
    assert (plan.run_id, plan.folder.name, plan.notes) == ("run0", "now_run0", ())
    run = SingleRun(plan, CONFIG, TOLD.append)
    run.end()
    settle(run)
    found = read_one(plan.folder)
    assert (found.id, found.project) == ("run0", "pc")


def test_online_the_stop_button_and_the_model_arrive(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_internals, "TRANSMIT_SECONDS", 0.5)
    monkeypatch.setattr(run_stopping, "_SLEEP", lambda _: asyncio.sleep(0.1))
    server.stop_pressed = True
    run = started(tmp_path / "single", wandb="online", entity="team", artifacts="best")
    run.add({k: v for k, v in metrics(1).items() if "Vode" not in k}, {})
    assert poll(lambda: run.stop_requested)
    (folder,) = (tmp_path / "single").iterdir()
    (folder / "model.pt").write_bytes(b"weights")
    run.end(ModelFiles(folder, ("model.pt",)))
    settle(run)
    (found,) = server.runs.values()
    assert found.summary["trial_status"] == "stopped by hand"
    assert found.exit_code == 0
    (artifact,) = server.artifacts.all.values()
    assert (artifact.name, artifact.kind) == (f"run-{found.id}", "checkpoint")
    assert server.uploads["model.pt"] == b"weights"
