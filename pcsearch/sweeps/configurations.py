"""Configurations that do not depend on results: a grid's, and random draws."""

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
    fastest. Combinations are made when they are asked for, so that a grid may have more than
    could ever be listed.

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

    A draw depends on the seed and its own number alone, and each parameter, in the order of their
    names, takes one quantile of it. A search that goes on after a restart so draws what it would
    have drawn.

    Args:
        sweep: the sweep.
        seed: from 0.
    """

    def __init__(self, sweep: Sweep, seed: int) -> None:
        self._parameters = sweep.by_path()
        self._seed = seed

    def config(self, index: int) -> dict[str, Any]:
        """The draw number ``index``, from 0."""
        random = np.random.default_rng([self._seed, index])
        return nested((p, copy.deepcopy(p.distribution.sample(random))) for p in self._parameters)


def configurations(sweep: Sweep, seed: int) -> Grid | RandomDraws | None:
    """The configurations of a sweep by number; None where each depends on earlier results.

    Args:
        sweep: the sweep.
        seed: of random draws, from 0.
    """
    match sweep.method:
        case "grid":
            return Grid(sweep)
        case "random":
            return RandomDraws(sweep, seed)
        case "bayes" | "custom":
            return None
