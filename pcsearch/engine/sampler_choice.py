"""Which of Optuna's samplers ``auto`` is; knows nothing of Optuna.

Measured against W&B's own search and TPE, the Gaussian process finds the best points with few
trials, one at a time and with eight in flight; with hundreds it stays where it is, and TPE finds
better ones (``tests/benchmarks/search.py``). A suggestion of the process takes longer the more
parameters and metrics there are.
"""

from __future__ import annotations

from pcsearch.engine.options import SamplerName

GP_TRIALS = 200
MOST_DIMENSIONS = 50
MOST_METRICS = 3
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
    return "auto" if dimensions <= MOST_DIMENSIONS and metrics <= MOST_METRICS else "tpe"
