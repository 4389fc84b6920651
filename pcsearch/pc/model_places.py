"""Where a model is: finds the file of a path, and reads the model in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.checkpoint import BEST_FOLDER, STATE_FILE, load_any_state
from pcsearch.pc.checkpoint import MODEL_FILE as WEIGHTS_FILE
from pcsearch.pc.compiled.choice import compiled_blocks
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.metrics import EPOCH, LR_HIDDEN, LR_WEIGHTS
from pcsearch.pc.model_file import (
    FIRST,
    MODEL_FILE,
    SECOND,
    STATES,
    TOP,
    TrainedModel,
    model_of_tensors,
    read_model,
)
from pcsearch.pc.schedule.learning_rates import RunLearningRates

CHECKPOINTS = "checkpoint_*"


def read(path: Path) -> TrainedModel:
    """Read the model of a file or a folder, its tensors on the CPU.

    Raises:
        PcsearchError: there is none, or it is damaged.
    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", str(path)):
        raise PcsearchError(f"{path} is an address; copy the model's folder to this machine first")
    file = find_model(path)
    if file.name == WEIGHTS_FILE:
        raise PcsearchError(
            f"{file}: the file has weights alone, and lacks what an evaluation starts from; give "
            f"its folder, {file.parent}"
        )
    return read_model(file) if file.name != STATE_FILE else _of_state(file.parent)


def find_model(path: Path) -> Path:
    """The file that has the model of a path.

    It is the file itself, that in the folder, that of the experiment's best model, or that of a
    trial's best checkpoint. A checkpoint that was not its trial's best when it was made has no
    model's file; then it is the file of its state.

    Args:
        path: a file or a folder.

    Raises:
        PcsearchError: there is no model.
    """
    if path.is_file():
        return path
    for folder in (path, path / BEST_FOLDER):
        if (folder / MODEL_FILE).is_file():
            return folder / MODEL_FILE
    if (path / STATE_FILE).is_file():
        return path / STATE_FILE
    for name in (MODEL_FILE, STATE_FILE):
        # The newest model's file is that of the best checkpoint.
        files = sorted(path.glob(f"{CHECKPOINTS}/{name}"), key=lambda file: file.parent.name)
        if files:
            return files[-1]
    if not path.exists():
        raise PcsearchError(f"{path}: no such file or folder")
    raise PcsearchError(
        f"{path}: no model of a PC transformer is here ({MODEL_FILE} is missing); give the "
        f"directory of an experiment, its {BEST_FOLDER}/, or the folder of a trial or a checkpoint"
    )


def _of_state(folder: Path) -> TrainedModel:
    """The model in the state of a training run."""
    path = folder / STATE_FILE
    config, state = load_any_state(folder)
    try:
        epoch, step = int(state["epoch"]), int(state["step"])
        batches = step // epoch
        rates = RunLearningRates(config, config.epochs * batches).at(step - 1)
        metrics = {EPOCH: epoch, LR_WEIGHTS: rates.weights, LR_HIDDEN: rates.hidden}
        guess = "compiled" not in state and _pays_compilation(config, batches)
        found = {
            "tensors": _tensors(state),
            "metrics": metrics | state["best"],
            "compiled": bool(state.get("compiled", guess)),
            "moment_steps": int(state["moments"]["step"]),
        }
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise PcsearchError(f"{path}: the file is no state of a run") from error
    return model_of_tensors(path, config, **found)


def _tensors(state: dict[str, Any]) -> dict[str, Any]:
    """The tensors of a state, by their names in a model's file."""
    weights, moments = state["weights"], state["moments"]
    top, states = state["hidden"]
    tensors = {**weights, TOP: top, STATES: states}
    for prefix, values in ((FIRST, moments["first"]), (SECOND, moments["second"])):
        tensors |= {f"{prefix}{name}": v for name, v in zip(weights, values, strict=True)}
    return tensors


def _pays_compilation(config: ModelConfig, batches: int) -> bool:
    """Whether compiled code computes the blocks of a run, unless the user has turned it off.

    States of earlier versions do not say whether it did.
    """
    shape = Architecture.of(config)
    work = shape.training_gigaflops(config.inference_steps)
    work *= config.epochs * batches * config.batch_size
    return compiled_blocks(shape, torch.device("cpu"), work) is not None
