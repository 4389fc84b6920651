"""Prepares what trials need before the first one starts: images and packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pcsearch.engine.workloads.pc_checks import combinations
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import PRESET_KEY, ModelConfig, model_config
from pcsearch.pc.dataset_sizes import EMBEDDED
from pcsearch.sweeps.sweep import Sweep

FIELDS = (PRESET_KEY, "dataset", "data_dir", "target_class", "batch_size", "train_subset")

NEEDS = (
    (("use_ssl_augmentations",), "kornia", "--set use_ssl_augmentations=false"),
    (
        ("save_reconstruction_images", "save_reconstruction_video"),
        "PIL",
        "--set save_reconstruction_images=false --set save_reconstruction_video=false",
    ),
)
"""Fields, the package that trials import where any of them is true, and options to avoid it."""


def prepare_data(sweep: Sweep, folder: Path) -> None:
    """Load the images of every combination in a checked sweep, after a download where need be.

    Args:
        sweep: the sweep.
        folder: the folder that a relative ``data_dir`` is relative to.

    Raises:
        PcsearchError: images that cannot be loaded, or too few of a ``target_class`` for a batch.
    """
    problems: dict[str, Problem] = {}
    counts: dict[tuple[Any, ...], int] = {}
    for values in combinations(sweep, FIELDS):
        config = model_config(values)
        # The embedded data sets are always there, and without a target class large enough.
        if config.dataset in EMBEDDED and config.target_class is None:
            continue
        message = _problem(config.with_data_dir_from(folder), counts)
        if message is not None:
            problems.setdefault(message, Problem(message, *_place(sweep)))
    if problems:
        raise PcsearchError(problems.values())


def worker_packages(sweep: Sweep) -> dict[str, str]:
    """The packages besides ray, torch and numpy that trials import, with options to avoid them."""
    names = [name for names, _, _ in NEEDS for name in names]
    configs = [model_config(values) for values in combinations(sweep, (PRESET_KEY, *names))]
    return {
        package: advice
        for names, package, advice in NEEDS
        if any(getattr(config, name) for config in configs for name in names)
    }


def _problem(config: ModelConfig, counts: dict[tuple[Any, ...], int]) -> str | None:
    # torch takes seconds to import, and most sweeps have nothing to load.
    from pcsearch.pc.data.datasets import load_splits

    key = (config.dataset, config.data_dir, config.target_class, config.train_subset)
    try:
        if key not in counts:
            counts[key] = len(load_splits(config, progress=sys.stderr.isatty()).train)
    except PcsearchError as error:
        return str(error)
    if counts[key] < config.batch_size:
        return (
            f"batch_size {config.batch_size} is more than the {counts[key]} training images of "
            f"{config.dataset} with target_class {config.target_class}"
        )
    return None


def _place(sweep: Sweep) -> tuple[str, str]:
    for name in ("target_class", "dataset"):
        if name in sweep.parameters:
            return sweep.parameters[name].where, f"parameters.{name}"
    return sweep.source, ""
