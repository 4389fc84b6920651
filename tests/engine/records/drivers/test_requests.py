"""What a second terminal asks: files that are whole, in the order in which they were made."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import driver_directory
from pcsearch.engine.records.drivers.requests import (
    FOLDER,
    LONGEST,
    DamagedRequestError,
    Request,
    Requests,
    asker,
    pausing,
)
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import Store

PAUSE, CONTINUE = Request("pause", "ann on here"), Request("continue", "bob on there")
STOP = Request("stop", "ann on here", trials=[3, 5])
LIMIT = Request("limit", "ann on here", max_concurrent=2)


@pytest.fixture(params=["a folder", "an address"])
def requests(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Requests:
    """Of a search without any, in both places; the files are those of `tmp_path`."""
    if request.param == "a folder":
        return Requests(ExperimentDirectory(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = Store("test://there", LocalFileSystem(), str(tmp_path))
    return Requests(ExperimentDirectory.at(store))


def test_requests_are_read_as_they_were_made_and_in_their_order(requests: Requests) -> None:
    assert requests.names() == []
    # The names have more than one random part.
    made = [(requests.add(each), each) for each in (PAUSE, STOP, LIMIT, CONTINUE) * 3]
    assert [(name, requests.read(name)) for name in requests.names()] == made


def test_the_newest_pause_or_its_end_counts(requests: Requests) -> None:
    assert pausing(requests, requests.names()) is None
    for each, expected in [
        (STOP, None),
        (PAUSE, PAUSE),
        (LIMIT, PAUSE),
        (CONTINUE, None),
        (PAUSE, PAUSE),
    ]:
        requests.add(each)
        assert pausing(requests, requests.names()) == expected
    assert pausing(requests, requests.names()[:4]) is None, "an earlier session has seen four"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\x00",
        b"[]",
        b"null",
        b'{"kind": "stop"}',
        b'{"kind": "explode", "by": "ann"}',
        b'{"kind": "limit", "by": "ann"}',
        b'{"kind": "limit", "by": "ann", "max_concurrent": 0}',
        b'{"kind": "stop", "by": "ann", "trials": "all"}',
        b'{"kind": "pause", "by": "' + b"n" * 300 + b'"}',
        b'{"kind": "pause", "by": "ann"}' + b" " * LONGEST,
        b"[" * 20_000,
    ],
    ids=range(13),
)
def test_a_damaged_one_is_told_by_its_place_and_pauses_nothing(
    requests: Requests, text: bytes, tmp_path: Path
) -> None:
    requests.add(PAUSE)
    name = "0002_0123abcd.json"
    (tmp_path / FOLDER / name).write_bytes(text)
    with pytest.raises(DamagedRequestError, match=rf"/{name}: the request is damaged, and is ign"):
        requests.read(name)
    assert pausing(requests, requests.names()) == PAUSE
    with pytest.raises(DamagedRequestError):
        requests.read("0009_01234567.json")


def test_other_files_are_no_requests(requests: Requests, tmp_path: Path) -> None:
    requests.add(PAUSE)
    for name in (".0002_01234567.json", "notes.txt", "2_01234567.json", "0003_01234567.json.new"):
        (tmp_path / FOLDER / name).write_text("{}")
    assert len(requests.names()) == 1


def test_all_drivers_of_a_search_have_the_same(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).touch()
    joined = ExperimentDirectory(driver_directory(tmp_path, "node2_ab12"))
    name = Requests(joined).add(PAUSE)
    assert Requests(ExperimentDirectory(tmp_path)).names() == [name]


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file in its place")
    with pytest.raises(StorageError, match=f"{FOLDER}.*: cannot be written"):
        Requests(ExperimentDirectory(tmp_path)).add(PAUSE)


def test_who_asks_has_a_name_also_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ann")
    assert asker().startswith("ann on ")
    monkeypatch.setattr("getpass.getuser", lambda: {}["no name"])
    assert asker().startswith("somebody on ")
