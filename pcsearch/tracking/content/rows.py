"""Reports of trials as rows of a run's history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ray.tune.result import (
    AUTO_RESULT_KEYS,
    DEBUG_METRICS,
    DONE,
    EPISODES_THIS_ITER,
    EXPERIMENT_TAG,
    RESULT_DUPLICATE,
    SHOULD_CHECKPOINT,
    TIMESTEPS_THIS_ITER,
)
from ray.tune.utils import flatten_dict

from pcsearch.engine.records.history import REPORTS
from pcsearch.engine.storage.files import json_lines
from pcsearch.pc.metrics import RECONSTRUCTION_VIDEO, RECONSTRUCTIONS

BOOKKEEPING = frozenset(
    {
        *AUTO_RESULT_KEYS,
        *DEBUG_METRICS,
        DONE,
        EPISODES_THIS_ITER,
        EXPERIMENT_TAG,
        RESULT_DUPLICATE,
        SHOULD_CHECKPOINT,
        TIMESTEPS_THIS_ITER,
    }
)
"""What Tune adds to a report."""

MEDIA = (RECONSTRUCTIONS, RECONSTRUCTION_VIDEO)
"""The keys of a report that name a file, relative to the trial's directory."""

Row = dict[str, bool | int | float | str]


def row(report: Mapping[str, Any]) -> Row:
    """The numbers and strings of a report, the names of nested ones joined as a sweep has them.

    A metric ``loss`` inside ``val`` is ``val/loss``. Scalars of numpy and torch are numbers.
    """
    own = {name: value for name, value in report.items() if name not in BOOKKEEPING}
    flat = ((str(name), value) for name, value in flatten_dict(own).items())
    plain = ((name, _plain(value)) for name, value in flat if name not in MEDIA)
    return {name: value for name, value in plain if value is not None}


def media(report: Mapping[str, Any]) -> dict[str, str]:
    """The files that a report names, by key."""
    return {key: str(report[key]) for key in MEDIA if report.get(key)}


def node(report: Mapping[str, Any]) -> str | None:
    """Where a report was made: the machine's name and address."""
    host, address = report.get("hostname"), report.get("node_ip")
    return f"{host} ({address})" if host and address else host or address


def kept_reports(folder: Path) -> Iterator[dict[str, Any]]:
    """The reports of a trial that its own file has, oldest first; none where there is none.

    Args:
        folder: the trial's, in the experiment's directory.
    """
    return json_lines(folder / REPORTS)


def _plain(value: Any) -> bool | int | float | str | None:
    if isinstance(value, str):
        return str(value)
    try:
        if hasattr(value, "item"):
            value = value.item()
    # An array of several numbers.
    except (ValueError, RuntimeError, TypeError):
        return None
    return value if isinstance(value, bool | int | float) else None
