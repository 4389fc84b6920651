"""Decides which configuration runs with its next seed: the race of configurations over seeds.

A loss is ``m + c + s + e``: a mean, what the configuration adds, what the seed adds to every
configuration, and noise. Two configurations are so compared by the differences on their common
seeds, in which m and s cancel out. The seeds' effects are the least squares of all losses. The
variance of the noise is pooled over all configurations, and shrunk: as if `PRIOR` more differences
had shown all the variance there is among the means. So two seeds decide something, and no
configuration leaves the race because two losses happen to be close. What the other seeds of a
configuration with n of S seeds will show is predicted by its own mean, shrunk to that of all as far
as the noise is larger than the differences between configurations. That gives the mean over all S
seeds that it is expected to come to, with a variance that is 0 when the last seed has ended. The
configuration whose expected mean is the least leads. Another is in the race while the chance that
its mean is less than that of the leader is at least `LEAST_CHANCE`.

A loss that is far above the others of its seed counts in full for the mean of its configuration.
For the noise, the seeds' effects and the mean of all it is cut down: one run that has nearly
diverged would hide all differences between the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

PRIOR = 5.0
LEAST_CHANCE = 0.01
LEAST_SPREAD = 0.05
"""At least this share of the variance of the means is that of the configurations."""
KEPT = 3.0
"""Where new configurations come without end, one of so many gets one seed more."""
FINALE, FINALISTS = 0.3, 5
"""The last share of the runs of such a search, and how many of the best configurations get them."""


class NextRun(NamedTuple):
    """A run that may start: a configuration by its place, None for a new one; and a seed's."""

    configuration: int | None
    seed: int


NEW = NextRun(None, 0)


@dataclass
class Entrant:
    """A configuration in the race.

    Args:
        losses: by the positions of the seeds whose runs have ended.
        begun: the positions of the seeds whose runs have begun, ended or not.
        running: how many of them run.
        is_out: whether it is out of the race whatever its losses: a run of it went wrong, or was
            stopped for being worse than others.
    """

    losses: dict[int, float] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)
    running: int = 0
    is_out: bool = False

    def next_seed(self, seeds: int) -> int | None:
        """The first position of a seed that it has not begun, None after the last."""
        return next((seed for seed in range(seeds) if seed not in self.begun), None)


@dataclass(frozen=True)
class Standing:
    """Where a configuration stands in the race.

    Args:
        mean: of its losses, without the effects of their seeds; infinite without a loss.
        error: the standard deviation of that mean.
        expected: the loss that its mean over all seeds is expected to be; infinite without a loss.
        chance: that its mean over all seeds is less than that of the leader; 1 for the leader.
    """

    mean: float
    error: float
    expected: float
    chance: float


NOWHERE = Standing(math.inf, 0.0, math.inf, 0.0)


def standings(entrants: Sequence[Entrant], seeds: int) -> list[Standing]:
    """Where each configuration stands; one without a loss, or that is out, has no chance.

    Args:
        entrants: the configurations.
        seeds: how many seeds each may run with.
    """
    placed = [NOWHERE] * len(entrants)
    known = [i for i, each in enumerate(entrants) if each.losses and not each.is_out]
    if not known:
        return placed
    losses = np.full((len(known), seeds), np.nan)
    for row, i in enumerate(known):
        for seed, loss in entrants[i].losses.items():
            losses[row, seed] = loss
    means, errors, expected, variances = _expected(losses)
    leader = int(np.argmin(expected))
    for row, i in enumerate(known):
        apart = float(expected[row] - expected[leader])
        deviation = math.sqrt(variances[row] + variances[leader])
        chance = 1.0 if row == leader else _chance(apart, deviation)
        placed[i] = Standing(float(means[row]), float(errors[row]), float(expected[row]), chance)
    return placed


