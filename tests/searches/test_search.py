"""Whole searches through the command, with real Ray and real W&B files."""

from __future__ import annotations

import json
import math
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from offline_runs import read_runs
from searching import TINY, own, reports, trial_folders, write_sweep
from wandb.apis.public.sweeps import _validate_config_and_fill_distribution
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args
from wandb_agents import suggest

from pcsearch.command_line.cli import main
from pcsearch.engine.records.hardware import own_hardware, read_hardware
from pcsearch.pc.config_values import model_config
from pcsearch.pc.metrics import SUMMARY
from pcsearch.pc.training import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]


@pytest.fixture(scope="module")
def cpus() -> int:
    """Two trials run side by side."""
    return 2


class Search(NamedTuple):
    status: int
    out: str
    err: str
    directory: Path


def search(folder: Path, sweep: Path, *options: str, capfd: pytest.CaptureFixture[str]) -> Search:
    status = main([str(sweep), "--storage-path", str(folder), "--name", "here", *options])
    import wandb

    wandb.teardown()
    out, err = capfd.readouterr()
    return Search(status, out, err, folder / "here")


STRESS = {
    "use_ssl_augmentations": True,
    "linear_probe_every_n_epochs": 2,
    "linear_probe_epochs": 2,
    "update_weights_during_unmasking": True,
    "save_reconstruction_images": True,
    "reconstruction_every_n_epochs": 2,
}


