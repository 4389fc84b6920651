"""Brings very bad values nearer to the others, so that a Gaussian process tells good ones apart."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from pcsearch.engine.search.sampling.imputation import DEVIATION

KNEE = 2.0
"""How far above the median a loss may be before it is squashed, in the scale of `squashed`."""
# The logarithm of it is still a number.
LARGEST = 1e300


def squashed(
    trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]
) -> list[FrozenTrial]:
    """The same trials with very bad values brought nearer to the others, in the same order.

    A process has one length scale and one spread for all values. A learning rate with which
    training explodes gives losses of any size, and beside a few of those all good trials look the
    same. With the median m of the losses, the scale ``s = m - min``, and the knee
    ``k = m + 2 s``, a loss ``l > k`` becomes ``k + s log(1 + (l - k) / s)``; the others stay as
    they are. The deviation of a prediction shrinks as its loss does.

    Args:
        trials: that have ended, all with finite values.
        directions: of the objectives; each is squashed by itself.
    """
    if not trials:
        return []
    signs = np.array([1 if each == StudyDirection.MINIMIZE else -1 for each in directions])
    losses = signs * np.array([trial.values for trial in trials], dtype=float)
    median = np.median(losses, axis=0)
    scale = median - losses.min(axis=0)
    with np.errstate(over="ignore"):
        # Where half of the losses are equal, nothing says how far is far.
        beyond = np.divide(losses - median, scale, out=np.zeros_like(losses), where=scale > 0)
    beyond = np.minimum(beyond, LARGEST) - KNEE
    is_far = beyond > 0
    near = median + scale * (KNEE + np.log1p(np.maximum(beyond, 0.0)))
    values = signs * np.where(is_far, near, losses)
    shrinking = 1 / (1 + np.maximum(beyond[:, 0], 0.0))
    return [
        _with_values(trial, new.tolist(), float(shrunk)) if far.any() else trial
        for trial, new, far, shrunk in zip(trials, values, is_far, shrinking, strict=True)
    ]


def _with_values(trial: FrozenTrial, values: list[float], shrinking: float) -> FrozenTrial:
    changed = copy.copy(trial)
    changed.values = values
    deviation = trial.user_attrs.get(DEVIATION)
    if deviation is not None:
        changed.user_attrs = {**trial.user_attrs, DEVIATION: deviation * shrinking}
    return changed
