"""Whether a journal and the folders of the trials belong together, as `read_history` finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.records.journal.events import Event, Retried, Suggested
from pcsearch.engine.records.journal.history import folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.errors import PcsearchError


def write(directory: Path, *events: Event) -> None:
    for event in events:
        Journal(directory).add(event)


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([Suggested("b", 2)], "trials are missing in it"),
        ([Suggested("a", 1), Suggested("b", 1)], "trials are missing in it"),
        ([Suggested("a", 1), Retried("b")], "it does not begin the trial b"),
        ([Suggested("../a", 1)], "trial 1 is not in the directory"),
        ([Suggested("../0001_a", 1)], "trial 1 is not in the directory"),
        ([Suggested("", 1)], "trial 1 is not in the directory"),
    ],
)
def test_a_journal_that_cannot_be_right_is_refused(
    events: list[Event], told: str, tmp_path: Path
) -> None:
    write(tmp_path, *events)
    with pytest.raises(PcsearchError, match=told):
        read_history(tmp_path)


def test_folders_that_the_journal_does_not_know_are_told(tmp_path: Path) -> None:
    def make(name: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "params.json").touch()

    make("0001_abc")
    # What is not Tune's.
    (tmp_path / "2025_mine").mkdir()
    with pytest.raises(PcsearchError, match="it does not know 0001_abc; put a copy"):
        read_history(tmp_path)
    write(tmp_path, Suggested("abc", 1))
    assert [trial.number for trial in read_history(tmp_path).trials] == [1]
    for number in range(2, 6):
        make(f"000{number}_abc")
    told = r"it does not know 0002_abc, 0003_abc, 0004_abc and 1 more; .*, or move those folders"
    with pytest.raises(PcsearchError, match=told):
        read_history(tmp_path)


def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here" / "else").mkdir(parents=True)
    (tmp_path / "here" / folder_name(1, "a")).symlink_to(tmp_path)
    write(tmp_path / "here", Suggested("a", 1))
    with pytest.raises(PcsearchError, match="trial 1 is not in the directory"):
        read_history(tmp_path / "here")
