"""A search in a line."""

from __future__ import annotations

from screens import made_view

from pcsearch.reports.screen.estimate import Estimate
from pcsearch.reports.screen.line import headline, measured, summary
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking.runs.context import RunsState

HEADLINE = (
    "4 of 20 trials ended, 4 running; best so far 0.02297 (val/loss, trial 3); about 70 min left"
)


def test_a_line_has_everything() -> None:
    assert headline(made_view()) == HEADLINE
    assert summary(made_view()) == (
        f"{HEADLINE}; 470 of about 643 epochs; 3 stopped by ASHA, 1 finished; 2 of 2 CPUs, "
        "0.5 of 1 GPUs in use; W&B: the server is gone: offline, 3 runs wait"
    )


def test_what_is_not_known_is_left_out() -> None:
    wandb = RunsState("online", 0, is_cut_off=False)
    view = made_view(ends={}, best=None, estimate=Estimate(3), usage=(), wandb=wandb)
    assert summary(view) == "0 of 20 trials ended, 4 running; 3 epochs; W&B: online"


def test_the_trials_of_other_drivers_are_told_apart() -> None:
    told = headline(made_view(elsewhere=7))
    assert told.startswith("4 of 20 trials ended, 4 running; 7 of other drivers; best so far")


def test_metrics_with_their_names() -> None:
    metrics = [Metric("loss", "minimize"), Metric("size", "maximize")]
    assert measured(metrics, [0.123456, None]) == "loss 0.1235, size -"
