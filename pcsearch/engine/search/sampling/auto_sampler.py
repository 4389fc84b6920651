"""Chooses the sampler that ``auto`` stands for, and checks ``--sampler``, without Optuna.

With few trials, one at a time or eight in flight, the Gaussian process finds better points than
TPE and than W&B's own search. After hundreds of trials it stays where it is, and TPE finds better
ones (``tests/benchmarks/search.py``). The more parameters and metrics there are, the longer a
suggestion of the process takes.
"""

from __future__ import annotations

from pcsearch.engine.records.options import SamplerName
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.base import ChoiceAxis
from pcsearch.sweeps.sweep import Sweep

GP_TRIALS = 200
MOST_METRICS = 2
# Parameters times metrics.
MOST_DIMENSIONS = 50
GP_SAMPLERS: tuple[SamplerName, ...] = ("auto", "gp")
"""The samplers that begin with a Gaussian process."""

DESCRIPTIONS: dict[SamplerName, str] = {
    "auto": f"spread points, then a Gaussian process, then TPE from trial {GP_TRIALS + 1}",
    "gp": "spread points, then a Gaussian process",
    "tpe": "tree-structured Parzen estimators",
    "cmaes": "CMA-ES",
    "qmc": "quasi-random points",
    "random": "random draws",
}


def pick_sampler(name: SamplerName, dimensions: int, metrics: int) -> SamplerName:
    """The sampler of a name; ``auto`` becomes ``tpe`` where a Gaussian process is too slow.

    Args:
        name: as the user gave it.
        dimensions: the number of parameters that are searched.
        metrics: the number of metrics.
    """
    if name != "auto":
        return name
    quick = metrics <= MOST_METRICS and dimensions * metrics <= MOST_DIMENSIONS
    return "auto" if quick else "tpe"


def check_sampler(name: SamplerName, sweep: Sweep) -> None:
    """Check that a sampler can search a sweep.

    Args:
        name: as the user gave it.
        sweep: without problems of its own.

    Raises:
        PcsearchError: the method of the sweep takes no sampler, or this one cannot search it.
    """
    if name == "auto":
        return
    message = None
    axes = [parameter.distribution.axis() for parameter in sweep.searched()]
    if sweep.method in ("grid", "random"):
        message = f"method {sweep.method} takes no sampler; leave it out, or use method bayes"
    elif name == "cmaes" and len(sweep.metrics) > 1:
        message = f"cmaes searches for one metric and the sweep has {len(sweep.metrics)}; use gp"
    elif name == "cmaes" and all(axis is None or isinstance(axis, ChoiceAxis) for axis in axes):
        message = "cmaes needs a parameter with a range and the sweep has none; use tpe"
    if message is not None:
        raise PcsearchError(Problem(message, "--sampler"))
