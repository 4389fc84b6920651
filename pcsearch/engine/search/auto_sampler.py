"""Which of Optuna's samplers ``auto`` is; knows nothing of Optuna.

Measured against W&B's own search and TPE, the Gaussian process finds the best points with few
trials, one at a time and with eight in flight; with hundreds it stays where it is, and TPE finds
better ones (``tests/benchmarks/search.py``). A suggestion of the process takes longer the more
parameters and metrics there are.
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
PROCESSES: tuple[SamplerName, ...] = ("auto", "gp")
"""Those that begin with the Gaussian process."""

WORDS: dict[SamplerName, str] = {
    "auto": f"spread points, then a Gaussian process, then TPE from trial {GP_TRIALS + 1}",
    "gp": "spread points, then a Gaussian process",
    "tpe": "tree-structured Parzen estimators",
    "cmaes": "CMA-ES",
    "qmc": "quasi-random points",
    "random": "random draws",
}


def pick_sampler(name: SamplerName, dimensions: int, metrics: int) -> SamplerName:
    """The sampler of a name; ``auto`` stays itself only where its process is quick.

    Args:
        name: as the user gave it.
        dimensions: how many parameters are searched.
        metrics: how many metrics are.
    """
    if name != "auto":
        return name
    quick = metrics <= MOST_METRICS and dimensions * metrics <= MOST_DIMENSIONS
    return "auto" if quick else "tpe"


def check_sampler(name: SamplerName, sweep: Sweep) -> None:
    """Hold a sampler to what there is to search.

    Args:
        name: as the user gave it.
        sweep: a checked one.

    Raises:
        PcsearchError: the sweep's method takes none, or the sampler cannot search it.
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