def test_a_trial_is_the_same_first_fifth_and_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parameters = {name: {"value": value} for name, value in STRESS.items()}
    # One of the trials in between diverges, and what it leaves must not reach the next.
    parameters["peak_lr_hidden"] = {"values": [0.05]}
    order = [7, 1, 2, 3, 4]
    found = []
    for name, seeds in (("first", order[:1]), ("fifth", order[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        sweep = write_sweep(folder / "s.yaml", {**parameters, "seed": {"values": seeds}})
        done = search(folder, sweep, "--max-concurrent", "1", capfd=capfd)
        assert done.status == 0, done.err
        trials = trial_folders(done.directory)
        assert len(trials) == len(seeds)
        pids = {reports(trial)[0]["pid"] for trial in trials}
        assert len(pids) == 1, "the trials should share a process"
        found.append(reports(trials[seeds.index(7)]))
    alone = list(train(TINY | STRESS | {"seed": 7}))
    for expected, first, fifth in zip(alone, *found, strict=True):
        assert own(first, expected) == expected
        assert own(fifth, expected) == expected


def check_best_model(directory: Path, last: dict[str, Any], trial: int) -> None:
    """A fresh process finds the trial's metrics to the last bit in the copy of its model."""
    described = json.loads((directory / "best" / "metrics.json").read_text(encoding="utf-8"))
    assert (described["trial"], described["value"]) == (trial, last["best_val_mse"])
    command = [sys.executable, "-m", "pcsearch.train", "--from", directory, "--eval"]
    evaluated = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = dict(line.split(": ") for line in evaluated.splitlines())
    validation = [name for name in last if name.startswith(("ValMetrics/", "Vode"))]
    assert len(validation) > 4
    assert {name: found[name] for name in validation} == {n: str(last[n]) for n in validation}


def check_page(directory: Path, out: str, state: str) -> None:
    """The page of a search is drawn, and the last line says where it is."""
    page = directory / "report.html"
    assert out.endswith(f"\nThe page of the search is {page}\n")
    text = page.read_text(encoding="utf-8")
    assert f", {state}; drawn on " in text
    assert "data:image/png;base64," in text
    assert "Energy over the inference steps" in text


@pytest.mark.oldest
@pytest.mark.usefixtures("pages")
def test_a_search_leaves_every_epoch_in_its_files_and_in_wandb(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(
        tmp_path / "s.yaml",
        {
            "num_blocks": {"values": [0, 1]},
            # The second rate diverges at once.
            "peak_lr_hidden": {"values": [0.05, 1e9]},
            "h_grad_clip_norm": {"value": None},
            "save_reconstruction_images": {"value": True},
            "reconstruction_every_n_epochs": {"value": 3},
        },
        project="theirs",
        description="what for",
    )
    done = search(tmp_path, sweep, "--project", "mine", "--seed", "3", capfd=capfd)
    assert done.status == 0
    trials = trial_folders(done.directory)
    assert [trial.name[:5] for trial in trials] == ["0001_", "0002_", "0003_", "0004_"]
    runs = {run.id: run for run in read_runs(done.directory)}
    assert len(runs) == 4
    for trial in trials:
        run = runs[trial.name[5:]]
        params = json.loads((trial / "params.json").read_text(encoding="utf-8"))
        assert (run.project, run.group) == ("mine", "here")
        shown = {name: value for name, value in run.config.items() if name != "_wandb"}
        assert shown.pop("searched") == ["num_blocks", "peak_lr_hidden"]
        assert shown.pop("experiment_dir") == str(done.directory)
        assert shown.pop("node").startswith(platform.node())
        assert shown == model_config(params).model_dump(mode="json")
        assert (run.notes, run.tags, run.job_type) == ("what for", ["grid"], "trial")
        rows = {row["_step"]: row for row in run.history if "epoch" in row}
        kept = reports(trial)
        assert list(rows) == [report["epoch"] for report in kept]
        for report in kept:
            row = rows[report["epoch"]]
            for name in report:
                if name.startswith(("Losses/", "LearningRate/", "ValMetrics/", "Vode", "best_")):
                    assert row.get(name) == pytest.approx(report[name], nan_ok=True), name
        last = kept[-1]
        for name in SUMMARY:
            expected = str(last[name]) if name == "early_stop_reason" else last[name]
            assert run.summary.get(name) == pytest.approx(expected, nan_ok=True), name
        if params["peak_lr_hidden"] > 1:
            assert run.summary["early_stop_reason"] == "NaN"
            assert run.summary["trial_status"] == "diverged"
        else:
            assert run.summary["trial_status"] == "finished"
            assert "reconstructions_images" in rows[3]
            assert (trial / "reconstructions" / "epoch_0003.png").is_file()
    assert "seed 3" in done.err
    assert "W&B: offline" in done.err
    assert "4 trials, the best first, 2 without a value" in done.out
    assert str(done.directory) in done.out
    assert "wandb sync" in done.out
    assert (done.directory / "sweep.yaml").read_text() == sweep.read_text()
    best = yaml.safe_load(done.out[done.out.index("dataset:") : done.out.index("Everything lies")])
    values = [reports(trial)[-1]["best_val_mse"] for trial in trials]
    winner = min((v, i) for i, v in enumerate(values) if v is not None and math.isfinite(v))[1]
    assert best == json.loads((trials[winner] / "params.json").read_text(encoding="utf-8"))
    lies = f"of trial {winner + 1}, lies in {done.directory / 'best'}\n"
    assert f"The best model, {lies}" in done.out
    check_best_model(done.directory, reports(trials[winner])[-1], winner + 1)
    check_page(done.directory, done.out, "finished")
    machine = read_hardware(done.directory)[platform.node()]
    assert machine == own_hardware()
    assert machine.processor in (done.directory / "report.html").read_text(encoding="utf-8")


@pytest.mark.oldest
def test_bayes_with_hyperband_stops_trials_at_rungs_and_respects_the_cap(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(
        tmp_path / "s.yaml",
        {
            "peak_lr_hidden": {"min": 0.001, "max": 0.2},
            "num_blocks": {"values": [0, 1]},
            "epochs": {"value": 5},
            # The rungs need the metric more often than this.
            "validation_every_n_epochs": {"value": 5},
        },
        method="bayes",
        metric={"name": "ValMetrics/Pretext/full_mse", "goal": "minimize"},
        early_terminate={"type": "hyperband", "min_iter": 1, "eta": 2},
        run_cap=6,
    )
    # One after another: side by side, chance says which of them the rungs compare first.
    options = ("--num-samples", "9", "--wandb", "disabled", "--max-concurrent", "1", "--verbose")
    done = search(tmp_path, sweep, *options, capfd=capfd)
    assert done.status == 0, done.err
    trials = trial_folders(done.directory)
    assert len(trials) == 6
    assert not (done.directory / "wandb").exists()
    lengths = []
    for number, trial in enumerate(trials, start=1):
        epochs = reports(trial)
        lengths.append(len(epochs))
        assert done.err.count(f"trial {number} epoch ") == len(epochs)
        measured = [r["epoch"] for r in epochs if "ValMetrics/Pretext/full_mse" in r]
        assert measured == [epoch for epoch in (1, 2, 4, 5) if epoch <= len(epochs)]
    assert set(lengths) <= {1, 2, 4, 5}
    assert 5 in lengths
    assert min(lengths) < 5, "half of the trials at each rung are stopped"


@pytest.mark.oldest
def test_num_samples_caps_a_grid_and_the_cap_can_be_raised_on_resuming(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2, 3]}})
    options = ("--wandb", "disabled", "--set", "epochs=1")
    done = search(tmp_path, sweep, "--num-samples", "2", *options, capfd=capfd)
    assert done.status == 0, done.err
    assert len(trial_folders(done.directory)) == 2

    assert "trial 2 finished after epoch 1" in done.err
    assert main(["--resume", str(done.directory), "--num-samples", "9", "--quiet"]) == 0
    out, err = capfd.readouterr()
    assert err == ""
    record = json.loads((done.directory / "experiment.json").read_text(encoding="utf-8"))
    assert not {"quiet", "verbose"} & record["options"].keys()
    assert "3 trials, the best first" in out
    trials = trial_folders(done.directory)
    params = [json.loads((trial / "params.json").read_text(encoding="utf-8")) for trial in trials]
    assert [values["seed"] for values in params] == [1, 2, 3]
    assert {values["epochs"] for values in params} == {1}
    assert [trial.name[:4] for trial in trials] == ["0001", "0002", "0003"]


def test_an_exported_best_configuration_runs_as_at_wandb(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is a sweep of constants, for W&B's own code and here."""
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2]}})
    done = search(tmp_path, sweep, "--wandb", "disabled", "--set", "epochs=1", capfd=capfd)
    trials = trial_folders(done.directory)
    params = [json.loads((trial / "params.json").read_text(encoding="utf-8")) for trial in trials]
    best = tmp_path / "best.yaml"
    assert main(["export", str(done.directory), "--best-config", str(best)]) == 0
    values = suggested_by_wandb(best)
    again = search(tmp_path / "again", best, "--wandb", "disabled", capfd=capfd)
    assert again.status == 0, again.err
    (trial,) = trial_folders(again.directory)
    assert json.loads((trial / "params.json").read_text(encoding="utf-8")) == values
    ran = [reports(each)[-1]["best_val_mse"] for each in trials]
    assert reports(trial)[-1]["best_val_mse"] == min(ran)
    assert values == params[ran.index(min(ran))]


def suggested_by_wandb(file: Path) -> dict[str, Any]:
    """The values of the only run that W&B's sweeps make of a file."""
    sweep = yaml.safe_load(file.read_text(encoding="utf-8"))
    _validate_config_and_fill_distribution(sweep)
    first = suggest(sweep, [])
    assert first is not None
    assert suggest(sweep, [first]) is None
    arguments = create_sweep_command_args({"args": first})["args"]
    assert len(arguments) == len(sweep["parameters"])
    return {name: entry["value"] for name, entry in first.items()}
