"""Simulated searches whose trials have learning curves, for the comparison of early stopping.

A case is a function of ``search_cases.py``: its value at a configuration is what the trial comes to
at its end, and a curve that depends on the configuration too leads there. The case "digits" has the
real curves of ``curve_table.py`` instead, and "trained" trains its trials.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from heapq import heappop, heappush
from itertools import count
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from curve_table import CurveTable, parameters_text
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from search_cases import CASES, Case
from trained_curves import TrainedCurves

from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.sweeps.sweep import parse_sweep

EPOCHS = 27
Kind = Literal["plain", "crossing", "noisy", "maximize"]
KINDS: tuple[Kind, ...] = ("plain", "crossing", "noisy", "maximize")
NOISE = {"plain": 0.02, "crossing": 0.02, "noisy": 0.06, "maximize": 0.02}
DIGITS, TRAINED = "digits", "trained"
NAMES = [*CASES, DIGITS]
DIGITS_OPTIMUM = 0.039732
"""The lowest end of a curve that the model of the table has without noise, found by descents."""
DIGITS_SEEDS = 8
"""So many trials of one configuration have noise of their own."""


class Maximized(Case):
    """A case whose metric is better if it is higher: its curves are negated."""

    def text(self, method: str) -> str:
        """The sweep file."""
        return super().text(method).replace("{name: loss}", "{name: loss, goal: maximize}")


class Curve(Protocol):
    """A learning curve: an array, or one whose epochs are trained when they are read."""

    def __len__(self) -> int:
        """How many epochs it has."""

    def __getitem__(self, index: int) -> Any:
        """The value after epoch ``index`` + 1."""


class Curves(Protocol):
    """The learning curves of one search.

    Args:
        case: its function, and its sweep file.
        sign: 1 where a lower value is better, -1 where a higher one is.
        epochs: the length of a curve.
    """

    case: Case
    sign: int
    epochs: int

    def regret(self, config: Mapping[str, Any], number: int) -> float:
        """How far the true end of trial ``number`` is from the best one."""

    def curve(self, config: Mapping[str, Any], number: int) -> Curve:
        """What trial ``number`` reports after each epoch, (epochs,)."""


def curves(name: str, kind: Kind, seed: int) -> Curves:
    """The learning curves of a case.

    Args:
        name: of the case.
        kind: "plain"; "crossing", where good configurations begin badly and learn slowly; "noisy",
            with noise three times as large; or "maximize", plain ones of a metric that rises.
        seed: of the curves.
    """
    if name == TRAINED:
        return TrainedCurves(seed)
    return TableCurves(kind) if name == DIGITS else PowerLaws(name, kind, seed)


def differs(name: str, kind: Kind) -> bool:
    """Whether a case has curves of a kind: those of the digits are real, and not made to cross."""
    return name not in (DIGITS, TRAINED) or kind == "plain" or (name, kind) == (DIGITS, "maximize")


class PowerLaws:
    """Curves that fall to the case's value with a power of the epoch.

    How high a curve begins and how fast it falls depends on the configuration, through smooth
    random functions, and on the trial's luck.

    Args:
        name: of the case.
        kind: of the curves.
        seed: of the smooth functions, and of the trials' luck and noise.
    """

    epochs = EPOCHS

    def __init__(self, name: str, kind: Kind, seed: int) -> None:
        self.case = _maximized(CASES[name]) if kind == "maximize" else CASES[name]
        self.sign = -1 if kind == "maximize" else 1
        self._name, self._kind, self._seed = name, kind, seed
        sweep = parse_sweep(self.case.text("bayes"), "sweep.yaml")
        self._space = OptunaSpace(sweep.parameters.values()).distributions
        random, size = np.random.default_rng([seed, zlib.crc32(name.encode())]), len(self._space)
        # Random Fourier features: 24 waves for the height, and 24 for the speed.
        self._waves = random.normal(size=(2, 24, size)) * 3.2 / math.sqrt(size)
        self._phases = random.uniform(0, 2 * math.pi, size=(2, 24))
        self._heights = random.normal(size=(2, 24)) / math.sqrt(12)

    def regret(self, config: Mapping[str, Any], number: int = 0) -> float:
        """The function's distance from its optimum, scaled so that it is of the curves' size."""
        above = max(self.case.value(config) - self.case.optimum, 0.0)
        match self._name:
            case "branin":
                return math.log1p(above) / 3
            case "hartmann":
                return above / 3.32
        return above

    def curve(self, config: Mapping[str, Any], number: int) -> np.ndarray:
        """The curve of a configuration with the luck and the noise of trial ``number``."""
        end, last = self.regret(config), self.epochs
        random = np.random.default_rng([self._seed, number, 7])
        fall, power = self._start(config, min(end, 1.0), random.normal(size=2))
        epochs = np.arange(1, last + 1)
        curve = end + fall * (epochs**-power - last**-power) / (1 - last**-power)
        curve = curve + NOISE[self._kind] * random.normal(size=last)
        return np.asarray(self.sign * curve)

    def _start(
        self, config: Mapping[str, Any], end: float, luck: np.ndarray
    ) -> tuple[float, float]:
        """How much a curve falls after its first epoch, and with which power."""
        place = np.array([share(each, config[name]) for name, each in self._space.items()])
        waves = np.cos(self._waves @ place * 2 + self._phases)
        height, speed = np.tanh((self._heights * waves).sum(axis=1)).tolist()
        if self._kind == "crossing":
            fall = 1.3 + 0.3 * height + 0.22 * luck[0] - 0.7 * end
            power = 0.5 + 0.2 * speed + 0.12 * luck[1] + 0.3 * end
        else:
            fall = 0.9 + 0.3 * height + 0.22 * luck[0]
            power = 0.7 + 0.25 * speed + 0.15 * luck[1]
        return max(float(fall), 0.05), max(float(power), 0.15)


class TableCurves:
    """The real curves of the PC transformer on the digits, of any configuration."""

    def __init__(self, kind: Kind) -> None:
        self._table = _table()
        case = Case(parameters_text(), self._end, DIGITS_OPTIMUM)
        self.case = _maximized(case) if kind == "maximize" else case
        self.sign = -1 if kind == "maximize" else 1
        self.epochs = self._table.epochs

    def regret(self, config: Mapping[str, Any], number: int = 0) -> float:
        """The distance of the end without noise from the lowest one."""
        return max(self._end(config) - DIGITS_OPTIMUM, 0.0)

    def curve(self, config: Mapping[str, Any], number: int) -> np.ndarray:
        """The curve of a configuration with the noise of a trial of the table."""
        return np.asarray(self.sign * self._table.curve(config, number % DIGITS_SEEDS))

    def _end(self, config: Mapping[str, Any]) -> float:
        return float(self._table.mean_curve(config)[-1])


@cache
def _table() -> CurveTable:
    """The table, loaded once in a process: its model takes a while."""
    return CurveTable.load()


def _maximized(case: Case) -> Case:
    return Maximized(case.parameters, case.value, case.optimum, case.noise)


def share(distribution: Any, value: Any) -> float:
    """Where a value lies from 0 to 1 along its axis; a category lies anywhere, but always there."""
    if isinstance(distribution, CategoricalDistribution):
        return (zlib.crc32(str(value).encode()) % 97) / 96
    assert isinstance(distribution, FloatDistribution | IntDistribution), "there is no other"
    low, high = distribution.low, distribution.high
    if distribution.log:
        return math.log(value / low) / math.log(high / low)
    return float((value - low) / (high - low))


class Report(NamedTuple):
    """One report of a simulated trial.

    Args:
        number: the trial's, from 0.
        epoch: from 1.
        value: of the metric.
    """

    number: int
    epoch: int
    value: float


def reports(
    begin: Callable[[int], Curve | None],
    continues: Callable[[Report], bool],
    running: int,
    random: np.random.Generator,
) -> Iterator[Report]:
    """The reports of trials that run at the same time, in the order of time.

    Args:
        begin: begins the trial of a number, from 0, and gives its curve; None: there are no more.
        continues: whether a trial goes on after a report; it is asked after the last one too.
        running: how many trials run at once.
        random: gives how fast a trial is: an epoch takes about 1, in some trials 10 % more or less.
    """
    queue: list[tuple[float, int, int, int]] = []
    trials: list[tuple[Curve, float]] = []
    now, order, more = 0.0, count(), True
    while True:
        while more and len(queue) < running:
            number, curve = len(trials), begin(len(trials))
            if curve is None:
                more = False
                break
            trials.append((curve, math.exp(0.1 * random.normal())))
            heappush(queue, (now + trials[number][1], next(order), number, 1))
        if not queue:
            return
        now, _, number, epoch = heappop(queue)
        curve, seconds = trials[number]
        report = Report(number, epoch, float(curve[epoch - 1]))
        goes_on = continues(report)
        yield report
        if goes_on and epoch < len(curve):
            heappush(queue, (now + seconds, next(order), number, epoch + 1))
