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

from pydantic import ValidationError

from pcsearch.errors import PcsearchError
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.checkpoint import whole_file
from pcsearch.pc.config import ModelConfig

# The process of a search reads headers, and needs no torch.
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
class ModelHeader:
    """What a model's file says of the model besides its tensors.

    Args:
        config: the whole configuration, as JSON has it.
        metrics: of the epoch after which the model was kept, by name.
        compiled: whether compiled code computed its blocks.
        moment_steps: the steps of the weights' optimiser.
    """

    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    compiled: bool
    moment_steps: int


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


def write_model(folder: Path, model: TrainedModel) -> None:
    """Write a model into a folder as ``model.safetensors``, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    from safetensors.torch import save_file

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
    with whole_file(folder / MODEL_FILE) as file:
        save_file(plain, file.name, {"format": "pt", _KEY: json.dumps(header)})


def _own(tensor: Tensor) -> Tensor:
    """A tensor on the CPU that shares its memory with no other: safetensors refuses views."""
    plain = tensor.detach().cpu().contiguous()
    return plain if plain.untyped_storage().nbytes() == plain.nbytes else plain.clone()


def read_header(path: Path) -> ModelHeader:
    """Read the header of a model's file; loads no torch.

    Raises:
        PcsearchError: the file is missing or damaged, or holds no model.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise PcsearchError(f"{path}: no such file") from None
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    if _KEY not in metadata:
        raise PcsearchError(f"{path}: the file holds no model of pcsearch")
    try:
        header = json.loads(metadata[_KEY])
        if header["format"] != FORMAT:
            raise PcsearchError(f"{path}: this version reads models of format {FORMAT} only")
        return ModelHeader(
            dict(header["config"]),
            dict(header["metrics"]),
            bool(header["compiled"]),
            int(header["moment_steps"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, error) from error


def read_model(path: Path) -> TrainedModel:
    """Read a model from its file, its tensors on the CPU. Reading runs no code of the file.

    Raises:
        PcsearchError: the file is missing or damaged, or holds no model.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    config = _config(path, header)
    try:
        # Not every tensor in the file begins at a multiple of a vector's bytes, and torch sums in
        # another order then: the copies do.
        tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    return _model(path, config, header, tensors)


def _config(path: Path, header: ModelHeader) -> ModelConfig:
    try:
        return ModelConfig(**header.config)
    except (ValidationError, PcsearchError, TypeError) as error:
        raise PcsearchError(
            f"{path}: its configuration is none of this version ({_first_line(error)})"
        ) from error


def _model(
    path: Path, config: ModelConfig, header: ModelHeader, tensors: dict[str, Tensor]
) -> TrainedModel:
    """A model of the tensors of a file, which are checked against its configuration."""
    from pcsearch.pc.model.inference import Hidden
    from pcsearch.pc.model.optimisers import AdamState
    from pcsearch.pc.model.transformer import init_weights

    shape = Architecture.of(config)
    names = init_weights(shape, 0)
    expected = {name: tuple(weight.shape) for name, weight in names.items()}
    adapts = config.update_weights_during_unmasking
    for prefix in (FIRST, SECOND) if adapts else ():
        expected |= {f"{prefix}{name}": tuple(weight.shape) for name, weight in names.items()}
    batch = (config.batch_size, shape.num_patches)
    expected[TOP] = (*batch, shape.patch_dim)
    expected[STATES] = (shape.num_blocks + 1, *batch, shape.hidden_size)
    for name, size in expected.items():
        tensor = tensors.get(name)
        if tensor is None or tuple(tensor.shape) != size or not tensor.is_floating_point():
            raise PcsearchError(f"{path}: the tensor {name} does not fit its configuration")
    moments = None
    if adapts:
        first, second = ([tensors[f"{at}{name}"] for name in names] for at in (FIRST, SECOND))
        moments = AdamState(first, second, header.moment_steps)
    return TrainedModel(
        config,
        header.metrics,
        {name: tensors[name] for name in names},
        Hidden(tensors[TOP], tensors[STATES]),
        moments,
        header.compiled,
    )


def _damaged(path: Path, error: Exception) -> PcsearchError:
    return PcsearchError(f"{path}: the file is damaged ({_first_line(error)})")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
