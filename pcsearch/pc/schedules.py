"""The learning rates over a run, counted in training steps (batches)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A linear warm-up to the peak, then cosine decay to peak * floor at the last step.

    Args:
        peak: the highest rate, and the rate throughout when not ``scheduled``.
        scheduled: whether the rate changes at all.
        warmup_steps: the steps of the warm-up; the last of them has the peak rate.
        total_steps: the steps of the whole run.
        floor: the last rate over the peak.
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
