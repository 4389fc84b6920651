"""The learning rates over a run, counted in training steps (batches)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from pcsearch.pc.config import ModelConfig


class LearningRates(NamedTuple):
    """The learning rates at one training step."""

    weights: float
    hidden: float


@dataclass(frozen=True)
class LearningRateSchedule:
    """A linear warm-up to the peak, then cosine decay to peak * floor at the last step.

    Args:
        peak: the highest rate; the rate of all steps when not ``scheduled``.
        scheduled: whether the rate changes at all.
        warmup_steps: the steps of the warm-up; the last of them has the peak rate.
        total_steps: the steps of the whole run.
        floor: the last rate divided by the peak.
    """

    peak: float
    scheduled: bool
    warmup_steps: int
    total_steps: int
    floor: float

    def rate(self, step: int) -> float:
        """The rate of training step ``step``, counted from 0."""
        if not self.scheduled:
            return self.peak
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        span = max(1, self.total_steps - 1 - self.warmup_steps)
        progress = min(1.0, (step - self.warmup_steps) / span)
        cosine = (1 + math.cos(math.pi * progress)) / 2
        return self.peak * (self.floor + (1 - self.floor) * cosine)


class RunLearningRates:
    """The learning rates of a run: of the weights, and of the hidden states.

    Args:
        config: the configuration of the run.
        total_steps: the training steps of the whole run.
    """

    def __init__(self, config: ModelConfig, total_steps: int) -> None:
        steps, floor = (config.warmup_steps, total_steps), config.lr_schedule_min_lr_factor
        self._weights = LearningRateSchedule(
            config.peak_lr_weights, config.use_lr_schedule_w, *steps, floor
        )
        self._hidden = LearningRateSchedule(
            config.peak_lr_hidden, config.use_lr_schedule_h, *steps, floor
        )

    def at(self, step: int) -> LearningRates:
        """The rates of training step ``step``, counted from 0."""
        return LearningRates(self._weights.rate(step), self._hidden.rate(step))


def evaluation_rates(config: ModelConfig, training: LearningRates) -> LearningRates:
    """The rates of an evaluation, which are those of the last training step.

    The hidden states have a rate of their own, unless the one of training is scheduled.
    """
    if config.use_lr_schedule_h:
        return training
    return training._replace(hidden=config.hidden_lr_inference)
