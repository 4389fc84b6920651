"""What a session says at its begin; whole sessions run in `tests/searches`."""

from __future__ import annotations

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.sessions.session import _describe


def test_a_search_is_described_in_a_line(experiment: Experiment) -> None:
    assert _describe(experiment) == (
        "here: up to 3 trials, method grid; ASHA after 2, 6 epochs; minimize best_val_mse; seed 7"
    )
