"""Searches that older versions of pcsearch have begun resume with this one.

``formats/N`` is an experiment's directory of format N. It is of a bayes search with hyperband whose
driver was killed: trials 7 and 8 of 12 were running. ``FOLDER`` in its record stands for the folder
where the search began.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import events
from searching import reports, trial_folders

from pcsearch.command_line.cli import main

FORMATS = Path(__file__).parent / "formats"
ENDED, TRIALS = 6, 12


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("version", sorted(path.name for path in FORMATS.glob("[0-9]*")))
def test_a_search_that_an_older_version_began_resumes(
    version: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "older"
    shutil.copytree(FORMATS / version, directory)
    shutil.copy(FORMATS / "made.py", tmp_path)
    record = directory / "experiment.json"
    record.write_text(record.read_text().replace("FOLDER", str(tmp_path)))
    journal = (directory / "journal.jsonl").read_text()
    old = {path.name: (path / "result.json").read_text() for path in trial_folders(directory)}

    status = main(["--resume", str(directory), "--wandb", "disabled"])
    assert status == 0, capfd.readouterr().err

    assert (directory / "journal.jsonl").read_text().startswith(journal)
    suggested = events(directory, "suggested")
    assert [event["number"] for event in suggested] == list(range(1, TRIALS + 1))
    assert len({event["trial"] for event in events(directory, "ended")}) == TRIALS
    folders = trial_folders(directory)
    for folder in folders:
        epochs = [report["epoch"] for report in reports(folder)]
        assert epochs == list(range(1, len(epochs) + 1))
    for folder in folders[: len(old)]:
        text = (folder / "result.json").read_text()
        assert text.startswith(old[folder.name])
        if folder in folders[:ENDED]:
            assert text == old[folder.name], "a trial that has ended is left as it is"
