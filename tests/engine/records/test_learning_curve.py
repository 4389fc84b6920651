"""The points of a learning curve; `test_outcome.py` has how far a trial is at a report."""

from __future__ import annotations

import math
from itertools import pairwise

from pcsearch.engine.records.learning_curve import CURVE_POINTS, LearningCurve
from pcsearch.engine.records.report import ITERATION


def curve_of(*losses: float) -> LearningCurve:
    curve = LearningCurve("loss", "epoch")
    for epoch, loss in enumerate(losses, 1):
        curve.add({"epoch": epoch, "loss": loss})
    return curve


def test_a_long_curve_is_thinned_out_and_keeps_its_ends() -> None:
    points = curve_of(*(1 / epoch for epoch in range(1, 5001))).points
    assert CURVE_POINTS / 2 < len(points) <= 2 * CURVE_POINTS
    epochs = [epoch for epoch, _ in points]
    assert max(after / epoch for epoch, after in pairwise(epochs)) <= 2
    assert points[0] == (1, 1.0)
    assert points[-1] == (5000, 1 / 5000)
    assert points == sorted(points)


def test_epochs_that_come_again_replace_the_old_ones() -> None:
    curve = curve_of(0.9, 0.8, 0.7)
    curve.add({"epoch": 2, "loss": 0.6})
    curve.add({"epoch": 2, "loss": 0.6})
    assert (curve.points, curve.changes) == ([(1, 0.9), (2, 0.6)], 4)
    curve.add({"epoch": math.nan, "loss": 0.1})
    curve.add({"epoch": 3, "loss": math.nan})
    assert (curve.points, curve.changes) == ([(1, 0.9), (2, 0.6)], 4)


def test_a_trial_that_begins_anew_has_a_new_curve_that_has_changed() -> None:
    curve = curve_of(0.9, 0.8)
    curve.clear()
    curve.add({"epoch": 1, "loss": 0.5})
    assert (curve.points, curve.changes) == ([(1, 0.5)], 3)


def test_a_trial_that_begins_anew_has_not_said_its_epoch_yet() -> None:
    curve = LearningCurve("loss", ITERATION, "step")
    curve.add({"training_iteration": 1, "step": 50, "loss": 0.1})
    curve.clear()
    curve.add({"training_iteration": 1, "loss": 9.0})
    assert curve.points == []
    curve.add({"training_iteration": 2, "step": 1, "loss": 8.0})
    assert curve.points == [(1, 8.0)]
