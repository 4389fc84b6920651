"""Copies of Tune's state, and what a restored search gets of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine import saved_state
from pcsearch.engine.saved_state import KINDS, SavedState, mend


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_state, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(saved_state, "SHARE", 1e9)


def write_state(folder: Path, content: str, session: int = 1) -> None:
    folder.mkdir(exist_ok=True)
    for kind in KINDS:
        # As Tune names and fills them: two are called JSON, and one is.
        suffix = "json" if kind in ("experiment_state-", "search_gen_state-") else "pkl"
        text = f'"{content}"' if kind == "experiment_state-" else f"{content}."
        (folder / f"{kind}{session}.{suffix}").write_text(text)


def state(folder: Path) -> dict[str, str]:
    return {p.name: p.read_text() for p in folder.iterdir() if p.name.startswith(KINDS)}


def test_a_whole_state_is_left_as_it_is(tmp_path: Path) -> None:
    write_state(tmp_path / "tune", "older")
    SavedState(tmp_path).keep(tmp_path / "tune")
    write_state(tmp_path, "newer")
    before = state(tmp_path)
    mend(tmp_path)
    assert state(tmp_path) == before


@pytest.mark.parametrize("name", [f"{kind}2" for kind in KINDS])
@pytest.mark.parametrize("rest", ["", '{"half": [1,'])
def test_a_torn_file_brings_the_last_whole_copy_back(name: str, rest: str, tmp_path: Path) -> None:
    saved = SavedState(tmp_path)
    for content in ("first", "second", "third"):
        write_state(tmp_path / "tune", content, session=2)
        saved.keep(tmp_path / "tune")
    expected = state(tmp_path / "tune")
    write_state(tmp_path, "torn", session=2)
    (file,) = tmp_path.glob(f"{name}.*")
    file.write_text(rest)
    (tmp_path / "experiment.json").write_text("{}")
    mend(tmp_path)
    assert state(tmp_path) == expected
    assert (tmp_path / "experiment.json").exists()


def test_a_copy_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    saved = SavedState(tmp_path)
    for content in ("first", "second"):
        write_state(tmp_path / "tune", content)
        saved.keep(tmp_path / "tune")
    (newest,) = [slot for slot in (tmp_path / ".state").iterdir() if "2" in mark(slot)]
    (newest / "complete").unlink()
    mend(tmp_path)
    assert '"first"' in state(tmp_path).values()


def mark(slot: Path) -> str:
    return (slot / "complete").read_text()


def test_a_later_session_goes_on_counting(tmp_path: Path) -> None:
    for content in ("first", "second", "third"):
        write_state(tmp_path / "tune", content)
        SavedState(tmp_path).keep(tmp_path / "tune")
    mend(tmp_path)
    assert '"third"' in state(tmp_path).values()


def test_copies_are_not_made_more_often_than_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_state, "LEAST_SECONDS", 3600.0)
    saved = SavedState(tmp_path)
    for content in ("first", "second"):
        write_state(tmp_path / "tune", content)
        saved.keep(tmp_path / "tune")
    mend(tmp_path)
    assert '"first"' in state(tmp_path).values()


def test_without_a_copy_or_a_state_nothing_happens(tmp_path: Path) -> None:
    SavedState(tmp_path).keep(tmp_path / "nowhere")
    mend(tmp_path)
    assert list(tmp_path.iterdir()) == []
