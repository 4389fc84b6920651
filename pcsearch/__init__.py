"""pcsearch: runs W&B sweep files of predictive-coding transformers on Ray Tune."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcsearch.pc.loaded_model import LoadedModel

__version__ = "0.1.0"


def load_model(path: str | Path, device: str = "auto", threads: int = 1) -> LoadedModel:
    """Load a trained model: that of a search, of a trial, or of one training run.

    Args:
        path: ``DIR/best``, an experiment's directory DIR, a trial's folder, a checkpoint's folder,
            the folder of a run of ``pcsearch.train``, or a file ``model.safetensors``.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        threads: of torch on a CPU; the model's numbers repeat those of its trial to the last bit
            with the same number.

    Raises:
        PcsearchError: there is no model, its file is damaged, there is no such device, or there
            are no threads.
    """
    # torch takes seconds to import.
    from pcsearch.pc.loaded_model import load

    return load(Path(path), device, threads)
