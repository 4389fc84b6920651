"""What is left to do of races and with fresh seeds, also after other options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edited_searches import EditedSearch, edited_searches

from pcsearch.engine.results.findings import read_findings
from pcsearch.sessions.resuming import _finished


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
    record = search.directory.record()
    options = record["options"] | {"confirm": after}
    search.directory.rewrite({**record, "options": options})
    assert read_findings(search.directory).state == "interrupted"
    assert not search.resume().over
    assert len(search.session()) == 3 * (after - (before or 0))
