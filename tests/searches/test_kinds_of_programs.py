"""Programs as people write them, each of another kind, are trials of one search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from commands import wait_for
from offline_runs import OfflineRun, read_runs
from searching import reports, trial_folders

from pcsearch.command_line.cli import main

pytestmark = pytest.mark.slow

EPOCHS = 3
METRIC = "eval/loss"
START = """
case $1 in
  kind=ranks|kind=ranks_fail) torchrun --standalone --nproc_per_node 2 ${1#kind=}.py "$@" ;;
  *) python ${1#kind=}.py "$@" ;;
esac
"""
HYDRA = """
import sys
import wandb, yaml
config = {}
for word in sys.argv[1:]:
    name, _, value = word.partition("=")
    *parents, last = name.split(".")
    inner = config
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[last] = yaml.safe_load(value)
assert config["model"] == {"depth": 2, "layers": [1, 2]} and config["lr"] == 0.5, config
run = wandb.init(project="of the script", config=config, group="of the script")
for epoch in range(3):
    run.log({"eval/loss": config["lr"] / (epoch + 1)})
"""
WORKERS = """
import torch, wandb
from torch.utils.data import DataLoader, Dataset

class Numbers(Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, index):
        return torch.tensor([float(index)])

wandb.init()
loader = DataLoader(Numbers(), batch_size=4, num_workers=2, persistent_workers=True)
for epoch in range(3):
    seen = sum(batch.sum().item() for batch in loader)
    assert seen == 28
    wandb.log({"eval/loss": wandb.config["lr"] / (epoch + 1)})
"""
LIBRARY = """
import wandb

class WandbLogger:
    _run = None

    def __init__(self, project="lightning_logs", **more):
        self._given = {"project": project, "resume": "allow", "dir": ".", "id": None, **more}

    @property
    def experiment(self):
        if self._run is None:
            self._run = wandb.run if wandb.run is not None else wandb.init(**self._given)
            self._run.define_metric("trainer/global_step")
            self._run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return self._run

    def log_hyperparams(self, values):
        self.experiment.config.update(values, allow_val_change=True)

    def log_metrics(self, metrics, step):
        self.experiment.log(dict(metrics, **{"trainer/global_step": step}))
"""
LOGGER = """
import sys
from library.loggers import WandbLogger
logger = WandbLogger(project="of the logger", name="named", tags=["fast"])
lr = float(dict(word.split("=") for word in sys.argv[1:])["lr"])
logger.log_hyperparams({"lr": lr, "own": "of the logger"})
for epoch in range(3):
    logger.log_metrics({"train/loss": 1.0, "epoch": epoch}, 10 * epoch)
    logger.log_metrics({"eval/loss": lr / (epoch + 1), "epoch": epoch}, 10 * epoch)
"""
CALLBACK = """
import importlib.util, os, sys
import torch

class Callback:
    def __init__(self):
        assert importlib.util.find_spec("wandb") is not None
        import wandb
        self._wandb, self._initialized = wandb, False

    def on_train_begin(self, config, model):
        self._initialized = True
        if self._wandb.run is None:
            project = os.getenv("WANDB_PROJECT", "huggingface")
            self._wandb.init(project=project, name="results")
        self._wandb.config.update(config, allow_val_change=True)
        self._wandb.define_metric("train/global_step")
        self._wandb.define_metric("*", step_metric="train/global_step", step_sync=True)
        self._wandb.config["model/num_parameters"] = 6
        self._wandb.watch(model, log="gradients", log_freq=1)

    def on_log(self, logs, step):
        self._wandb.log({**logs, "train/global_step": step})

lr = float(dict(word.split("=") for word in sys.argv[1:])["lr"])
model, callback = torch.nn.Linear(2, 2), Callback()
callback.on_train_begin({"learning_rate": lr, "optim": "adamw"}, model)
for epoch in range(3):
    model(torch.ones(1, 2)).sum().backward()
    callback.on_log({"train/loss": 1.0, "train/epoch": epoch}, 5 * epoch + 5)
    callback.on_log({"eval/loss": lr / (epoch + 1), "train/epoch": epoch}, 5 * epoch + 5)
"""
RANKS = """
import torch
import torch.distributed as dist
dist.init_process_group("gloo")
import wandb
if dist.get_rank() == 0:
    wandb.init(config={"ranks": dist.get_world_size()})
for epoch in range(3):
    halves = torch.tensor(0.25)
    dist.all_reduce(halves)
    if dist.get_rank() == 0:
        wandb.log({"eval/loss": halves.item() / (epoch + 1)})
    dist.barrier()
dist.destroy_process_group()
"""
RANKS_FAIL = """
import torch.distributed as dist
dist.init_process_group("gloo")
if dist.get_rank() == 1:
    raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
dist.barrier()
"""
MEDIA = """
import numpy as np
import wandb
run = wandb.init(tags=["own"], notes="of the script")
run.alert("begun", "it has begun")
for epoch in range(3):
    image = wandb.Image(np.full((4, 4, 3), 60 * epoch, np.uint8))
    table = wandb.Table(columns=["a", "b"], data=[[epoch, "x"]])
    run.log({"eval/loss": 0.5 / (epoch + 1), "image": image, "table": table})
artifact = wandb.Artifact("model", type="model")
with artifact.new_file("weights.txt") as file:
    file.write("0.5")
run.log_artifact(artifact)
run.summary["best"] = {"epoch": 2}
run.tags += ("later",)
"""
PROGRAMS = {
    "hydra": HYDRA,
    "workers": WORKERS,
    "logger": LOGGER,
    "callback": CALLBACK,
    "ranks": RANKS,
    "ranks_fail": RANKS_FAIL,
    "media": MEDIA,
}
HANGS = """
setsid sleep 600 &
[ "$2" = --hangs=yes ] && exec sleep 600
echo "loss: 1"
"""


def by(name: str, directory: Path) -> dict[str, Path]:
    """The folders of the trials by the value of a parameter."""
    folders = trial_folders(directory)
    return {json.loads((each / "params.json").read_text())[name]: each for each in folders}


def write(folder: Path, sweep: dict[str, Any]) -> None:
    (folder / "s.yaml").write_text(yaml.safe_dump({"method": "grid", **sweep}, sort_keys=False))


@pytest.mark.usefixtures("ray_here")
def test_each_kind_reports_and_has_its_run_with_all_that_it_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for kind, code in PROGRAMS.items():
        (tmp_path / f"{kind}.py").write_text(code)
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "loggers.py").write_text(LIBRARY)
    (tmp_path / "start.sh").write_text(START)
    constants = {"lr": 0.5, "model.depth": 2, "model.layers": [1, 2]}
    write(
        tmp_path,
        {
            "program": "start.sh",
            "command": ["sh", "${program}", "${args_no_hyphens}"],
            "metric": {"name": METRIC, "goal": "minimize"},
            "parameters": {
                "kind": {"values": [*PROGRAMS]},
                **{name: {"value": value} for name, value in constants.items()},
            },
        },
    )
    options = ["--name", "here", "--storage-path", ".", "--wandb", "offline"]
    assert main(["s.yaml", *options, "--max-failures", "0"]) == 1
    trials = by("kind", tmp_path / "here")
    failure = (trials.pop("ranks_fail") / "error.txt").read_text()
    shown = capfd.readouterr().out
    assert "1: RuntimeError: CUDA out of memory. Tried to allocate 2 GiB\n" in failure
    assert "the GPU's memory is too small for the trial" in shown
    for kind, trial in trials.items():
        found = [each[METRIC] for each in reports(trial)]
        assert found == [0.5 / epoch for epoch in range(1, EPOCHS + 1)], kind
    found_runs = read_runs(tmp_path / "here")
    runs = {kind: find(found_runs, trial.name[5:]) for kind, trial in trials.items()}
    assert len(found_runs) == len(runs)
    for kind, run in runs.items():
        losses = [row[METRIC] for row in run.rows() if METRIC in row]
        assert losses == [0.5 / epoch for epoch in range(1, EPOCHS + 1)], kind
        assert (run.project, run.group, run.exit_code) == ("pcsearch", "here", 0), kind
        assert run.config.items() >= {**constants, "kind": kind}.items(), kind
        assert "grid" in run.tags
    assert {kind: run.name for kind, run in runs.items()} == {
        **{kind: trial.name for kind, trial in trials.items()},
        "logger": "named",
        "callback": "results",
    }
    assert runs["hydra"].config["model"] == {"depth": 2, "layers": [1, 2]}
    assert runs["logger"].config["own"] == "of the logger"
    assert runs["logger"].rows()[-1]["trainer/global_step"] == 20
    assert runs["callback"].config["model/num_parameters"] == 6
    assert any("gradients/weight" in row for row in runs["callback"].rows())
    assert runs["ranks"].config["ranks"] == 2
    check_media(runs["media"])


def find(runs: list[OfflineRun], name: str) -> OfflineRun:
    (run,) = [each for each in runs if each.id == name]
    return run


def check_media(run: OfflineRun) -> None:
    """Everything beside numbers is in the offline run, once."""
    assert {row["image"]["_type"] for row in run.rows()} == {"image-file"}
    assert {row["table"]["_type"] for row in run.rows()} == {"table-file"}
    assert len(list(run.directory.glob("files/media/images/*.png"))) == EPOCHS
    assert len(list(run.directory.glob("files/media/table/*.json"))) == EPOCHS
    assert [alert[:2] for alert in run.alerts] == [("begun", "it has begun")]
    assert [each.name for each in run.artifacts if each.type == "model"] == ["model"]
    assert run.summary["best"] == {"epoch": 2}
    assert sorted(run.tags) == ["grid", "later", "own"]
    assert run.notes == "of the script"


@pytest.mark.usefixtures("ray_here")
def test_a_program_that_hangs_is_ended_with_all_that_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.sh").write_text(HANGS)
    write(
        tmp_path,
        {
            "program": "start.sh",
            "command": ["sh", "${program}", "--word", "${args}"],
            "metric": {"name": "loss"},
            "parameters": {"hangs": {"values": ["yes", "no"]}},
        },
    )
    options = ["--name", "here", "--storage-path", ".", "--wandb", "disabled"]
    options += ["--metrics-from", "stdout", "--grace", "1s", "--max-failures", "0"]
    assert main(["s.yaml", *options, "--trial-timeout", "20s"]) == 1
    trials = by("hangs", tmp_path / "here")
    assert [each["loss"] for each in reports(trials["no"])] == [1]
    assert "no report for 20 s (--trial-timeout)" in (trials["yes"] / "error.txt").read_text()
    # Its trial's process was killed: the one beside the program ends it.
    wait_for(lambda: not running(tmp_path), None)


def running(folder: Path) -> list[int]:
    """The processes of the programs of the trials below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PCSEARCH_TRIAL_DIR", "").startswith(str(folder)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
