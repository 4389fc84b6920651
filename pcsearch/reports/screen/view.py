"""What the live screen shows of a search at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pcsearch.engine.cluster.usage import InUse
from pcsearch.reports.screen.best import Best
from pcsearch.reports.screen.estimate import Estimate
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.tracking.runs.context import RunsState


@dataclass(frozen=True)
class Row:
    """A trial.

    Args:
        number: from 1.
        values: of the metrics, None where it has none.
        epochs: how far it is, such as ``3/20``.
        status: as a text, ``running`` for one that has not ended.
        curve: the values of the metric that trials are compared by, after their epochs, in order.
        config: the values that it was given.
    """

    number: int
    values: tuple[float | None, ...]
    epochs: str
    status: str
    curve: tuple[tuple[float, float], ...]
    config: Mapping[str, Any]


@dataclass(frozen=True)
class View:
    """A search at a moment.

    Args:
        metrics: what trials are compared by.
        searched: the parameters that are no constants.
        cap: the largest number of trials.
        ends: how many trials have ended how, in words; the first has the most.
        running: the trials that run.
        latest: trials that have ended, the newest last.
        best: what is the best so far, None where no trial that has ended has a value.
        estimate: of the epochs and the time that are left.
        usage: of the cluster, empty where it is not known.
        wandb: the state of W&B's runs.
        warnings: the last ones, the newest last.
        elsewhere: how many trials other drivers of the search have, as far as is known.
    """

    metrics: tuple[Metric, ...]
    searched: tuple[Parameter, ...]
    cap: int
    ends: Mapping[str, int] = field(default_factory=dict)
    running: tuple[Row, ...] = ()
    latest: tuple[Row, ...] = ()
    best: Best | None = None
    estimate: Estimate = Estimate(0)  # noqa: RUF009 - it is frozen
    usage: tuple[InUse, ...] = ()
    wandb: RunsState = RunsState("disabled", 0, is_cut_off=False)  # noqa: RUF009
    warnings: tuple[str, ...] = ()
    elsewhere: int = 0

    @property
    def ended(self) -> int:
        """How many trials have ended."""
        return sum(self.ends.values())
