"""A trained model in one file: ``model.safetensors``.

Its tensors are the weights, by their names, and what evaluation starts from: the hidden states that
training has left (``hidden.*``) and, where evaluation adapts the weights, their optimiser's state
(``moments.*``). Its header has the configuration and the metrics. So the file is whole in itself,
and an evaluation of it repeats that of its training run to the last bit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.errors import PcsearchError
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.checkpoint import damaged, stored_config
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.metrics import LR_HIDDEN, LR_WEIGHTS
from pcsearch.pc.schedule.learning_rates import LearningRates, evaluation_rates
from pcsearch.system.whole_files import replacing

# The process of a search imports the file's name from here, and needs no torch.
if TYPE_CHECKING:
    from torch import Tensor

    from pcsearch.pc.model.inference import Hidden
    from pcsearch.pc.model.optimisers import AdamState
    from pcsearch.pc.model.transformer import Weights

MODEL_FILE = "model.safetensors"
FORMAT = 1
TOP, STATES = "hidden.top", "hidden.states"
FIRST, SECOND = "moments.first.", "moments.second."
_KEY = "pcsearch"
"""The key of the header under which all that is no tensor is."""


@dataclass(frozen=True)
class TrainedModel:
    """A model as an epoch of training has left it.

    Args:
        config: the configuration of its training run.
        metrics: of that epoch, by name; the learning rates among them.
        weights: as in `pcsearch.pc.model.transformer.Weights`.
        hidden: the hidden states of the last batch, from which evaluation starts.
        moments: the state of the weights' optimiser, which matters to an evaluation that adapts the
            weights; None where there is none.
        compiled: whether compiled code computed the blocks.
    """

    config: ModelConfig
    metrics: Mapping[str, Any]
    weights: Weights
    hidden: Hidden
    moments: AdamState | None
    compiled: bool

    def evaluation_rates(self, config: ModelConfig) -> LearningRates:
        """The learning rates of an evaluation with a configuration."""
        training = LearningRates(self.metrics[LR_WEIGHTS], self.metrics[LR_HIDDEN])
        return evaluation_rates(config, training)


def write_model(folder: Path, model: TrainedModel) -> None:
    """Write a model into a folder as ``model.safetensors``, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.torch import save

    tensors = {**model.weights, TOP: model.hidden.top, STATES: model.hidden.states}
    if model.moments is not None and model.config.update_weights_during_unmasking:
        for prefix, values in ((FIRST, model.moments.first), (SECOND, model.moments.second)):
            tensors |= {f"{prefix}{name}": v for name, v in zip(model.weights, values, strict=True)}
    header = {
        "format": FORMAT,
        "config": model.config.model_dump(mode="json"),
        "metrics": dict(model.metrics),
        "compiled": model.compiled,
        "moment_steps": 0 if model.moments is None else model.moments.step,
    }
    plain = {name: _own(tensor) for name, tensor in tensors.items()}
    # The save_file of safetensors has an error of its own where the disk is full.
    content = save(plain, {"format": "pt", _KEY: json.dumps(header)})
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / MODEL_FILE) as file:
        file.write(content)


def _own(tensor: Tensor) -> Tensor:
    """A tensor on the CPU that shares its memory with no other: safetensors refuses views."""
    plain = tensor.detach().cpu().contiguous()
    return plain if plain.untyped_storage().nbytes() == plain.nbytes else plain.clone()


def read_model(path: Path) -> TrainedModel:
    """Read a model from its file, its tensors on the CPU. Reading runs no code of the file.

    Raises:
        PcsearchError: the file is missing or damaged, or holds no model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = _read_header(path)
    try:
        config = stored_config(path, header["config"])
        # Not every tensor in the file begins at a multiple of a vector's bytes, and torch sums in
        # another order then: the copies do.
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
        return model_of_tensors(
            path,
            config,
            tensors,
            metrics=dict(header["metrics"]),
            compiled=bool(header["compiled"]),
            moment_steps=int(header["moment_steps"]),
        )
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise damaged(path, error) from error


def _read_header(path: Path) -> dict[str, Any]:
    """What a model's file says of the model besides its tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise PcsearchError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error
    if _KEY not in metadata:
        raise PcsearchError(f"{path}: the file holds no model of pcsearch")
    try:
        header: dict[str, Any] = dict(json.loads(metadata[_KEY]))
        found = header["format"]
    except (ValueError, TypeError, KeyError) as error:
        raise damaged(path, error) from error
    if found != FORMAT:
        raise PcsearchError(f"{path}: this version reads models of format {FORMAT} only")
    return header


def model_of_tensors(
    path: Path,
    config: ModelConfig,
    tensors: Mapping[str, Any],
    *,
    metrics: Mapping[str, Any],
    compiled: bool,
    moment_steps: int,
) -> TrainedModel:
    """A model of the tensors of a file, which are checked against its configuration.

    Args:
        path: of the file.
        config: of the model.
        tensors: by their names in ``model.safetensors``.
        metrics: of the epoch that the model is of.
        compiled: whether compiled code computed the blocks.
        moment_steps: the steps of the weights' optimiser.

    Raises:
        PcsearchError: a tensor is missing or does not fit, or there are no learning rates.
    """
    from pcsearch.pc.model.inference import Hidden
    from pcsearch.pc.model.optimisers import AdamState
    from pcsearch.pc.model.transformer import weight_shapes

    for name, shape in _shapes(config).items():
        if not _fits(tensors.get(name), shape):
            raise PcsearchError(f"{path}: the tensor {name} does not fit its configuration")
    for name in (LR_WEIGHTS, LR_HIDDEN):
        if not isinstance(metrics.get(name), int | float):
            raise PcsearchError(f"{path}: its metrics lack the learning rate {name}")
    names = list(weight_shapes(Architecture.of(config)))
    moments = None
    if config.update_weights_during_unmasking:
        first, second = ([tensors[f"{at}{name}"] for name in names] for at in (FIRST, SECOND))
        moments = AdamState(first, second, moment_steps)
    return TrainedModel(
        config,
        metrics,
        {name: tensors[name] for name in names},
        Hidden(tensors[TOP], tensors[STATES]),
        moments,
        compiled,
    )


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The shapes of the tensors in a model's file, by name."""
    from pcsearch.pc.model.transformer import weight_shapes

    shape = Architecture.of(config)
    weights, batch = weight_shapes(shape), (config.batch_size, shape.num_patches)
    prefixes = (FIRST, SECOND) if config.update_weights_during_unmasking else ()
    moments = {f"{prefix}{name}": size for prefix in prefixes for name, size in weights.items()}
    return {
        **weights,
        **moments,
        TOP: (*batch, shape.patch_dim),
        STATES: (shape.num_blocks + 1, *batch, shape.hidden_size),
    }


def _fits(tensor: Any, shape: tuple[int, ...]) -> bool:
    import torch

    is_tensor = isinstance(tensor, torch.Tensor)
    return is_tensor and tuple(tensor.shape) == shape and tensor.dtype == torch.float32
