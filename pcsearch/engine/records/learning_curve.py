"""The learning curve of a trial: the values of one metric, each after how far the trial was."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from pcsearch.engine.records.report import ITERATION, Report, epoch_of, finite, measured, reported

CURVE_POINTS = 40
"""The number of points, nearly, that are kept of a long learning curve."""


@dataclass
class LearningCurve:
    """The learning curve of a trial, to which each report is added.

    Args:
        metric: the name of its metric, None where the search has none.
        time_attr: the name in a report that has its epoch; `ITERATION` where an epoch is a report.
        epoch_key: what reports say their epoch by, None where they do not say it.
        points: the values of the metric, each after how far the trial was then (`progress`), in
            rising order. A long curve is thinned out: its points get rarer.
        changes: how many times it has changed.
    """

    metric: str | None
    time_attr: str
    epoch_key: str | None = None
    points: list[tuple[float, float]] = field(default_factory=list)
    changes: int = 0
    # Where an epoch is a report, the epochs without the metric.
    _without_metric: list[int] = field(default_factory=list)
    # What the trial has said last by the ``epoch_key``.
    _said_epoch: float | None = None

    def add(self, report: Report) -> None:
        """Add a report; to add the same report twice changes nothing."""
        self._note_missing(report)
        self._said_epoch = self._said(report)
        value = None if self.metric is None else measured(report, self.metric)
        progress = self.progress(report)
        if value is not None and progress is not None:
            self._add_point(progress, value)

    def clear(self) -> None:
        """Forget all reports: they are of an earlier try that nothing is left of."""
        self.points, self._without_metric, self._said_epoch = [], [], None

    def progress(self, report: Report) -> float | None:
        """How far the trial was at one of its reports, on the axis of learning curves and rungs.

        It is the epoch. Where an epoch is a report, only those with the curve's metric count, as
        at W&B: a function may report its validation in every tenth report. Where reports say
        their epoch, it is the newest that was said.
        """
        if self.epoch_key is not None:
            return self._said(report)
        epoch = finite(report.get(self.time_attr) or report.get(ITERATION))
        return None if epoch is None else epoch - bisect_right(self._without_metric, epoch)

    def _said(self, report: Report) -> float | None:
        if self.epoch_key is None:
            return None
        said = finite(reported(report, self.epoch_key))
        return self._said_epoch if said is None else said

    def _note_missing(self, report: Report) -> None:
        if self.time_attr != ITERATION or self.metric is None:
            return
        epoch = epoch_of(report, self.time_attr)
        # A trial that was restored reports the epochs after its checkpoint again.
        del self._without_metric[bisect_left(self._without_metric, epoch) :]
        if reported(report, self.metric) is None:
            self._without_metric.append(epoch)

    def _add_point(self, progress: float, value: float) -> None:
        if self.points and self.points[-1] == (progress, value):
            return
        self.changes += 1
        if self.points and progress <= self.points[-1][0]:
            # A trial that was restored reports the epochs after its checkpoint again.
            self.points = [point for point in self.points if point[0] < progress]
        self.points.append((progress, value))
        if len(self.points) > 2 * CURVE_POINTS:
            self.points = thinned(self.points)


def thinned(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A learning curve with fewer points, at about the same shape.

    The points that stay are near to epochs in geometric progression, because a curve changes most
    in its first epochs; the least and the greatest value stay, too. A trial may report thousands of
    times.
    """
    first, last = max(curve[0][0], 1.0), max(curve[-1][0], 1.0)
    epochs = [first * (last / first) ** (i / (CURVE_POINTS - 1)) for i in range(CURVE_POINTS)]
    near = {bisect_left(curve, (epoch,)) for epoch in epochs}
    values = [value for _, value in curve]
    ends = {0, len(curve) - 1, values.index(min(values)), values.index(max(values))}
    return [curve[i] for i in sorted(near | ends) if i < len(curve)]
