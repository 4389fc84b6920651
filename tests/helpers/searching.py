"""Small real searches for the tests, and what they leave behind."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from pcsearch.command_line.cli import main

TINY: dict[str, Any] = {
    "dataset": "digits",
    "hidden_size": 8,
    "num_heads": 1,
    "num_blocks": 1,
    "batch_size": 50,
    "train_subset": 100,
    "test_subset": 40,
    "validation_subset": 40,
    "epochs": 3,
    "inference_steps": 3,
    "eval_inference_steps": [3],
    "reconstruction_steps": [3],
    "peak_lr_hidden": 0.05,
    "use_ssl_augmentations": False,
    "use_early_stopping": False,
    "save_reconstruction_images": False,
    "save_reconstruction_video": False,
}


def write_sweep(path: Path, searched: dict[str, Any], **top: Any) -> Path:
    """Write a sweep file of tiny runs; ``searched`` gives parameters as a sweep file has them.

    A key of ``top`` that is None is left out.
    """
    constants = {name: {"value": value} for name, value in TINY.items() if name not in searched}
    metric = {"name": "best_val_mse", "goal": "minimize"}
    sweep = {"method": "grid", "metric": metric, **top, "parameters": {**constants, **searched}}
    sweep = {key: value for key, value in sweep.items() if value is not None}
    path.write_text(yaml.safe_dump(sweep, sort_keys=False), encoding="utf-8")
    return path


def shown(*arguments: str) -> tuple[int, str, str]:
    """The exit status, standard output and standard error of the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    return status, out.getvalue(), err.getvalue()


def trial_folders(experiment: Path) -> list[Path]:
    """The trials' folders in the order of their numbers."""
    return sorted(path.parent for path in experiment.glob("*/params.json"))


def reports(folder: Path) -> list[dict[str, Any]]:
    """Every report of a trial, as Tune kept it."""
    lines = (folder / "result.json").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def own(report: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """The part of a report that the training itself gave, ``like`` one of its metrics."""
    return {name: report[name] for name in like}
