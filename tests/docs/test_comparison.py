"""The rows of the README's comparison that the installed libraries can be asked for."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import optuna
import ray.air.integrations.wandb
from pages import README
from ray import tune
from ray.tune.schedulers import SCHEDULER_IMPORT
from ray.tune.search import SEARCH_ALG_IMPORT

from pcsearch.command_line.cli import command

_, _, TABLE = README.partition("## What pcsearch does, and what others do")
ROWS = {
    row.split(" | ")[0].removeprefix("| "): row.removesuffix(" |").split(" | ")[1:]
    for row in TABLE.partition("\n## ")[0].splitlines()
    if row.startswith("| ")
}


def test_each_row_has_a_word_on_each() -> None:
    assert len(ROWS) > 10
    assert all(len(cells) == 4 for cells in ROWS.values())


def test_searchers_are_those_of_the_libraries() -> None:
    ours, _, tune_, optuna_ = ROWS["chooses values by"]
    (sampler,) = [each for each in command.params if each.name == "sampler"]
    choices = set(sampler.type.to_info_dict()["choices"])
    assert choices == {"auto", "tpe", "gp", "cmaes", "qmc", "random"}
    assert all(name in ours for name in ("TPE", "Gaussian process", "CMA-ES", "QMC", "random"))
    named = ("Optuna", "HyperOpt", "Ax", "BOHB", "HEBO")
    assert all(name in tune_ and name.lower() in SEARCH_ALG_IMPORT for name in named)
    classes = ("TPE", "GP", "CmaEs", "NSGAII", "QMC", "Grid", "Random")
    assert all(hasattr(optuna.samplers, f"{name}Sampler") for name in classes)
    assert "NSGA-II" in optuna_


def test_schedulers_are_those_of_the_libraries() -> None:
    schedulers = ("async_hyperband", "hyperband", "median_stopping_rule", "hb_bohb", "pbt")
    assert set(schedulers) <= set(SCHEDULER_IMPORT)
    pruners = ("SuccessiveHalving", "Hyperband", "Median")
    assert all(hasattr(optuna.pruners, f"{name}Pruner") for name in pruners)


def test_ray_tune_retries_nothing_by_default_and_knows_no_sweep() -> None:
    assert tune.FailureConfig().max_failures == 0
    assert "sweep" not in inspect.getsource(ray.air.integrations.wandb).lower()


def test_optuna_leaves_the_trial_of_a_killed_process_running(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'optuna.db'}"
    program = (
        "import optuna, os, signal\n"
        f"study = optuna.create_study(storage={address!r}, study_name='s')\n"
        "study.optimize(lambda trial: 1.0, n_trials=1)\n"
        "study.optimize(lambda trial: os.kill(os.getpid(), signal.SIGKILL), n_trials=1)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    states = [each.state.name for each in optuna.load_study(study_name="s", storage=address).trials]
    assert states == ["COMPLETE", "RUNNING"]


def test_an_agent_of_wandb_needs_the_server(tmp_path: Path) -> None:
    assert os.environ["WANDB_MODE"] == "offline"
    result = subprocess.run(
        [sys.executable, "-m", "wandb", "agent", "team/lab/abc"],
        cwd=tmp_path,
        env=os.environ | {"NETRC": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "No API key configured" in result.stderr
