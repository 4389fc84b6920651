"""Checkpoints: what a run needs to go on, and the models it keeps, as files in a directory.

Everything is written to a temporary file and renamed, and read with ``weights_only=True``, so a
checkpoint is whole or not there, and reading one runs no code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.checkpoint_files import MODEL_FILE, STATE_FILE
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model import Weights

FORMAT = 1


def save_state(directory: Path, config: ModelConfig, state: dict[str, Any]) -> None:
    """Write a run's state (tensors, numbers, strings, lists and dicts of them)."""
    _write(directory / STATE_FILE, {"format": FORMAT, "config": _text(config), "state": state})


def load_state(directory: Path, config: ModelConfig) -> dict[str, Any]:
    """Read the state of a run of ``config``, its tensors on the CPU.

    Raises:
        PcsearchError: the file is missing, damaged, of another format or of another configuration.
    """
    path = directory / STATE_FILE
    content = _read(path)
    if content.get("format") != FORMAT or not {"config", "state"} <= content.keys():
        raise PcsearchError(f"{path}: this version reads checkpoints of format {FORMAT} only")
    if content["config"] != _text(config):
        raise PcsearchError(f"{path}: the checkpoint belongs to another configuration")
    state: dict[str, Any] = content["state"]
    return state


def save_model(directory: Path, config: ModelConfig, weights: Weights) -> None:
    """Write a model by itself: its weights, and its configuration as JSON."""
    _write(directory / MODEL_FILE, {"config": _text(config), "weights": weights})


def load_model(directory: Path) -> tuple[ModelConfig, Weights]:
    """Read a model that `save_model` wrote.

    Raises:
        PcsearchError: the file is missing or damaged.
    """
    path = directory / MODEL_FILE
    content = _read(path)
    if not {"config", "weights"} <= content.keys():
        raise PcsearchError(f"{path}: the file holds no model")
    return ModelConfig(**json.loads(content["config"])), content["weights"]


def _text(config: ModelConfig) -> str:
    return json.dumps(config.model_dump(mode="json"), sort_keys=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise PcsearchError(f"{path}: no such file")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    # torch.load raises errors of many types for a damaged file.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PcsearchError(f"{path}: the file is damaged ({reason})") from error
    if not isinstance(content, dict):
        raise PcsearchError(f"{path}: the file is no checkpoint")
    return content
