"""The configurations of grid and random searches, which do not depend on results."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from pcsearch.sweeps.parameters import nested
from pcsearch.sweeps.sweep import Sweep


class Grid:
    """Every combination of the parameters' values.

    Parameters are in the order of their names, at each level of nesting, and the last one varies
    fastest. A combination is made only when it is asked for, so a grid may be of any size.

    Args:
        sweep: a sweep whose parameters all have a grid.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._axes = []
        for parameter in sweep.by_path():
            values, size = parameter.distribution.grid(), parameter.distribution.grid_size()
            if values is None or size is None:
                raise ValueError(f"parameter {parameter.name} has no grid")
            self._axes.append((parameter, values, size))
        self.size: int = math.prod(size for _, _, size in self._axes)

    def config(self, index: int) -> dict[str, Any]:
        """The combination number ``index``, from 0.

        Raises:
            IndexError: there is no such combination.
        """
        if not 0 <= index < self.size:
            raise IndexError(f"combination {index} of {self.size}")
        chosen = []
        for parameter, values, size in reversed(self._axes):
            index, position = divmod(index, size)
            chosen.append((parameter, copy.deepcopy(values[position])))
        return nested(reversed(chosen))


class RandomDraws:
    """Independent draws from the parameters' distributions.

    A draw depends only on the seed and on its own number, so a resumed search draws what it would
    have drawn. Each parameter, in the order of their names, takes one random quantile.

    Args:
        sweep: the sweep.
        seed: a whole number from 0.
    """

    def __init__(self, sweep: Sweep, seed: int) -> None:
        self._parameters = sweep.by_path()
        self._seed = seed

    def config(self, index: int) -> dict[str, Any]:
        """The draw number ``index``, from 0."""
        random = np.random.default_rng([self._seed, index])
        return nested((p, copy.deepcopy(p.distribution.sample(random))) for p in self._parameters)


def configurations(sweep: Sweep, seed: int) -> Grid | RandomDraws | None:
    """The configurations of a sweep by their numbers; None if they depend on results.

    Args:
        sweep: the sweep.
        seed: the seed of random draws, a whole number from 0.
    """
    match sweep.method:
        case "grid":
            return Grid(sweep)
        case "random":
            return RandomDraws(sweep, seed)
        case "bayes" | "custom":
            return None
