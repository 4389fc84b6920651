"""A checkpoint that may be the best of its search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ray.tune import Checkpoint


class Candidate(NamedTuple):
    """A checkpoint of a trial, with the finite value of the search's metric in its report."""

    number: int
    trial_id: str
    config: Mapping[str, Any]
    value: float
    report: Mapping[str, Any]
    checkpoint: Checkpoint
