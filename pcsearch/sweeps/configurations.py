"""The configurations of grid and random searches, which do not depend on results."""

from __future__ import annotations

import copy
import math
from itertools import product
from typing import Any

import numpy as np

from pcsearch.sweeps.finite import FiniteSpace, Positions, finite_space
from pcsearch.sweeps.parameters import nested
from pcsearch.sweeps.sweep import Sweep

TRIES = 100
"""So many draws in a row may be left out; then the rest of the space is listed."""
LARGEST_LIST = 1_000_000
"""The rest of a larger space is not listed: no search comes to its end."""


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
    """Draws from the parameters' distributions, none twice while another one is possible.

    A draw depends only on the seed and on its own number, so a resumed search draws what it would
    have drawn. Each parameter, in the order of their names, takes one random quantile. In a finite
    space a draw that has come before is left out, and the next one counts in its place. When many
    are left out in a row, those configurations follow in a random order that have not come.

    Args:
        sweep: the sweep.
        seed: a whole number from 0.
        repeats: whether the draws are independent, as they were in earlier versions.
    """

    def __init__(self, sweep: Sweep, seed: int, *, repeats: bool = False) -> None:
        self._parameters = sweep.by_path()
        self._seed = seed
        self._space = None if repeats else finite_space(sweep)
        self._drawn = 0
        # The configurations so far, in their order, and the same as a set.
        self._chosen: list[Positions] = []
        self._seen: set[Positions] = set()

    @property
    def size(self) -> int | None:
        """How many configurations there are, None where they have no end or may repeat."""
        return None if self._space is None else self._space.size

    def config(self, index: int) -> dict[str, Any]:
        """The draw number ``index``, from 0.

        Raises:
            IndexError: the space has fewer configurations.
        """
        if self._space is None:
            return self._draw(index)
        if index >= self._space.size:
            raise IndexError(f"draw {index} from {self._space.size} configurations")
        while len(self._chosen) <= index:
            self._choose(self._space)
        return self._space.config(self._chosen[index])

    def _draw(self, number: int) -> dict[str, Any]:
        random = np.random.default_rng([self._seed, number])
        return nested((p, copy.deepcopy(p.distribution.sample(random))) for p in self._parameters)

    def _choose(self, space: FiniteSpace) -> None:
        """Add the next configuration that has not come yet, or all of them."""
        for _ in range(TRIES):
            positions = space.positions(self._draw(self._drawn))
            self._drawn += 1
            if positions is not None and positions not in self._seen:
                self._seen.add(positions)
                self._chosen.append(positions)
                return
        if space.size <= LARGEST_LIST:
            every = product(*map(range, space.sizes))
            rest = [positions for positions in every if positions not in self._seen]
            order = np.random.default_rng([self._seed, self._drawn]).permutation(len(rest))
            self._chosen += [rest[int(number)] for number in order]


def configurations(sweep: Sweep, seed: int, *, repeats: bool = False) -> Grid | RandomDraws | None:
    """The configurations of a sweep by their numbers; None if they depend on results.

    Args:
        sweep: the sweep.
        seed: the seed of random draws, a whole number from 0.
        repeats: whether random draws may repeat, as they did in earlier versions.
    """
    match sweep.method:
        case "grid":
            return Grid(sweep)
        case "random":
            return RandomDraws(sweep, seed, repeats=repeats)
        case "bayes" | "custom":
            return None