class Race:
    """Decides what runs next.

    A grid begins every configuration first. Then, of the configurations in the race, the one with
    the fewest seeds gets its next; a configuration waits until its last run has ended, unless it is
    the only one. Where new configurations come without end, those that have n seeds are compared,
    and the best 1 / `KEPT` get one more; only where there is none to promote, a new configuration
    begins. The last runs are for the finalists, of whom those with the fewest seeds come first: a
    configuration that begins so late would not be known well enough to be chosen.

    A mean over all seeds that is as good as the target ends the search: a configuration whose mean
    is so far comes before all others.

    Args:
        seeds: how many seeds each configuration may run with.
        is_open: whether configurations come without end.
        runs_all: whether every configuration runs with every seed, instead of a race.
        target: the mean loss that ends the search, None without one.
    """

    def __init__(
        self, seeds: int, *, is_open: bool, runs_all: bool = False, target: float | None = None
    ) -> None:
        self._seeds, self._is_open, self._runs_all = seeds, is_open, runs_all
        self._target = target

    def next_run(
        self, entrants: Sequence[Entrant], *, can_begin: bool, left: float = 1.0
    ) -> NextRun | None:
        """What may start now, None for nothing: the race is over, unless a run may change that.

        Args:
            entrants: the configurations so far.
            can_begin: whether there is a new configuration.
            left: the share of the search's runs that have not begun.
        """
        near = self._near_target(entrants)
        if near is not None:
            return near
        if self._runs_all:
            return self._of_all(entrants, can_begin)
        if can_begin and not self._is_open:
            return NEW
        placed = standings(entrants, self._seeds)
        if can_begin:
            late = self._final(entrants, placed) if left <= FINALE else None
            return late or self._promoted(entrants, placed) or NEW
        return self._in_race(entrants, placed)

    def _near_target(self, entrants: Sequence[Entrant]) -> NextRun | None:
        """The next run of the best configuration that has been as good as the target so far."""
        if self._target is None:
            return None
        means = {
            i: sum(each.losses.values()) / len(each.losses)
            for i, each in enumerate(entrants)
            if each.losses and not (each.is_out or each.running) and self._next(each) is not None
        }
        best = min(means, key=lambda i: means[i], default=None)
        return None if best is None or means[best] > self._target else self._run(entrants, best)

    def _of_all(self, entrants: Sequence[Entrant], can_begin: bool) -> NextRun | None:
        open_ones = [i for i, each in enumerate(entrants) if self._next(each) is not None]
        if can_begin and (not self._is_open or not open_ones):
            return NEW
        return self._run(entrants, open_ones[0]) if open_ones else None

    def _in_race(self, entrants: Sequence[Entrant], placed: Sequence[Standing]) -> NextRun | None:
        racing = [i for i, each in enumerate(placed) if each.chance >= LEAST_CHANCE]
        free = [i for i in racing if self._next(entrants[i]) is not None]
        undecided = any(each.running and not each.losses for each in entrants)
        if len(racing) > 1 or undecided:
            free = [i for i in free if not entrants[i].running]
        if not free:
            return None
        return self._run(entrants, _first(free, entrants, placed))

    def _final(self, entrants: Sequence[Entrant], placed: Sequence[Standing]) -> NextRun | None:
        known = [i for i, each in enumerate(placed) if math.isfinite(each.expected)]
        best = sorted(known, key=lambda i: placed[i].expected)[:FINALISTS]
        free = [i for i in best if self._next(entrants[i]) is not None]
        if not free:
            return None
        return self._run(entrants, _first(free, entrants, placed))

    def _promoted(self, entrants: Sequence[Entrant], placed: Sequence[Standing]) -> NextRun | None:
        """The best of those of whom too few have one seed more, where they have the most seeds."""
        for seeds in range(self._seeds - 1, 0, -1):
            have = [i for i, each in enumerate(entrants) if len(each.losses) >= seeds]
            room = int(len(have) / KEPT)
            if sum(len(entrants[i].begun) > seeds for i in have) >= room:
                continue
            for i in sorted(have, key=lambda i: placed[i].expected)[:room]:
                is_free = len(entrants[i].begun) == seeds and not entrants[i].running
                if is_free and placed[i].chance >= LEAST_CHANCE:
                    return self._run(entrants, i)
        return None

    def _next(self, entrant: Entrant) -> int | None:
        return entrant.next_seed(self._seeds)

    def _run(self, entrants: Sequence[Entrant], place: int) -> NextRun:
        seed = self._next(entrants[place])
        assert seed is not None, "chosen among those with a seed left"
        return NextRun(place, seed)


