"""Prepares what trials need before the first one starts: images and packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pcsearch.engine.workloads.pc_checks import combinations
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc import metrics
from pcsearch.pc.config import PRESET_KEY, ModelConfig, model_config
from pcsearch.pc.dataset_sizes import EMBEDDED, held_out_images, is_path
from pcsearch.sweeps.sweep import Sweep

FIELDS = (
    PRESET_KEY,
    "batch_size",
    "data_dir",
    "dataset",
    "image_shape",
    "linear_probe_every_n_epochs",
    "target_class",
    "train_subset",
)
"""The fields that images have to fit, or that say which images there are."""

_PICTURES = ("save_reconstruction_images", "save_reconstruction_video")


def check_images(sweep: Sweep, folder: Path) -> None:
    """Count the user's own images of every combination, and check the sweep against the counts.

    Args:
        sweep: a checked sweep.
        folder: the folder that relative paths are relative to.

    Raises:
        PcsearchError: images that are not there, and fields that do not fit them.
    """
    problems: dict[tuple[str, str], Problem] = {}
    found: dict[str, tuple[int, int]] = {}
    for values in combinations(sweep, FIELDS):
        if not is_path(values.get("dataset", "")):
            continue
        config = model_config(values).with_paths_from(folder)
        try:
            sizes = found.get(config.dataset) or _sizes(config.dataset)
        except PcsearchError as error:
            problems.setdefault(
                ("dataset", str(error)), Problem(str(error), *_place(sweep, "dataset"))
            )
            continue
        found[config.dataset] = sizes
        for key, message in (*config.size_conflicts(sizes), *_metric_conflicts(sweep, sizes)):
            is_given = key == "metric" or key in sweep.parameters
            text = message if is_given else f"{key}: {message}"
            problems.setdefault((key, message), Problem(text, *_place(sweep, key, "dataset")))
    if problems:
        raise PcsearchError(problems.values())


def prepare_data(sweep: Sweep, folder: Path) -> tuple[str, ...]:
    """Load the images of every combination in a checked sweep, after a download where need be.

    Args:
        sweep: the sweep.
        folder: the folder that relative paths are relative to.

    Returns:
        What the user should know of the images, a line each.

    Raises:
        PcsearchError: images that cannot be loaded, or too few of a ``target_class`` for a batch.
    """
    check_images(sweep, folder)
    problems: dict[str, Problem] = {}
    loaded: dict[tuple[Any, ...], _Loaded] = {}
    for values in combinations(sweep, FIELDS):
        config = model_config(values)
        # The embedded data sets are always there, and without a target class large enough.
        if config.dataset in EMBEDDED and config.target_class is None:
            continue
        message = _problem(config.with_paths_from(folder), loaded)
        if message is not None:
            problems.setdefault(
                message, Problem(message, *_place(sweep, "target_class", "dataset"))
            )
    if problems:
        raise PcsearchError(problems.values())
    return tuple(dict.fromkeys(note for each in loaded.values() for note in each.notes))


def worker_packages(sweep: Sweep) -> dict[str, str]:
    """The packages besides ray, torch and numpy that trials import, and what to do without each."""
    fields = (PRESET_KEY, "dataset", "use_ssl_augmentations", *_PICTURES)
    configs = [model_config(values) for values in combinations(sweep, fields)]
    # Every trial writes its best model with safetensors.
    needed = {"safetensors": "leave the node out of the cluster"}
    return needed | dict(need for config in configs for need in _needs(config))


def worker_paths(sweep: Sweep, folder: Path) -> tuple[str, ...]:
    """The paths of the user's own images, absolute from a folder, each once."""
    paths = (
        model_config(values).with_paths_from(folder).dataset
        for values in combinations(sweep, FIELDS)
        if is_path(values.get("dataset", ""))
    )
    return tuple(dict.fromkeys(paths))


def _needs(config: ModelConfig) -> Iterator[tuple[str, str]]:
    """The packages that a trial imports, and options to avoid each."""
    if config.use_ssl_augmentations:
        yield "kornia", "--set use_ssl_augmentations=false"
    if any(getattr(config, name) for name in _PICTURES):
        yield "PIL", " ".join(f"--set {name}=false" for name in _PICTURES)
    if is_path(config.dataset):
        yield "PIL", "--set dataset=digits"
    if config.dataset == "svhn":
        yield "scipy", "--set dataset=digits"


class _Loaded(NamedTuple):
    """The number of training images, and notes for the user."""

    images: int
    notes: tuple[str, ...]


def _sizes(dataset: str) -> tuple[int, int]:
    """The numbers of training images and of classes at a path."""
    from pcsearch.pc.data.own.own_images import look

    source = look(Path(dataset))
    return source.count - held_out_images(source.count), source.classes


def _metric_conflicts(sweep: Sweep, sizes: tuple[int, int]) -> Iterator[tuple[str, str]]:
    for metric in sweep.metrics:
        if sizes[1] == 1 and metrics.source(metric.name) == "probe":
            message = f"{metric.name} tells classes apart, and the images have one"
            yield "metric", message


def _problem(config: ModelConfig, loaded: dict[tuple[Any, ...], _Loaded]) -> str | None:
    # torch takes seconds to import, and most sweeps have nothing to load.
    from pcsearch.pc.data.datasets import load_splits

    key = (
        config.dataset,
        config.data_dir,
        config.image_shape,
        config.target_class,
        config.train_subset,
    )
    try:
        if key not in loaded:
            splits = load_splits(config, progress=sys.stderr.isatty())
            loaded[key] = _Loaded(len(splits.train), splits.notes)
    except PcsearchError as error:
        return str(error)
    count = loaded[key].images
    if count < config.batch_size:
        of_class = (
            "" if config.target_class is None else f" with target_class {config.target_class}"
        )
        return (
            f"batch_size {config.batch_size} is more than the {count} training images of "
            f"{config.dataset}{of_class}"
        )
    return None


def _place(sweep: Sweep, *fields: str) -> tuple[str, str]:
    """Where the first of these fields stands that the sweep has."""
    if fields[0] == "metric" and sweep.metric is not None:
        return sweep.metric.where, "metric"
    for name in fields:
        if name in sweep.parameters:
            return sweep.parameters[name].where, f"parameters.{name}"
    return sweep.source, ""
