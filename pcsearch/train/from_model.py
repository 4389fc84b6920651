"""A trained model in the command that trains one: it is trained longer, evaluated or exported."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.config import PRESET_KEY, ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.system.exits import DONE
from pcsearch.system.user_files import write_whole

if TYPE_CHECKING:
    from pcsearch.pc.model_file import TrainedModel

EXPORT = "--export"
"""The option that names the ONNX file."""

OF_WEIGHTS = {
    "image_shape": ("channels", "image_size"),
    "hidden_size": ("hidden_size",),
    "num_heads": ("num_heads",),
    "num_blocks": ("num_blocks",),
    "mlp_ratio": ("mlp_size",),
    "patch_size": ("patch_size",),
    "theta": ("theta",),
    "use_vode_state_layernorm": ("state_norm",),
}
"""The fields that a model's weights are made for, and what each means for the architecture."""

OF_TRAINING = frozenset(
    {
        "early_stopping_metric",
        "early_stopping_min_delta",
        "early_stopping_patience",
        "epochs",
        "linear_probe_every_n_epochs",
        "lr_schedule_min_lr_factor",
        "model_saving_metric",
        "num_images",
        "peak_lr_hidden",
        "peak_lr_weights",
        "reconstruction_every_n_epochs",
        "reconstruction_steps",
        "reinitialize_model_for_each_epoch",
        "save_model_train_mse_threshold",
        "save_reconstruction_images",
        "save_reconstruction_video",
        "update_weights_every_inference_step",
        "use_early_stopping",
        "use_lr_schedule_w",
        "use_ssl_augmentations",
        "use_status_init_in_training",
        "use_vode_grad_norm",
        "validation_every_n_epochs",
        "video_fps",
        "vode_grad_norm_target",
        "warmup_steps",
    }
)
"""The fields that an evaluation does not read."""

OF_EVALUATION = frozenset(
    {
        "data_dir",
        "device",
        "linear_probe_batch_size",
        "linear_probe_concatenate_features",
        "linear_probe_epochs",
        "linear_probe_lr",
        "linear_probe_seed",
        "linear_probe_wd",
        "target_class",
        "test_subset",
        "train_subset",
        "validation_subset",
        "w_grad_clip_norm",
        "weight_decay",
    }
)
"""The fields that an evaluation reads, and an ONNX file does not depend on."""


def model_with_fields(
    path: Path, fields: Mapping[str, Any], unread: Collection[str] = ()
) -> tuple[TrainedModel, ModelConfig]:
    """A trained model, and its configuration with changed fields.

    Args:
        path: of the model, as for `pcsearch.load_model`.
        fields: of the configuration that are changed.
        unread: the fields whose values do not matter: they get their defaults, so that none of them
            is in conflict with those that are changed.

    Raises:
        PcsearchError: there is no model, or a field is wrong or does not fit its weights.
    """
    if PRESET_KEY in fields:
        message = "the model has its own configuration; give single fields"
        raise PcsearchError(Problem(message, key=PRESET_KEY))
    # torch takes seconds to import.
    from pcsearch.pc.model_places import read

    model = read(path)
    values = model.config.model_dump(exclude=set(unread))
    if fields.get("dataset", model.config.dataset) != model.config.dataset:
        # Each data set has its own default.
        del values["use_cifar10_norm"]
    config = model_config(values | dict(fields))
    problems = list(_misfits(model.config, config))
    if problems:
        raise PcsearchError(problems)
    return model, config


def _misfits(own: ModelConfig, config: ModelConfig) -> Iterator[Problem]:
    """The fields of a configuration that do not fit the weights of a model."""
    before, after = Architecture.of(own), Architecture.of(config)
    for field, parts in OF_WEIGHTS.items():
        old, new = getattr(own, field), getattr(config, field)
        # The width of the MLP also changes with hidden_size.
        if old != new and any(getattr(before, part) != getattr(after, part) for part in parts):
            yield Problem(f"the model's weights are made for {old}, got {new}", key=field)


def evaluate(path: Path, fields: Mapping[str, Any], threads: int, compiled: bool) -> int:
    """Print the metrics of a trained model on a data set.

    Args:
        path: of the model, as for `pcsearch.load_model`.
        fields: of its configuration that are changed.
        threads: of torch.
        compiled: whether compiled code may compute the blocks, as it did in training.

    Returns:
        The exit status.

    Raises:
        PcsearchError: there is no model, a field is wrong or does not fit, or the images cannot be
            loaded.
    """
    trained, config = _model_to_use(path, fields, OF_TRAINING, "an evaluation")

    from pcsearch.pc.data.datasets import load_splits
    from pcsearch.pc.device import pick_device
    from pcsearch.pc.loaded_model import LoadedModel

    config = config.with_paths_from(Path.cwd())
    model = LoadedModel(trained, pick_device(config.device), threads, config, compiled)
    splits = load_splits(config, progress=sys.stderr.isatty())
    for note in splits.notes:
        click.echo(note, err=True)
    for name, value in model.evaluate(splits).items():
        click.echo(f"{name}: {value}")
    return DONE


def export_model(path: Path, fields: Mapping[str, Any], target: str) -> int:
    """Write a trained model as an ONNX file.

    Args:
        path: of the model, as for `pcsearch.load_model`.
        fields: of its configuration that are changed.
        target: the file.

    Returns:
        The exit status.

    Raises:
        PcsearchError: there is no model, a field is wrong or does not fit, ONNX cannot do what the
            configuration says, the package onnx is missing, or the file cannot be written.
    """
    trained, config = _model_to_use(path, fields, OF_TRAINING | OF_EVALUATION, "an ONNX file")
    try:
        from pcsearch.pc.onnx_model.document import onnx_document
    except ImportError as error:
        message = f"needs the package onnx: pip install 'pcsearch[onnx]' ({error})"
        raise PcsearchError(Problem(message, EXPORT)) from None

    data = onnx_document(trained, config).SerializeToString()
    file = write_whole(target, data, EXPORT)
    click.echo(f"The model is in {file} ({len(data) / 1e6:.1f} MB)")
    if config.use_adamw_for_hidden_optimizer and config.use_status_init_in_unmasking:
        click.echo(
            "AdamW begins from fresh hidden states, whose first gradients are roundings: the file, "
            "the compiled code and torch come to different reconstructions",
            err=True,
        )
    return DONE


def _model_to_use(
    path: Path, fields: Mapping[str, Any], unread: Collection[str], use: str
) -> tuple[TrainedModel, ModelConfig]:
    """A trained model and its configuration with changed fields, for a use without training.

    Raises:
        PcsearchError: there is no model, or a field is wrong, does not fit or is ``unread``.
    """
    idle = [
        Problem(f"has no effect on {use}; leave it out", key=name)
        for name in sorted(fields.keys() & unread)
    ]
    if idle:
        raise PcsearchError(idle)
    trained, config = model_with_fields(path, fields, unread)
    start = trained.config.batch_size
    if config.batch_size > start and not config.use_status_init_in_unmasking:
        message = (
            f"evaluation starts from the hidden states of the {start} images of a batch in "
            f"training, got {config.batch_size}; give at most {start}, or "
            "--use_status_init_in_unmasking true"
        )
        raise PcsearchError(Problem(message, key="batch_size"))
    return trained, config
