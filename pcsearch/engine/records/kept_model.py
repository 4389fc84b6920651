"""What is known of the models in ``DIR/best``, by the files of metrics beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import other_drivers
from pcsearch.engine.records.report import finite
from pcsearch.pc.checkpoint import BEST_FOLDER
from pcsearch.sweeps.metrics import Metric

METRICS_FILE = "metrics.json"
"""The last file that is written: without it the model is not whole."""


@dataclass(frozen=True)
class KeptModel:
    """The best model of a search, as it is kept.

    Args:
        place: the path or the address of its folder.
        trial: the number of its trial.
        trial_id: the trial's id.
        metric: the name of the metric by which it is the best.
        value: of the metric.
        goal: of the metric; None where an earlier version has kept the model.
    """

    place: str
    trial: int
    trial_id: str
    metric: str
    value: float
    goal: str | None = None


def best_kept_model(directory: ExperimentDirectory, metrics: Sequence[Metric]) -> KeptModel | None:
    """The best of the models that the drivers of a search have kept, None where there is none.

    Args:
        directory: of the search, or of one of its drivers, whose model comes first where no model
            is the best by the metric.
        metrics: of the search, of which the first says which model is the best; there may be none.

    Raises:
        StorageError: the storage does not answer.
    """
    # Several drivers share folders only.
    others = other_drivers(directory.path) if directory.copy is None else []
    drivers = (directory, *map(ExperimentDirectory, others))
    models = [model for model in map(kept_model, drivers) if model is not None]
    if metrics:
        metric = metrics[0]
        name, goals = metric.name, (None, metric.goal)
        comparable = [each for each in models if each.metric == name and each.goal in goals]
        models = sorted(comparable, key=lambda each: metric.sign * each.value) or models
    return next(iter(models), None)


def kept_model(directory: ExperimentDirectory) -> KeptModel | None:
    """The model that a driver of a search has kept, None where there is none.

    Args:
        directory: of the search; at an address, the file there counts and not the working copy's.

    Raises:
        StorageError: the storage does not answer.
    """
    name = f"{BEST_FOLDER}/{METRICS_FILE}"
    try:
        data = (
            (directory.path / name).read_bytes()
            if directory.copy is None
            else directory.copy.store.get(name)
        )
        found: dict[str, Any] = json.loads(data or b"{}")
        value = finite(found["value"])
        about = int(found["trial"]), str(found["trial_id"]), str(found["metric"])
    # A function's own checkpoint may have a file of the name.
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if value is None:
        return None
    return KeptModel(directory.place_of(BEST_FOLDER), *about, value, found.get("goal"))
