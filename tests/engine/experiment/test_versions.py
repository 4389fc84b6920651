"""What the trials of a search are by the newest version of its sweep file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from histories import MadeTrialHistory
from searching import TINY, write_sweep

from pcsearch.engine.experiment.definition import SearchDefinition, define_search, earlier_sweep
from pcsearch.engine.experiment.versions import judge_anew, place_trials, placed_by, reach
from pcsearch.engine.records.journal.changes import Edited
from pcsearch.engine.records.journal.events import ReachedTarget, TrialEnded
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.options import Options

LR = {"peak_lr_hidden": {"values": [0.05, 0.1]}}


def search_of(folder: Path, searched: dict[str, Any], **top: Any) -> SearchDefinition:
    return define_search(write_sweep(folder / "s.yaml", searched, **top), Options())


@pytest.mark.parametrize(
    ("searched", "values", "is_there"),
    [
        (LR, {"peak_lr_hidden": 0.1}, True),
        (LR, {"peak_lr_hidden": 0.2}, False),
        # A setting that the old file left at the model's default, and one that the new file does.
        (LR | {"hidden_momentum": {"values": [0.1, 0.5]}}, {"peak_lr_hidden": 0.1}, True),
        (LR | {"hidden_momentum": {"values": [0.4, 0.5]}}, {"peak_lr_hidden": 0.1}, False),
        (LR, {"peak_lr_hidden": 0.1, "hidden_momentum": 0.1}, True),
        (LR, {"peak_lr_hidden": 0.1, "hidden_momentum": 0.4}, False),
        (LR | {"epochs": {"value": 4}}, {"peak_lr_hidden": 0.1}, False),
    ],
)
def test_the_defaults_of_the_model_count(
    searched: dict[str, Any], values: dict[str, Any], is_there: bool, tmp_path: Path
) -> None:

    place = placed_by(search_of(tmp_path, searched))({**TINY, **values})
    assert (place is not None) is is_there
    if place is not None and "hidden_momentum" in searched:
        assert place["hidden_momentum"] == 0.1


def test_trials_keep_the_values_of_their_own_version_and_count_in_the_newest(
    tmp_path: Path,
) -> None:
    old = search_of(tmp_path, {"seed": {"values": [1, 2, 3, 4]}})
    new = search_of(tmp_path, {"seed": {"values": [2, 4, 6]}})
    trials = [MadeTrialHistory(f"t{n}", n, None, Path(), None) for n in range(1, 5)]
    trials.append(MadeTrialHistory("t5", 5, None, Path(), None))
    trials[4].edits, trials[4].config = 1, {**(trials[0].config or {}), "seed": 6}
    history = History(list(trials), edits=[Edited("", "", 9)])
    place_trials(history, [earlier_sweep(old, "", old.sweep.text), new.sweep], new)
    assert [trial.config and trial.config["seed"] for trial in trials] == [1, 2, 3, 4, 6]
    assert [trial.is_outside for trial in trials] == [True, False, True, False, False]
    assert reach(new, history) == 5
    assert reach(new, History(trials[:3], edits=history.edits)) == 5
    assert reach(old, History(trials[:3])) == 4


def test_other_metrics_judge_the_trials_that_ended_before_them(tmp_path: Path) -> None:
    seeds = {"seed": {"values": [1, 2]}}
    old = search_of(tmp_path, seeds)
    new = search_of(tmp_path, seeds, metric={"name": "best_val_mse", "target": 0.1})
    ends = [TrialEnded("t1", False, [0.3]), TrialEnded("t2", False, [0.4])]
    trials = [MadeTrialHistory(e.trial, n, None, Path(), e) for n, e in enumerate(ends, 1)]
    trials[1].judged_after = 1
    history = History([*trials], reached=ReachedTarget("t1", [0.3]))
    judge_anew(history, [old.sweep, new.sweep], new)
    assert trials[0].end == replace(ends[0], values=[])
    assert trials[1].end == ends[1]
    assert history.reached is None

    history.reached, history.reached_after = ReachedTarget("t2", [0.1]), 1
    judge_anew(history, [old.sweep, new.sweep], new)
    assert history.reached is not None
