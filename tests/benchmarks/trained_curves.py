"""Trials that are really trained, epoch by epoch, in the simulated searches of early stopping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from curve_table import parameters_text, sweep
from search_cases import Case

from pcsearch.pc.compiled.choice import MIN_GFLOP, compiled_blocks
from pcsearch.pc.config_values import model_config
from pcsearch.pc.training import TrainingRun
from pcsearch.sweeps.parameters import nested

DIVERGED = 1.0
"""What a trial that has diverged reports: more than the loss of any that learns."""


class TrainedCurve:
    """The learning curve of the PC transformer on the digits; an epoch is trained when it is read.

    Args:
        config: the values of the searched parameters of ``learning_curves.yaml``.
        seed: of the training.
    """

    def __init__(self, config: Mapping[str, Any], seed: int) -> None:
        space = sweep()
        assert space.metric is not None, "the sweep file names it"
        fixed = nested((p, p.distribution.ppf(0.5)) for p in space.by_path() if p.fixed)
        self._config = model_config({**fixed, **config, "seed": seed})
        self._metric = space.metric.name
        self._run: TrainingRun | None = None
        self._losses: list[float] = []
        self._has_diverged = False

    def __len__(self) -> int:
        return self._config.epochs

    def __getitem__(self, index: int) -> float:
        """The loss after epoch ``index`` + 1."""
        while len(self._losses) <= index % len(self):
            self._losses.append(self._next())
        return self._losses[index]

    def _next(self) -> float:
        if self._has_diverged:
            return DIVERGED
        if self._run is None:
            torch.set_num_threads(1)
            self._run = TrainingRun(self._config, compiled=False)
            # The package compiles for long runs only; here many short ones share the code.
            model = self._run._trainer._model
            cpu = torch.device("cpu")
            model.compiled = compiled_blocks(model.architecture, cpu, MIN_GFLOP)
        value = self._run.run_epoch().metrics.get(self._metric, math.nan)
        self._has_diverged = not math.isfinite(value)
        return DIVERGED if self._has_diverged else min(float(value), DIVERGED)


class TrainedCurves:
    """The case "trained": a search whose trials are trained for real.

    The regret is the loss of the trial itself at its end, for which it is trained further: no
    optimum is known, and no end without the luck of a seed.

    Args:
        seed: of the trainings; trial n has a seed of its own.
    """

    sign = 1
    epochs = 27

    def __init__(self, seed: int) -> None:
        self.case = Case(parameters_text(), lambda _: 0.0)
        self._seed = seed
        self._curves: dict[int, TrainedCurve] = {}

    def regret(self, config: Mapping[str, Any], number: int) -> float:
        """The loss of trial ``number`` at its end."""
        return self.curve(config, number)[-1]

    def curve(self, config: Mapping[str, Any], number: int) -> TrainedCurve:
        """The curve of trial ``number``."""
        if number not in self._curves:
            self._curves[number] = TrainedCurve(config, 1000 * self._seed + number)
        return self._curves[number]
