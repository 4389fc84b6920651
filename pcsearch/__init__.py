"""pcsearch: runs the hyperparameter search of a W&B ``sweep.yaml`` on your own machines."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.errors import PcsearchError

if TYPE_CHECKING:
    from pcsearch.library.running import RunningSearch
    from pcsearch.library.search_result import BestTrial, SearchResult
    from pcsearch.library.searches import (
        load_sweep,
        open_search,
        resume,
        search,
        start_resume,
        start_search,
    )
    from pcsearch.pc.loaded_model import LoadedModel
    from pcsearch.sweeps.sweep import Sweep

__version__ = "0.1.0"
__all__ = [
    "BestTrial",
    "PcsearchError",
    "RunningSearch",
    "SearchResult",
    "Sweep",
    "load_model",
    "load_sweep",
    "open_search",
    "resume",
    "search",
    "start_resume",
    "start_search",
]
_SEARCHES = ("load_sweep", "open_search", "resume", "search", "start_resume", "start_search")
_MODULES = {
    **dict.fromkeys(_SEARCHES, "pcsearch.library.searches"),
    **dict.fromkeys(("BestTrial", "SearchResult"), "pcsearch.library.search_result"),
    "RunningSearch": "pcsearch.library.running",
    "Sweep": "pcsearch.sweeps.sweep",
}


def __getattr__(name: str) -> Any:
    """Import a part of the library when it is used: every process of a trial imports pcsearch."""
    if name not in _MODULES:
        raise AttributeError(f"module 'pcsearch' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
