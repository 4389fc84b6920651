"""What is told of a search that is resumed; `tests/searches` resumes whole searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from edited_searches import EditedSearch, edited_searches
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


@pytest.mark.parametrize(
    ("samples", "confirm", "told"),
    [
        (7, None, "--num-samples N runs more; --confirm K runs the best ones with fresh seeds"),
        (7, 1, "all 9 trials of it; --num-samples N runs more"),
        (None, None, "which are all that its grid has; --confirm K runs the best ones with fresh"),
        (None, 1, "all 12 trials of it, which are all that its grid has"),
    ],
)
def test_fresh_seeds_are_offered_where_none_were_asked_for(
    samples: int | None, confirm: int | None, told: str, tmp_path: Path
) -> None:
    parameters = {"x": {"values": [1, 2]}, "seed": {"values": [1, 2, 3, 4, 5]}}
    sweep = {"method": "grid", "replicates": "seed", "parameters": parameters}
    options = {"num_samples": samples, "confirm": confirm, "no_racing": True}
    with edited_searches(tmp_path):
        search = EditedSearch(tmp_path, sweep, replicates="seed", **options)
        search.session()
        experiment = search.resume()
    assert experiment.over
    message = resuming._finished(experiment)
    assert told in message
    assert ("--confirm" in message) is (confirm is None)
    assert "could change" not in message


def test_there_is_nothing_to_retry_where_nothing_has_failed(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", MOMENTUM, [ended([1.0]), ended([1.0])], num_samples=2)
    with pytest.raises(PcsearchError, match=r"--rerun-failed: no trial of .*/here has failed"):
        resuming.resume(str(tmp_path / "here"), None, {"enqueue": None}, (), True, Terminal())
