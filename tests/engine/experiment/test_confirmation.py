"""What is left to do of races and with fresh seeds, also after other options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edited_searches import EditedSearch, edited_searches

from pcsearch.engine.results.findings import read_findings
from pcsearch.errors import PcsearchError
from pcsearch.sessions.resuming import _finished
from pcsearch.tracking import factory


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


def search_of(
    folder: Path, method: str, values: dict[str, Any], seeds: int, **options: Any
) -> EditedSearch:
    parameters = {"x": values, "seed": {"values": [*range(1, seeds + 1)]}}
    sweep = {"method": method, "replicates": "seed", "parameters": parameters}
    return EditedSearch(folder, sweep, replicates="seed", **options)


def write_options(search: EditedSearch, **options: Any) -> None:
    """What a session that is resumed with these options writes first."""
    record = search.directory.record()
    search.directory.rewrite({**record, "options": record["options"] | options})


def test_a_race_that_had_all_its_runs_was_not_decided_and_goes_on(folder: Path) -> None:
    """It has fewer configurations than could be confirmed."""
    grid = {"values": [1.0, 1.1]}
    search = search_of(folder, "grid", grid, 10, num_samples=6, confirm=2, no_racing=True)
    assert len(search.session()) == search.experiment.cap == 10
    assert read_findings(search.directory).state == "finished"
    assert search.resume().over
    assert "no other run could change" not in _finished(search.experiment)
    assert not search.resume(num_samples=20).over
    assert len([each for each in search.session() if each["seed"] <= 10]) == 14
    assert search.resume(num_samples=20).over
    # The grid has no more.
    assert search.resume(num_samples=30).over


def test_a_full_search_of_an_earlier_version_is_extended_as_any_other(folder: Path) -> None:
    """Its journal does not say how many runs its race could have had."""
    values = {"min": 0.0, "max": 9.0}
    search = search_of(folder, "random", values, 3, num_samples=8, confirm=2)
    assert len(search.session()) == 14
    lines = search.journal.path.read_text().splitlines(keepends=True)
    search.journal.path.write_text("".join(each for each in lines if '"decided"' not in each))
    extended = search.resume(num_samples=20)
    assert (extended.cap, extended.samples, extended.over) == (20 + 6 + 6, 20, False)


@pytest.mark.parametrize(("seeds", "offered"), [([1, 2], True), ([0.5, 1.5], False)])
def test_fresh_seeds_are_offered_where_seeds_are_whole_numbers(
    seeds: list[float], offered: bool, folder: Path
) -> None:
    parameters = {"x": {"values": [1.0, 2.0]}, "fold": {"values": seeds}}
    sweep = {"method": "grid", "replicates": "fold", "parameters": parameters}
    search = EditedSearch(folder, sweep, replicates="fold", num_samples=4, no_racing=True)
    search.session()
    assert ("--confirm K" in _finished(search.resume())) is offered


def test_a_race_that_was_decided_has_nothing_more_to_run(folder: Path) -> None:
    search = search_of(folder, "grid", {"values": [1.0, 2.0, 3.0, 9.0]}, 5, num_samples=19)
    assert len(search.session()) < 19
    assert search.resume(num_samples=20).over
    assert "no other run could change" in _finished(search.experiment)


@pytest.mark.parametrize(("before", "after"), [(None, 2), (2, 3)])
def test_fresh_seeds_that_a_killed_session_was_asked_for_run_later(
    before: int | None, after: int, folder: Path
) -> None:
    """The record has the option, and the journal of an earlier version only that it was over."""
    grid = {"values": [1.0, 2.0, 3.0, 9.0]}
    search = search_of(folder, "grid", grid, 5, num_samples=20, confirm=before)
    search.session()
    journal = search.journal.path
    lines = journal.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["event"] == "decided"
    journal.write_text("".join([*lines[:-1], '{"event": "decided"}\n']))
    assert search.resume().over
    write_options(search, confirm=after)
    assert read_findings(search.directory).state == "interrupted"
    assert not search.resume().over
    assert len(search.session()) == 3 * (after - (before or 0))


def test_an_edit_that_raises_run_cap_confirms_the_new_best_within_its_cap(folder: Path) -> None:
    search = search_of(folder, "random", {"min": 0.0, "max": 9.0}, 3, num_samples=8, confirm=2)
    assert len(search.session()) == 14
    parameters = {"x": {"min": 0.0, "max": 9.0}, "seed": {"values": [1, 2, 3]}}
    sweep = {"method": "random", "replicates": "seed", "parameters": parameters, "run_cap": 20}
    experiment = search.resume(sweep)
    for _ in range(2):
        assert (experiment.cap, experiment.samples, experiment.over) == (20 + 6 + 6, 20, False)
        assert read_findings(search.directory).cap == 32
        search.session(3)
        experiment = search.resume()
    search.session()
    trials = [each["seed"] for each in search.configs()]
    assert sum(seed <= 3 for seed in trials) == 20
    assert 6 < sum(seed > 3 for seed in trials) <= 12
    assert search.resume().over


def test_a_search_that_is_extended_confirms_its_new_best_within_its_cap(folder: Path) -> None:
    values = {"min": 0.0, "max": 9.0}
    search = search_of(folder, "random", values, 3, num_samples=8, confirm=2)
    assert len(search.session()) == search.experiment.cap == 14
    extended = search.resume(num_samples=20)
    assert (extended.cap, extended.samples, extended.over) == (20 + 6 + 6, 20, False)
    # A session that is interrupted before the first new run, and one after it.
    write_options(search, num_samples=20)
    for count in (2, 1000):
        experiment = search.resume()
        assert (experiment.cap, experiment.over) == (32, False)
        assert read_findings(search.directory).cap == 32
        assert factory._budget(experiment) >= experiment.cap - len(experiment.history.own)
        search.session(count)
    trials = [each["seed"] for each in search.configs()]
    assert sum(seed <= 3 for seed in trials) == 20
    assert 6 < sum(seed > 3 for seed in trials) <= 12
    findings = read_findings(search.directory)
    assert (findings.cap, findings.state) == (32, "finished")
    assert search.resume().over
    assert not search.resume(confirm=3).over
    with pytest.raises(PcsearchError, match="20 trials have begun already"):
        search.resume(num_samples=19)
