"""Where the directories of the drivers that share a search are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.records.drivers.driver_directories import (
    DRIVERS,
    is_shared,
    new_driver,
    other_drivers,
    search_directory,
)
from pcsearch.engine.records.record import RECORD_FILE


@pytest.fixture
def search(tmp_path: Path) -> Path:
    """The directory of a search, without drivers that have joined it."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / RECORD_FILE).touch()
    return folder


def test_the_drivers_of_a_search_find_each_other(search: Path) -> None:
    assert search_directory(search) == search
    assert other_drivers(search) == []
    assert not is_shared(search)
    one, two = new_driver(search), search / DRIVERS / "two"
    assert search_directory(one) == search
    one.mkdir(parents=True)
    two.mkdir()
    # One that is not complete.
    (search / DRIVERS / ".three").mkdir()
    assert is_shared(search)
    assert is_shared(one)
    assert set(other_drivers(search)) == {one, two}
    assert set(other_drivers(one)) == {search, two}


def test_a_driver_is_named_after_its_machine(search: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node 7.cluster.org")
    first, second = new_driver(search).name, new_driver(search).name
    assert first.startswith("node-7_")
    assert first != second


def test_a_folder_of_the_user_may_have_the_name_of_the_drivers(tmp_path: Path) -> None:
    search = tmp_path / DRIVERS / "here"
    assert search_directory(search) == search