def _first(places: Sequence[int], entrants: Sequence[Entrant], placed: Sequence[Standing]) -> int:
    """The one with the fewest seeds; of several, the best."""
    return min(places, key=lambda i: (len(entrants[i].begun), placed[i].expected))


def _chance(apart: float, deviation: float) -> float:
    return NormalDist().cdf(-apart / deviation) if deviation else 0.0


def _expected(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means without the seeds' effects, their errors, expected means over all seeds, variances.

    Args:
        losses: (configurations, seeds), NaN where there is none; at least one in each row.

    Returns:
        Each (configurations,).
    """
    seeds = losses.shape[1]
    is_there = ~np.isnan(losses)
    counts = is_there.sum(axis=1)
    bounded = _bounded(losses)
    effects, squares = _seed_effects(bounded)
    means = np.nanmean(losses - effects, axis=1)
    usual = np.nanmean(bounded - effects, axis=1)
    spread = float(np.var(usual, ddof=1)) if len(usual) > 1 else 0.0
    freedom = max(0, is_there.sum() - len(counts) - (is_there.any(axis=0).sum() - 1))
    noise = (PRIOR * spread + squares) / (PRIOR + freedom)
    errors = np.sqrt(noise / counts)
    # The variance of means is that of configurations, and the noise that is left in means.
    between = max(spread - noise * float(np.mean(1 / counts)), LEAST_SPREAD * spread)
    if between == 0 or noise == 0:
        return means, errors, means, np.zeros_like(means)
    ratio = noise / between
    weights = counts / (counts + ratio)
    shrunk = weights * means + (1 - weights) * np.average(usual, weights=weights)
    left = (seeds - counts) / seeds
    expected = (1 - left) * means + left * shrunk
    return means, errors, expected, left**2 * noise / (counts + ratio) + left * noise / seeds


def _bounded(losses: np.ndarray) -> np.ndarray:
    """The losses, with those that are far above the others of their seed cut down.

    A run that has nearly diverged says nothing about the noise of others, nor about what other
    configurations come to. For its own configuration it counts in full.
    """
    apart = losses - np.nanmedian(losses, axis=1, keepdims=True)
    has_begun = ~np.isnan(apart).all(axis=0)
    effects = np.zeros(losses.shape[1])
    effects[has_begun] = np.nanmedian(apart[:, has_begun], axis=0)
    level = losses - effects
    least, middle = np.nanmin(level), np.nanmedian(level)
    # Where half of the losses are equal, nothing says what is far.
    most = middle + 2 * (middle - least) if middle > least else np.inf
    return np.minimum(level, most) + effects


def _seed_effects(losses: np.ndarray) -> tuple[np.ndarray, float]:
    """What each seed adds to every configuration, (seeds,), and the sum of squares that is left.

    Only configurations with several seeds tell; a seed without them adds nothing.
    """
    several = losses[(~np.isnan(losses)).sum(axis=1) > 1]
    if not len(several):
        return np.zeros(losses.shape[1]), 0.0
    is_there = ~np.isnan(several)
    there = is_there.astype(float)
    own = np.nanmean(several, axis=1, keepdims=True)
    # The normal equations without the configurations' own means; the effects' sum is free, and 0.
    normal = np.diag(there.sum(axis=0)) - there.T @ (there / there.sum(axis=1, keepdims=True))
    sums = np.where(is_there, several - own, 0).sum(axis=0)
    effects = np.linalg.lstsq(normal, sums, rcond=None)[0]
    own = np.nanmean(several - effects, axis=1, keepdims=True)
    return effects, float(np.nansum((several - own - effects) ** 2))
