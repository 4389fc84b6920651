"""Which results of an older experiment a new search starts from, and why not from the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment
from searching import write_sweep

from pcsearch.engine.experiment.definition import define_search
from pcsearch.engine.experiment.warm_start import WarmStart, warm_start
from pcsearch.engine.records.journal.events import Compared
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError

MOMENTUM = {"hidden_momentum": {"min": 0.1, "max": 0.5}}
VALUES = {"hidden_momentum": {"values": [0.1, 0.3, 0.9]}}


def started(tmp_path: Path, searched: dict[str, Any], *sources: Path, **top: Any) -> WarmStart:
    """What a new search of method bayes starts from."""
    sweep = write_sweep(tmp_path / "new.yaml", searched, **{"method": "bayes", **top})
    return warm_start(define_search(sweep, Options(warm_start=tuple(map(str, sources)))))


def test_a_result_is_the_best_value_at_the_trials_point(tmp_path: Path) -> None:
    old = tmp_path / "old"
    write_experiment(old, VALUES, [ended([3.0, 1.5, 2.0]), ended([4.0])])
    found = started(tmp_path, MOMENTUM, old)
    assert [(each.trial, each.point, each.values) for each in found.results] == [
        ("t1", {"hidden_momentum": 0.1}, [1.5]),
        ("t2", {"hidden_momentum": 0.3}, [4.0]),
    ]
    assert {each.source for each in found.results} == {str(old)}
    assert found.notes == (f"--warm-start {old}: 2 of 2 results used",)


@pytest.mark.parametrize("stopped_at", [None, 2])
def test_a_trial_that_was_stopped_early_is_worth_what_is_predicted(
    stopped_at: int | None, tmp_path: Path
) -> None:
    """Whole trials still lose 0.25 after their second epoch."""
    old = tmp_path / "old"
    whole = [[start + 1 / epoch for epoch in (1, 2, 3, 4)] for start in (1.0, 2.0, 3.0)]
    trials = [*(ended(values) for values in whole), ended([2.5, 2.0])]
    searched = {"hidden_momentum": {"values": [0.1, 0.2, 0.3, 0.4]}}
    write_experiment(old, searched, trials)
    if stopped_at is not None:
        Journal(old).add(Compared("t4", stopped_at, 2.0, stopped=True))
    *others, cut = started(tmp_path, MOMENTUM, old).results
    assert [each.deviation for each in others] == [0.0] * 3
    assert [each.values for each in others] == [[pytest.approx(v[-1])] for v in whole]
    if stopped_at is None:
        assert (cut.values, cut.deviation) == ([2.0], 0.0)
    else:
        assert cut.values == [pytest.approx(1.75, abs=0.1)]
        assert cut.deviation > 0


def test_the_value_is_that_of_the_new_metric(tmp_path: Path) -> None:
    old = tmp_path / "old"
    accuracy = "Metrics/LinearProbe_Accuracy"
    write_experiment(old, VALUES, [ended([1.0], **{accuracy: 0.7}), ended([1.0])])
    metric = {"name": accuracy, "goal": "maximize"}
    found = started(tmp_path, MOMENTUM, old, metric=metric)
    assert [each.values for each in found.results] == [[0.7]]
    assert found.notes[0].endswith("1 of 2 results used (not: 1 without a value)")


def test_what_is_no_result_is_counted_by_its_reason(tmp_path: Path) -> None:
    old = tmp_path / "old"
    searched = {"hidden_momentum": {"values": [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]}}
    trials = [
        ended([1.0]),
        None,
        ended([1.0], failed=True),
        ended([1.0, 2.0], early_stop_reason="NaN"),
        ended([None]),
        ended([1.0]),
    ]
    write_experiment(old, searched, trials)
    found = started(tmp_path, MOMENTUM, old)
    assert [each.trial for each in found.results] == ["t1"]
    assert found.notes == (
        f"--warm-start {old}: 1 of 6 results used (not: 4 without a value, 1 with another "
        "hidden_momentum)",
    )


def test_a_setting_that_the_new_search_fixes_must_be_the_same(tmp_path: Path) -> None:
    """A default counts like a value that is written, and --set like the file."""
    old = tmp_path / "old"
    write_experiment(old, VALUES, [ended([1.0]), ended([1.0])], overrides={"theta": 0.2})
    fixed = {"theta": {"value": 0.2}}
    assert len(started(tmp_path, MOMENTUM | fixed, old).results) == 2
    found = started(tmp_path, MOMENTUM, old)
    assert found.results == ()
    assert found.notes[0].endswith("0 of 2 results used (not: 2 with another theta)")


def test_each_experiment_is_read_once(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_experiment(one, VALUES, [ended([1.0])])
    write_experiment(two, VALUES, [ended([2.0])])
    found = started(tmp_path, MOMENTUM, one, two, one)
    assert [each.values for each in found.results] == [[1.0], [2.0]]
    assert len(found.notes) == 2


def test_a_search_without_the_option_starts_from_nothing(tmp_path: Path) -> None:
    assert started(tmp_path, MOMENTUM) == WarmStart((), ())


@pytest.mark.parametrize("method", ["random", "grid"])
def test_a_method_that_does_not_learn_is_refused(method: str, tmp_path: Path) -> None:
    with pytest.raises(PcsearchError, match=f"--warm-start: method {method} does not learn"):
        started(tmp_path, VALUES, tmp_path / "old", method=method)


def test_a_folder_without_an_experiment_is_told(tmp_path: Path) -> None:
    with pytest.raises(PcsearchError, match="nowhere: no experiment is here"):
        started(tmp_path, MOMENTUM, tmp_path / "nowhere")
