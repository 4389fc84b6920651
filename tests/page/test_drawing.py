"""The page of a search, drawn by the files in its directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.page.drawing import page_at, page_of_session

RELOAD = "reload it for newer results"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A search that has one more trial to run, and runs of W&B to upload."""
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2]}}, [ended([0.5]), None])
    run = tmp_path / "here" / "wandb" / "offline-run-1" / "run-1.wandb"
    run.parent.mkdir(parents=True)
    run.write_bytes(b"x")
    return tmp_path / "here"


def test_the_page_of_a_directory_has_its_commands_unless_it_is_anonymous(here: Path) -> None:
    page = page_at(ExperimentDirectory(here), anonymous=False)
    for text in ("wandb sync", f"--resume {here}", ", interrupted; drawn on "):
        assert text in page
    assert RELOAD not in page
    assert str(here) not in page_at(ExperimentDirectory(here), anonymous=True)


@pytest.mark.parametrize(("runs", "state"), [(True, "running"), (False, "interrupted")])
def test_a_session_says_itself_whether_it_runs(runs: bool, state: str, here: Path) -> None:
    page = page_of_session(here, str(here), {here: runs})
    assert f", {state}; drawn on " in page
    assert (RELOAD in page) == runs
    assert "wandb sync" in page


def test_a_working_copy_is_drawn_as_what_it_is_a_copy_of(here: Path) -> None:
    page = page_of_session(here, "s3://bucket/here", {here: True})
    assert "--resume s3://bucket/here" in page
    assert str(here) not in page
    assert "wandb sync" not in page
