"""Checkpoints: the state of a run, and its saved model, as files in a directory.

Each file is written under a temporary name and renamed, so that it is complete or not there. It is
read with ``weights_only=True``, so that reading runs no code.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from pcsearch.errors import PcsearchError
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.dataset_sizes import is_path
from pcsearch.system.whole_files import replacing

# A search checks its checkpoints' files with `damage` and never loads one, so torch is imported
# only where tensors are read or written.
if TYPE_CHECKING:
    from pcsearch.pc.model.transformer import Weights


STATE_FILE = "state.pt"
BEST_FOLDER = "best"
"""Has the best model of a search, in the experiment's directory."""
MODEL_FILE = "model.pt"
FORMAT = 1


class UnreadableStateError(PcsearchError):
    """A checkpoint's state cannot be read; an older checkpoint may do."""


def damage(directory: Path) -> str:
    """What is wrong with the state's file in a checkpoint's directory, else an empty string.

    torch writes ZIP archives, in which every file has a checksum.
    """
    path = directory / STATE_FILE
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except FileNotFoundError:
        return f"{STATE_FILE} is missing"
    # zipfile raises errors of many types for a file that is no archive.
    except Exception:
        return f"{STATE_FILE} is damaged"
    return f"{STATE_FILE} is damaged" if broken else ""


def save_state(directory: Path, config: ModelConfig, state: dict[str, Any]) -> None:
    """Write the state of a run: tensors, numbers, strings, and lists and dicts of them."""
    _write(directory / STATE_FILE, {"format": FORMAT, "config": _text(config), "state": state})


def load_state(directory: Path, config: ModelConfig) -> dict[str, Any]:
    """Read the state of a run of ``config``, its tensors on the CPU.

    Where the data lies does not matter: it may be another folder on each node.

    Raises:
        UnreadableStateError: the file is missing, damaged, or holds something else.
        PcsearchError: it is of another format or of another configuration.
    """
    content, path = _state_content(directory), directory / STATE_FILE
    if _settings(path, content["config"]) != _settings(path, _text(config)):
        raise PcsearchError(f"{path}: the checkpoint belongs to another configuration")
    state: dict[str, Any] = content["state"]
    return state


def load_any_state(directory: Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Read the configuration and the state of any run, its tensors on the CPU.

    Raises:
        UnreadableStateError: the file is missing, damaged, or holds something else.
        PcsearchError: it is of another format, or its configuration is none of this version.
    """
    content = _state_content(directory)
    return _config(directory / STATE_FILE, content["config"]), content["state"]


def stored_config(path: Path, values: Any) -> ModelConfig:
    """The configuration of a model.

    Args:
        path: the file that has it.
        values: the fields, as JSON has them.

    Raises:
        PcsearchError: the values are no configuration of this version.
    """
    try:
        return ModelConfig(**values)
    except (ValidationError, PcsearchError, TypeError, ArithmeticError) as error:
        message = f"{path}: its configuration is none of this version ({_first_line(error)})"
        raise PcsearchError(message) from error


def damaged(path: Path, error: Exception) -> PcsearchError:
    """The error about a file that cannot be read, in one line."""
    return PcsearchError(f"{path}: the file is damaged ({_first_line(error)})")


def save_model(directory: Path, config: ModelConfig, weights: Weights) -> None:
    """Write a model: its weights, and its configuration as JSON."""
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
    return _config(path, content["config"]), content["weights"]


def _config(path: Path, text: Any) -> ModelConfig:
    return stored_config(path, _values(path, text))


def _values(path: Path, text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError) as error:
        raise damaged(path, error) from error


def _settings(path: Path, text: Any) -> Any:
    """The fields of a configuration, without the paths of the data."""
    values = _values(path, text)
    if isinstance(values, dict):
        values.pop("data_dir", None)
        if is_path(str(values.get("dataset"))):
            del values["dataset"]
    return values


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _state_content(directory: Path) -> dict[str, Any]:
    path = directory / STATE_FILE
    try:
        content = _read(path)
    except PcsearchError as error:
        raise UnreadableStateError(error.problems) from error
    if content.get("format") != FORMAT or not {"config", "state"} <= content.keys():
        raise PcsearchError(f"{path}: this version reads checkpoints of format {FORMAT} only")
    return content


def _text(config: ModelConfig) -> str:
    return json.dumps(config.model_dump(mode="json"), sort_keys=True)


def _write(path: Path, content: dict[str, Any]) -> None:
    import torch

    # Into a file, torch.save raises a RuntimeError where the disk is full.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(buffer.getbuffer())


def _read(path: Path) -> dict[str, Any]:
    import torch

    if not path.is_file():
        raise PcsearchError(f"{path}: no such file")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    # torch.load raises errors of many types for a damaged file.
    except Exception as error:
        raise damaged(path, error) from error
    if not isinstance(content, dict):
        raise PcsearchError(f"{path}: the file is no checkpoint")
    return content
