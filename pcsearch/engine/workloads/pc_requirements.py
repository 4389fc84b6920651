"""Prepares what trials need before the first one starts: images and packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pcsearch.engine.workloads.pc_checks import combinations, largest
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc import metrics
from pcsearch.pc.config import PRESET_KEY, ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.dataset_sizes import EMBEDDED, held_out_images, is_path
from pcsearch.sweeps.sweep import Sweep

_PLACES = (PRESET_KEY, "data_dir", "dataset", "image_shape")
"""The fields that say which images there are."""

_LARGEST = ("batch_size", "linear_probe_every_n_epochs")
"""The fields that images do not fit wherever they do not fit a smaller value."""

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
    found: dict[str, tuple[int, int] | None] = {}
    for config in _configs(sweep, folder):
        if not is_path(config.dataset):
            continue
        if config.dataset not in found:
            try:
                found[config.dataset] = _sizes(config.dataset)
            except PcsearchError as error:
                found[config.dataset] = None
                problem = Problem(str(error), *_place(sweep, "dataset"))
                problems["dataset", str(error)] = problem
        sizes = found[config.dataset]
        if sizes is None:
            continue
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
    users: dict[tuple[Any, ...], list[ModelConfig]] = {}
    for config in _configs(sweep, folder):
        # The embedded data sets are always there, and without a target class large enough.
        if config.dataset not in EMBEDDED or config.target_class is not None:
            key = (config.dataset, config.data_dir, config.image_shape)
            users.setdefault(key, []).append(config)
    problems: dict[str, Problem] = {}
    notes: dict[str, None] = {}
    for configs in users.values():
        messages, told = _try(configs)
        for message in messages:
            place = _place(sweep, "target_class", "dataset")
            problems.setdefault(message, Problem(message, *place))
        notes |= dict.fromkeys(told)
    if problems:
        raise PcsearchError(problems.values())
    return tuple(notes)


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
        for values in combinations(sweep, ("dataset",))
        if is_path(values.get("dataset", ""))
    )
    return tuple(dict.fromkeys(paths))


def _configs(sweep: Sweep, folder: Path) -> Iterator[ModelConfig]:
    """The configurations by which images are checked: all places and classes, the largest values.

    All combinations of all fields may be too many to walk, and the last ones would be left out.
    """
    most = {name: largest(sweep, name) for name in _LARGEST if name in sweep.parameters}
    of_classes = combinations(sweep, ("target_class",))
    classes = [{k: v for k, v in each.items() if k == "target_class"} for each in of_classes]
    for place in combinations(sweep, _PLACES):
        for each in classes:
            yield model_config(place | each | most).with_paths_from(folder)


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


def _try(configs: Sequence[ModelConfig]) -> tuple[list[str], tuple[str, ...]]:
    """Load the images that configurations have in common.

    Returns:
        What is wrong with the images or with a configuration, and notes for the user.
    """
    # torch takes seconds to import, and most sweeps have nothing to load.
    from pcsearch.pc.data.datasets import load_pools, training_images

    try:
        pools = load_pools(configs[0], progress=sys.stderr.isatty())
    except PcsearchError as error:
        return [str(error)], ()
    problems = []
    for config in configs:
        try:
            count = training_images(pools, config)
        except PcsearchError as error:
            problems.append(str(error))
            continue
        if count < config.batch_size:
            problems.append(
                f"batch_size {config.batch_size} is more than the {count} training images of "
                f"{config.dataset} with target_class {config.target_class}"
            )
    return problems, pools.notes


def _place(sweep: Sweep, *fields: str) -> tuple[str, str]:
    """Where the first of these fields stands that the sweep has."""
    if fields[0] == "metric" and sweep.metric is not None:
        return sweep.metric.where, "metric"
    for name in fields:
        if name in sweep.parameters:
            return sweep.parameters[name].where, f"parameters.{name}"
    return sweep.source, ""
