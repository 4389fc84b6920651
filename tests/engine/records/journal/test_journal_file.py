"""The journal of a search, and what a later session learns from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from disks import small_disk
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.engine.records.journal.events import (
    Compared,
    Event,
    ReachedTarget,
    Retried,
    RunCompleted,
    Suggested,
    TrialEnded,
    WarmStartResult,
)
from pcsearch.engine.records.journal.journal_file import FILE, Journal
from pcsearch.engine.storage.files import StorageError
from pcsearch.errors import PcsearchError

NUMBERS = st.floats(allow_nan=False) | st.none()
NAMES = st.sampled_from("abcdef")
EVENTS: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        Suggested,
        NAMES,
        st.integers(1, 99),
        st.none() | st.dictionaries(st.text(), st.floats(allow_nan=False) | st.integers()),
    ),
    st.builds(Compared, NAMES, st.integers(1, 99), NUMBERS, st.booleans()),
    st.builds(ReachedTarget, NAMES, st.lists(NUMBERS)),
    st.builds(
        TrialEnded, NAMES, st.booleans(), st.lists(NUMBERS), st.booleans(), st.text(), st.booleans()
    ),
    st.builds(Retried, NAMES),
    st.builds(WarmStartResult, st.text(), NAMES, st.just({"x": 0.5}), st.just([0.25])),
    st.builds(RunCompleted, NAMES, st.integers(0, 99)),
)


@settings(max_examples=50)
@given(events=st.lists(EVENTS, max_size=8), cut=st.integers(0, 400))
def test_a_journal_that_was_cut_anywhere_has_every_whole_event(
    events: list[Event], cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal"))
    for event in events:
        journal.add(event)
    assert list(journal.events()) == events
    data = journal.path.read_bytes() if events else b""
    journal.path.write_bytes(data[:cut])
    whole = data[:cut].count(b"\n")
    journal.cut_torn_line()
    journal.add(Retried("after"))
    assert list(journal.events()) == [*events[:whole], Retried("after")]


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(Suggested("a", 1))
    with (tmp_path / FILE).open("ab") as file:
        file.write(b"\x00\x00\xff\n")
    journal.add(Retried("a"))
    with pytest.raises(PcsearchError, match=r"journal\.jsonl:2: the line is damaged"):
        list(journal.events())


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, kilobytes=64):
        yield folder


def test_on_a_full_disk_the_journal_stays_as_it_was(disk: Path) -> None:
    journal, count = Journal(disk), 0
    told = ""
    while not told:
        try:
            journal.add(Suggested("x" * 500, count))
            count += 1
        except StorageError as error:
            told = str(error)
    assert told == f"{journal.path}: cannot be written (No space left on device)"
    numbers = [event.number for event in journal.events() if isinstance(event, Suggested)]
    assert numbers == list(range(count))
    assert count > 50
    assert journal.path.read_bytes().endswith(b"\n")
    data = journal.path.read_bytes()
    journal.path.write_bytes(data[: len(data) // 2 + 1])
    journal.cut_torn_line()
    journal.add(Retried("after"))
    assert list(journal.events())[-1] == Retried("after")
