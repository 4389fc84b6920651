"""The best of a running search."""

from __future__ import annotations

from pathlib import Path

import pytest
from histories import MadeTrialHistory
from screens import made_view
from searching import write_sweep

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.journal.events import Replicate, TrialEnded
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.options import Options
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.reports.screen.best import Best, BestSoFar
from pcsearch.reports.screen.frame import frame
from pcsearch.reports.screen.line import headline

SEARCHED = {
    "peak_lr_hidden": {"values": [0.01, 0.02]},
    "seed": {"values": [1, 2, 3]},
    "epochs": {"value": 1},
}
# One run of the first configuration is the luckiest of all; the second is the better one.
RUNS = [(1, 0, 0.1), (1, 1, 0.9), (1, 2, 0.9), (2, 0, 0.2), (2, 1, 0.3), (2, 2, 0.25)]


@pytest.mark.parametrize("replicates", [None, "seed"])
def test_with_replicates_it_is_the_best_mean_and_not_the_luckiest_run(
    replicates: str | None, tmp_path: Path
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", SEARCHED)
    options = Options(storage_path=tmp_path, name="here", replicates=replicates)
    experiment = new_experiment(sweep, options)
    outcomes = experiment.outcomes()
    best = BestSoFar(experiment, outcomes)
    assert best.now() is None
    for number, (configuration, seed, value) in enumerate(RUNS, 1):
        rate = 0.01 * configuration
        config = {"peak_lr_hidden": rate, "seed": 1 + seed, "epochs": 1}
        outcome = outcomes.begin(f"t{number}", number, config)
        outcome.replicate = Replicate(configuration, seed) if replicates else None
        outcome.add({"epoch": 1, "best_val_mse": value})
        outcomes.end(f"t{number}")
    found = best.now()
    assert found is not None
    told = found.in_words("mse")
    if replicates:
        assert told == "best so far 0.25 (mse, configuration 2, mean of 3 seeds)"
        assert found.config == {"peak_lr_hidden": 0.02}
    else:
        assert told == "best so far 0.1 (mse, trial 1)"
        assert found.config == {"peak_lr_hidden": 0.01, "seed": 1, "epochs": 1}


def test_a_resumed_search_has_it_as_soon_as_the_values_of_its_trials_are_known(
    tmp_path: Path,
) -> None:
    """The screen asks before the searcher has made them, and no run need end afterwards."""
    sweep = write_sweep(tmp_path / "s.yaml", SEARCHED)
    options = Options(storage_path=tmp_path, name="here", replicates="seed")
    experiment = new_experiment(sweep, options)
    trials: list[TrialHistory] = []
    for number, (configuration, seed, value) in enumerate(RUNS, 1):
        report = {"epoch": 1, "best_val_mse": value}
        ended = TrialEnded(f"t{number}", False, [value])
        replicate = Replicate(configuration, seed)
        trials.append(
            MadeTrialHistory(
                f"t{number}", number, None, tmp_path, ended, made=[report], replicate=replicate
            )
        )
    outcomes = Outcomes(experiment.metrics, history=History(trials))
    best = BestSoFar(experiment, outcomes)
    assert best.now() is None
    for number, (configuration, seed, _) in enumerate(RUNS, 1):
        rate = 0.01 * configuration
        outcomes.begin(f"t{number}", number, {"peak_lr_hidden": rate, "seed": 1 + seed})
    found = best.now()
    assert found is not None
    assert (found.name, found.values) == ("configuration 2", (0.25,))


def test_the_screen_and_the_line_show_a_configuration() -> None:
    config = {"peak_lr_hidden": 0.5}
    view = made_view(best=Best("configuration 2", (0.25,), config, 3))
    assert "best so far 0.25 (val/loss, configuration 2, mean of 3 seeds)" in headline(view)
    shown = "\n".join(line.plain for line in frame(view, 100, 30))
    assert "configuration 2: loss 0.25 (mean of 3 seeds)" in shown
    assert "peak_lr_hidden 0.5" in shown
    assert "hidden_momentum None" not in shown
