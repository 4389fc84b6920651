"""What is told of a search that is resumed; `tests/searches` resumes whole searches."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from edited_searches import EditedSearch, edited_searches
from old_experiments import ended, write_experiment

from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.changes import Edited, Enqueued
from pcsearch.engine.records.journal.events import Retried, TrialEnded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.errors import PcsearchError
from pcsearch.reports.terminal import Terminal
from pcsearch.sessions import resuming

NEW = (Edited, Enqueued, Retried, Retried)
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


class Killed(BaseException):
    """The process is killed."""


def grid(values: list[int]) -> dict[str, Any]:
    return {"method": "grid", "parameters": {"x": {"values": values}, "y": {"values": [1, 2]}}}


def news_of(search: EditedSearch) -> resuming._News:
    """What a command writes that edits a search, enqueues for it, and retries its failed trials."""
    changes = {"max_concurrent": 3}
    record = search.directory.record()
    points = str(search.folder / "points.yaml")
    experiment, tracking = resumed_experiment(
        search.directory, changes, search.file, enqueue=points
    )
    retried = resuming._retried(experiment, Terminal())
    return resuming._News(experiment, record, changes, tracking, retried)


@pytest.mark.parametrize("steps", range(6))
def test_each_part_of_a_change_that_is_cut_off_is_whole_or_not_there(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record, the edit, the queue and two trials that are retried: five writes, one a step."""
    (tmp_path / "points.yaml").write_text("- {x: 5}\n")
    left = steps

    def cut(write: Callable[..., None]) -> Callable[..., None]:
        def counted(*arguments: Any) -> None:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            write(*arguments)

        return counted

    with edited_searches(tmp_path):
        search = EditedSearch(tmp_path, grid([1, 2, 3]))
        search.session(4)
        for trial in ("t1", "t2"):
            search.journal.add(TrialEnded(trial, True, [None], error="gone"))
        search.write(grid([2, 3, 4, 5]))
        news = news_of(search)
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "add", cut(Journal.add))
            patch.setattr(ExperimentDirectory, "rewrite", cut(ExperimentDirectory.rewrite))
            with pytest.raises(Killed) if steps < 5 else nullcontext():
                news.write()
        found = search.resume()
        assert (found.options.max_concurrent == 3) is (steps >= 1)
        # The combinations of the new grid, and the two trials that are none of it.
        assert found.cap == (10 if steps >= 2 else 6)
        assert found.history.waiting == ({0: {"x": 5}} if steps >= 3 else {})
        assert [trial.id for trial in found.history.failed] == ["t1", "t2"][max(0, steps - 3) :]

        # The same command once more does the rest, and nothing twice.
        news_of(search).write()
        found = search.resume()
        assert (found.options.max_concurrent, found.cap) == (3, 10)
        assert found.history.failed == []
        assert [kind for kind in map(type, search.journal.events()) if kind in NEW] == [*NEW]
        first, *_ = search.session()
        assert first["x"] == 5
        search.check_whole()
