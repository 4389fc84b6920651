"""The sweep files that come with the project: each is planned whole, and runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from searching import TINY, reports, trial_folders
from wandb.apis.public.sweeps import _validate_config_and_fill_distribution
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args
from wandb_agents import suggest

from pcsearch.command_line.cli import main
from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.sweeps.configurations import configurations
from pcsearch.train import command as train

FOLDER = Path(__file__).parents[2] / "search_spaces"
FILES = sorted(FOLDER.glob("*.yaml"))
SIZES = {"architecture_grid": 350, "development": 6, "production_random": 100}
# What the files search must stay searched; this only makes a trial of theirs small.
SMALL = (
    *(f"{name}={TINY[name]}" for name in ("dataset", "hidden_size", "num_heads", "batch_size")),
    "train_subset=100",
    "test_subset=40",
    "validation_subset=40",
    "epochs=1",
    "inference_steps=2",
    "eval_inference_steps=[2]",
    "reconstruction_steps=[2]",
)


def test_the_files_are_those_that_the_readme_names() -> None:
    readme = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    for file in FILES:
        assert f"`{file.stem}`" in readme
    names = {"quickstart", "development", "architecture_grid"}
    assert {file.stem for file in FILES} == names | {"production_random", "bayes_hyperband"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_trial_of_a_file_is_a_configuration_of_the_model(file: Path) -> None:
    experiment = new_experiment(file, Options(num_samples=1000))
    assert experiment.cap == SIZES.get(file.stem, min(experiment.sweep.run_cap or 1000, 1000))
    planned = configurations(experiment.sweep, seed=0)
    if planned is None:
        assert experiment.sweep.method == "bayes"
        return
    configs = [planned.config(index) for index in range(experiment.cap)]
    assert len({json.dumps(config, sort_keys=True) for config in configs}) == experiment.cap
    for config in configs:
        model_config(config)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_wandbs_own_agent_starts_a_run_of_a_file(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the agent does with a file; tests/tracking/searches/test_agents.py runs the agent."""
    sweep = yaml.safe_load(file.read_text(encoding="utf-8"))
    _validate_config_and_fill_distribution(sweep)
    program, command = sweep["program"], create_sweep_command(sweep["command"])
    values = suggest(sweep, [])
    assert values is not None
    filled: dict[str, list[str]] = create_sweep_command_args({"args": values})
    filled |= {"program": [program], "interpreter": ["python"], "env": ["/usr/bin/env"]}
    arguments = [part for word in command for part in filled.get(word[2:-1], [word])]
    assert arguments[:4] == ["/usr/bin/env", "python", "-m", "pcsearch.train"]
    trained: list[ModelConfig] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "train", lambda config, *_: trained.append(config) or 0)
    assert train.main(arguments[4:]) == 0
    expected = model_config({name: entry["value"] for name, entry in values.items()})
    assert trained == [expected]


def test_the_architecture_grid_is_the_one_that_was_asked_for() -> None:
    experiment = new_experiment(FOLDER / "architecture_grid.yaml", Options())
    grids = {
        name: tuple(parameter.distribution.grid() or ())
        for name, parameter in experiment.sweep.parameters.items()
    }
    coefficients = (0, 1e-4, 1e-3, 1e-2, 1e-1)
    assert grids["num_blocks"] == tuple(range(7))
    assert grids["seed"] == (10, 20)
    assert grids["intermediate_l1_coeff"] == coefficients
    assert grids["intermediate_l2_coeff"] == coefficients
    assert grids["config"] == ("6block",)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_trial_of_each_file_runs(file: Path, tmp_path: Path) -> None:
    options = [part for setting in SMALL for part in ("--set", setting)]
    command = [str(file), "--num-samples", "1", "--wandb", "disabled", "--name", "here"]
    assert main([*command, "--storage-path", str(tmp_path), *options]) == 0
    (trial,) = trial_folders(tmp_path / "here")
    assert reports(trial)[-1]["best_val_mse"] > 0
