"""Models that are trained in the foreground, with their W&B runs."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import wandb
from offline_runs import OfflineRun, read_run
from own_image_files import class_folders, put
from searching import TINY
from wandb_server import KEY, WandbServer

from pcsearch.pc.metrics import RECONSTRUCTIONS, SUMMARY
from pcsearch.pc.training import TrainingRun
from pcsearch.train.command import main

FIELDS = [f"--{name}={value}" for name, value in TINY.items()]
PICTURES = ["--save_reconstruction_images=True", "--reconstruction_every_n_epochs=2"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def folders() -> list[Path]:
    return sorted(Path("pcsearch_train").iterdir())


def epochs(folder: Path) -> list[dict[str, Any]]:
    """The numbers and strings of every epoch, as the run's own file has them."""
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    reported = map(json.loads, lines)
    return [{k: v for k, v in each.items() if v is not None} for each in reported]


def offline(folder: Path) -> OfflineRun:
    wandb.teardown()
    (session,) = (folder / "wandb").glob("offline-run-*")
    return read_run(session)


def test_online_the_run_has_everything(
    server: WandbServer, capfd: pytest.CaptureFixture[str]
) -> None:
    place = ["--project", "pc", "--entity", "team", "--name", "mine", "--group", "ours"]
    more = ["--tags", "a,b", "--wandb-artifacts", "best", "--wandb", "online"]
    assert main([*FIELDS, *PICTURES, *place, *more]) == 0
    out, err = capfd.readouterr()
    (folder,) = folders()
    (run,) = server.runs.values()
    assert (run.entity, run.project, run.display_name) == ("team", "pc", "mine")
    assert (run.group, run.tags, run.job_type, run.sweep) == ("ours", ["a", "b"], "train", None)
    assert run.values["hidden_size"] == TINY["hidden_size"]
    *rows, charts = run.rows
    pictures = [row.pop(RECONSTRUCTIONS, None) for row in rows]
    assert rows == epochs(folder)
    assert [picture is not None for picture in pictures] == [False, True, True]
    assert any(name.startswith("media/images/") for name in run.uploads)
    assert "Summary/VodeEnergy_Trends_table" in charts
    last = rows[-1]
    assert {k: run.summary[k] for k in SUMMARY if k in last} == {
        k: last[k] for k in SUMMARY if k in last
    }
    assert run.summary["trial_status"] == "finished"
    assert run.exit_code == 0
    models = [each.name for each in server.artifacts.all.values() if each.kind == "checkpoint"]
    assert models == [f"ours-{run.name}"]
    assert f"W&B: online (127.0.0.1:{server.port})" in err
    assert "Upload it to W&B" not in err
    assert "wandb:" not in out + err
    assert not any(KEY.encode() in f.read_bytes() for f in folder.rglob("*") if f.is_file())


def test_every_offline_run_has_a_folder_of_its_own_and_the_command_that_uploads_it(
    server: WandbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It has the path of own images as it was written, and a note names damaged ones."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    put(class_folders(tmp_path / "mine", each=50), "a/torn.png", b"")
    mine = ["--dataset=./mine", "--image_shape=[1, 8, 8]", "--epochs=1"]
    for _ in range(2):
        assert main([*FIELDS, *mine, "--wandb", "offline"]) == 0
    assert not server.requests
    told = capfd.readouterr().err
    assert told.count("1 of 101 images cannot be read and are left out: a/torn.png (") == 2
    assert len(folders()) == 2
    for folder in folders():
        (line,) = [line for line in told.splitlines() if f"{folder.absolute()}/wandb" in line]
        command = shlex.split(line.removeprefix("Upload it to W&B: "))
        assert command[:3] == ["wandb", "sync", "--include-online"]
        run = offline(folder)
        assert [row["epoch"] for row in run.rows() if "epoch" in row] == [1]
        assert run.project == "pcsearch"
        assert run.config["dataset"] == "./mine"
        assert run.config["data_dir"] == "../datasets/"


def test_an_interrupted_run_is_told_and_ends_with_the_status_of_an_interruption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_epoch = TrainingRun.run_epoch

    def interrupted(run: TrainingRun) -> Any:
        if run.epoch == 1:
            raise KeyboardInterrupt
        return run_epoch(run)

    monkeypatch.setattr(TrainingRun, "run_epoch", interrupted)
    assert main([*FIELDS, "--wandb", "offline"]) == 130
    (folder,) = folders()
    run = offline(folder)
    assert (run.summary["trial_status"], run.exit_code) == ("interrupted", 1)
    assert [row["epoch"] for row in run.rows()] == [1]


def test_a_run_without_data_is_failed_and_so_is_the_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCSEARCH_CIFAR10_URL", "http://127.0.0.1:1/cifar-10-python.tar.gz")
    assert main(["--data_dir", "nowhere", "--wandb", "offline"]) == 2
    assert "error: " in capsys.readouterr().err
    (folder,) = folders()
    run = offline(folder)
    assert (run.summary["trial_status"], run.exit_code) == ("failed", 1)
    assert "CIFAR-10" in run.summary["error"]


def test_in_an_agent_a_run_that_diverges_has_not_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After three failures in its first minute an agent ends."""
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc12345")
    monkeypatch.setenv("WANDB_RUN_ID", "run0")
    wild = ["--peak_lr_hidden=1e9", "--h_grad_clip_norm=None"]
    assert main([*FIELDS, *wild, "--wandb", "offline"]) == 0
    (folder,) = folders()
    assert folder.name.endswith("_run0")
    run = offline(folder)
    assert (run.id, run.summary["trial_status"], run.exit_code) == ("run0", "diverged", 0)
