"""The commands that show what a search has found, in every state that a search may be in."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen

import fsspec
import optuna
import pytest
from old_experiments import ended, write_experiment
from searching import shown

from pcsearch.engine.records.journal.events import Claimed, Released, Suggested, TrialEnded
from pcsearch.engine.records.journal.history import folder_name
from pcsearch.engine.records.journal.journal_file import Journal

SEARCHED = {"num_blocks": {"values": [0, 1]}, "seed": {"values": [1, 2, 3]}}
VALUES = (0.5, 0.7, 0.6, 0.2, 0.3)
OWNING = """
import sys
from pathlib import Path
from pcsearch.engine.records.directory import ExperimentDirectory
with ExperimentDirectory(Path(sys.argv[1])).owned():
    print("owned", flush=True)
    sys.stdin.read()
"""
"""A process that owns a search, as that of a running one does."""


@dataclass(frozen=True)
class State:
    """A search in one of its states.

    Args:
        place: its directory, or its address.
        name: of the state.
        trials: the numbers of its trials, the best first; of a search that runs, so far.
        notes: words of the lines about damage.
    """

    place: str
    name: str
    trials: list[int]
    notes: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search that has ended."""
    folder = tmp_path_factory.mktemp("whole")
    trials = [ended([1.0, value], time_total_s=2.0, timestamp=1_000) for value in VALUES]
    write_experiment(folder / "here", SEARCHED, [*trials, ended([0.9], failed=True)])
    return folder / "here"


@contextmanager
def finished(here: Path) -> Iterator[State]:
    yield State(str(here), "finished", [4, 5, 1, 3, 2, 6])


@contextmanager
def interrupted(here: Path) -> Iterator[State]:
    """Killed before the last trial had ended, in the middle of a line of the journal."""
    journal = here / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:20])
    yield State(str(here), "interrupted", [4, 5, 1, 3, 2, 6])


@contextmanager
def damaged(here: Path) -> Iterator[State]:
    """Files were cut off, filled with other bytes, and removed."""
    (here / "0001_t1" / "params.json").write_text("{")
    (here / "0002_t2" / "result.json").write_bytes(b"\x00\xff\n" * 99)
    results = here / "0003_t3" / "result.json"
    results.write_text(results.read_text() + '{"epoch": 3, "best_val_m')
    shutil.rmtree(here / "0005_t5")
    yield State(
        str(here),
        "finished",
        [4, 5, 1, 3, 2, 6],
        ("0001_t1/params.json cannot be read", "its values are left out"),
    )


@contextmanager
def running(here: Path) -> Iterator[State]:
    """A process owns it, and its journal and a report grow while it is read."""
    journal, is_over, added = Journal(here), threading.Event(), threading.Event()

    def write() -> None:
        journal.add(Suggested("t7", 7))
        folder = here / folder_name(7, "t7")
        folder.mkdir()
        shutil.copy(here / "0006_t6" / "params.json", folder)
        for step in count(1):
            # A line comes in parts, too.
            with (folder / "result.json").open("a", buffering=1) as file:
                file.write(f'{{"epoch": {step}, "training_iteration": {step}, ')
                file.flush()
                file.write(f'"best_val_mse": {1 + 1 / step}}}\n')
            journal.add(Claimed("t8", 8))
            journal.add(Released("t8"))
            added.set()
            if is_over.wait(0.001):
                return

    process = Popen([sys.executable, "-c", OWNING, str(here)], stdin=PIPE, stdout=PIPE, text=True)
    writer = threading.Thread(target=write)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "owned\n"
        writer.start()
        added.wait()
        yield State(str(here), "running", [4, 5, 1, 3, 2, 7, 6])
    finally:
        is_over.set()
        writer.join()
        process.communicate()


@contextmanager
def at_an_address(here: Path) -> Iterator[State]:
    """In the memory of this process, as fsspec has it."""
    storage = fsspec.filesystem("memory")
    storage.put(str(here), "/searches/", recursive=True)
    try:
        yield State("memory://searches/here", "finished", [4, 5, 1, 3, 2, 6])
    finally:
        storage.rm("/searches", recursive=True)


@pytest.mark.parametrize("state", [finished, interrupted, damaged, running, at_an_address])
def test_every_command_reads_a_search_in_every_state(
    state: object, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert callable(state)
    shutil.copytree(whole, tmp_path / "other")
    with state(shutil.copytree(whole, tmp_path / "here")) as search:
        before = _files(tmp_path / "here")
        document = _results(search)
        _export(search, document)
        _compare(search)
        status, out, err = shown("report", search.place, "--output", "page.html")
        assert (status, err) == (0, "")
        assert out.strip().endswith("page.html")
        page = Path("page.html").read_text(encoding="utf-8")
        assert f", {search.name}; drawn on" in page
        for number in search.trials:
            assert f'data-trial="{number}"' in page
        # What the search itself writes meanwhile is no matter of the commands.
        if search.name != "running":
            assert _files(tmp_path / "here") == before


def _results(search: State) -> dict[str, object]:
    """What the results are, which are also shown as a table."""
    status, out, err = shown("results", search.place, "--json")
    assert (status, err) == (0, "")
    document: dict[str, object] = json.loads(out)
    assert document["state"] == search.name
    status, out, err = shown("results", search.place, "--by", "seed", "--where", "status!=failed")
    assert (status, err) == (0, "")
    status, out, err = shown("results", search.place)
    assert (status, err) == (0, "")
    told = " ".join(out.split())
    assert f": {search.name}, " in told
    for note in search.notes:
        assert note in told
    return document


def _export(search: State, document: dict[str, object]) -> None:
    command = ["export", search.place, "--csv", "t.csv", "--json", "t.json"]
    command += ["--best-config", "best.yaml", "--optuna", "sqlite:///t.db"]
    assert shown(*command)[0] == 0
    with Path("t.csv").open() as file:
        rows = [int(row["trial"]) for row in csv.DictReader(file)]
    assert sorted(rows) == sorted(search.trials)
    trials = json.loads(Path("t.json").read_text())["trials"]
    assert len(trials) == len(search.trials)
    assert isinstance(document["trials"], list)
    assert [each["number"] for each in document["trials"]][:1] == [4]
    (study,) = optuna.get_all_study_summaries("sqlite:///t.db")
    assert study.n_trials == len(search.trials)
    assert shown("best.yaml", "--plan")[0] == 0


def _compare(search: State) -> None:
    status, out, err = shown("compare", search.place, "other", "--html", "plot.html", "--json")
    assert status == 0
    assert bool(err) == bool(search.notes)
    assert all(note in err for note in search.notes)
    searches = json.loads(out)["searches"]
    assert [each["state"] for each in searches] == [search.name, "finished"]


def _files(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_damaged_journal_is_told_by_every_command(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("here", "other"):
        shutil.copytree(whole, tmp_path / name)
    journal = Journal(tmp_path / "here")
    journal.add(TrialEnded("nobody", False, []))
    commands = (
        ("results", "here"),
        ("report", "here"),
        ("export", "here", "--csv", "t.csv"),
        ("compare", "here", "other"),
        ("best", "here"),
    )
    for command in commands:
        status, out, err = shown(*command)
        assert (status, out) == (2, "")
        (line,) = err.splitlines()
        assert "journal.jsonl" in line
    assert not Path("t.csv").exists()
