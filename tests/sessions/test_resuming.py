"""What is told of a search that is resumed; `tests/searches` resumes whole searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment

from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.errors import PcsearchError
from pcsearch.reports.terminal import Terminal
from pcsearch.sessions import resuming

MOMENTUM = {"hidden_momentum": {"values": [0.1, 0.2]}}


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([ended([1.0]), ended([1.0])], "all 2 trials of it, which are all that its grid has"),
        ([ended([1.0])], "all 1 trials of it; --num-samples N runs more"),
        (
            [ended([1.0], failed=True)],
            "all 1 trials of it; --num-samples N runs more; --rerun-failed retries the failed ones",
        ),
    ],
)
def test_a_finished_search_says_what_would_continue_it(
    trials: list[Any], told: str, tmp_path: Path
) -> None:
    write_experiment(tmp_path / "here", MOMENTUM, trials, num_samples=len(trials))
    experiment, _ = resumed_experiment(ExperimentDirectory(tmp_path / "here"), {})
    assert experiment.over
    assert resuming._finished(experiment) == f"{tmp_path}/here: the search is finished, {told}"


def test_there_is_nothing_to_retry_where_nothing_has_failed(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", MOMENTUM, [ended([1.0]), ended([1.0])], num_samples=2)
    with pytest.raises(PcsearchError, match=r"--rerun-failed: no trial of .*/here has failed"):
        resuming.resume(str(tmp_path / "here"), None, {"enqueue": None}, (), True, Terminal())
