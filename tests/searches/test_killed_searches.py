"""Searches that are killed at any moment, and what is damaged by it."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forking
import pytest
from commands import computed, events
from forking import fork
from killing import go_on, kill_at_random
from resuming import QUIET, START, Command, check_histories, write
from searching import TINY, own, reports, trial_folders, write_sweep

from pcsearch import load_model
from pcsearch.pc.training import train

pytestmark = pytest.mark.slow

KILLS, LONG, EPOCHS = 10, 20, 40


@pytest.fixture(scope="module")
def cpus() -> int:
    """Two trials run side by side."""
    return 2


def whole_best(directory: Path) -> float:
    """The value of the best model of a search; its files are of one and the same epoch."""
    best = directory / "best"
    described = json.loads((best / "metrics.json").read_text(encoding="utf-8"))
    model, value = load_model(directory), described["value"]
    assert model.metrics == described["metrics"]
    config = json.loads((best / "config.json").read_text(encoding="utf-8"))
    known = model.config.model_dump(mode="json")
    assert {**known, "data_dir": ""} == {**config, "data_dir": ""}
    assert f"best_val_mse: {value!r} (minimized)" in (best / "README.md").read_text()
    return float(value)


@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("ray_here")
def test_a_search_with_asha_and_bayes_survives_kills_at_any_moment(tmp_path: Path) -> None:
    searched = {
        "peak_lr_weights": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2},
        "num_blocks": {"values": [0, 1]},
        "epochs": {"value": LONG},
    }
    rungs = {"type": "hyperband", "min_iter": 3, "eta": 2}
    write_sweep(tmp_path / "s.yaml", searched, method="bayes", early_terminate=rungs)
    start = ("s.yaml", "--num-samples", "8", "--name", "here", "--storage-path", ".", *QUIET)
    directory = tmp_path / "here"
    kept: list[float] = []

    def check_best(_: random.Random) -> None:
        if (directory / "best").exists():
            kept.append(whole_best(directory))

    kills = kill_at_random(tmp_path, start, KILLS, 0.5, seed=1, damage=check_best)
    assert kills >= KILLS // 2
    assert kept == sorted(kept, reverse=True), "the best model never gets worse"
    every = [report for trial in trial_folders(directory) for report in reports(trial)]
    values = [report["best_val_mse"] for report in every]
    assert whole_best(directory) == min(value for value in values if value is not None)
    assert not list(directory.glob(".best.*"))
    check_histories(directory)
    assert len(events(directory, "suggested")) == 8
    # A kill damages nothing.
    assert "state.pt is" not in (tmp_path / forking.OUTPUT).read_text()
    stopped = {e["trial"]: e["rung"] for e in events(directory, "compared") if e["stopped"]}
    for trial in trial_folders(directory):
        given = reports(trial)
        assert given[-1]["epoch"] == stopped.get(trial.name[5:], LONG), trial.name
        # What is trained after so many kills is what an undisturbed run trains, which does not
        # validate at rungs.
        alone = train(json.loads((trial / "params.json").read_text()))
        for kept, each in zip(given, alone, strict=False):
            expected = {name: value for name, value in each.items() if "/" in name}
            assert own(kept, expected) == expected


@pytest.mark.usefixtures("ray_here")
def test_no_epoch_is_computed_more_than_once_a_kill_more(folder: Path) -> None:
    values = [0.1, 0.2, 0.3, 0.4]
    write(folder, values, epochs=10)
    start = (*START, *QUIET, "--max-concurrent", "2")
    kills = kill_at_random(folder, start, 3, span=0.8, seed=2)
    check_histories(folder / "here", epochs=10)
    counts = Counter(computed(folder))
    assert set(counts) == {(x, epoch) for x in values for epoch in range(1, 11)}
    # Two trials run at once: one epoch of each is lost in a kill, at most.
    assert sum(counts.values()) - len(counts) <= 2 * kills

    # The file is edited by commands that are killed, the first of them before they have begun.
    write(folder, [*values[1:], 0.5, 0.6, 0.7], epochs=10)
    edit = ("s.yaml", "--resume", "here")
    for moment in (0.5, 2.0):
        process = fork(folder, *edit)
        process.join(moment)
        process.kill()
        process.join()
    forking.finish(fork(folder, *edit), folder)
    check_histories(folder / "here", epochs=10)
    assert len(events(folder / "here", "edited")) == 1
    assert {x for x, _ in computed(folder)} == {*values, 0.5, 0.6, 0.7}
    assert len(trial_folders(folder / "here")) == 7


@pytest.mark.usefixtures("ray_here")
def test_results_that_are_lost_between_kills_are_computed_again(folder: Path) -> None:
    write(folder, [0.1, 0.2, 0.3, 0.4], epochs=10)
    directory, lost = folder / "here", list[str]()

    def damage(chance: random.Random) -> None:
        """Cut the reports of a trial that has ended, or delete them."""
        ended = [event["trial"] for event in events(directory, "ended")]
        if not ended:
            return
        trial = chance.choice(ended)
        file = next(directory.glob(f"*_{trial}/result.json"), None)
        if file is None:
            # It was deleted before, and the session was killed before it could run again.
            return
        lines = file.read_text().splitlines(keepends=True)
        if not lines:
            # It was deleted before, and the session was killed when the trial had begun again.
            return
        kept = chance.randrange(len(lines))
        if kept:
            file.write_text("".join(lines[:kept]))
        else:
            file.unlink()
        lost.append(trial)

    start = (*START, *QUIET, "--max-concurrent", "2")
    kill_at_random(folder, start, 4, span=1.5, seed=4, damage=damage)
    if not lost:
        # On a slow machine no trial has ended before the last kill.
        damage(random.Random(4))
        forking.finish(fork(folder, *go_on(folder, start)), folder)
    check_histories(directory, epochs=10)
    told = (folder / forking.OUTPUT).read_text()
    assert " of 10 reports; the trial is run again from there" in told


@pytest.fixture(scope="module")
def killed(ray_here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """The folder of a search that was killed in its second trial."""
    start = ("s.yaml", "--name", "here", "--storage-path", ".", *QUIET, "--max-concurrent", "1")
    for _ in range(10):
        folder = tmp_path_factory.mktemp("killed")
        write_sweep(folder / "s.yaml", {"seed": {"values": [1, 2]}, "epochs": {"value": EPOCHS}})
        process = fork(folder, *start)
        while process.is_alive() and not has_two_reports(folder):
            time.sleep(0.01)
        process.kill()
        process.join()
        # On a busy machine the search may end before it is killed.
        if has_two_reports(folder) and len(events(folder / "here", "ended")) < 2:
            return folder / "here"
    raise AssertionError((folder / forking.OUTPUT).read_text())


def has_two_reports(folder: Path) -> bool:
    """Whether the second trial has; a checkpoint is there before its report, and of no use."""
    files = folder.glob("here/0002_*/result.json")
    return any(file.read_bytes().count(b"\n") > 1 for file in files)


@pytest.fixture(scope="module")
def undisturbed() -> list[dict[str, Any]]:
    """What the second trial reports when nothing happens to it."""
    return list(train(TINY | {"epochs": EPOCHS, "seed": 2}))


def cut_both(files: list[Path], directory: Path) -> None:
    """As where a machine crashes: a checkpoint lacks its end, and the journal has half a line."""
    files[-1].write_bytes(files[-1].read_bytes()[:-40])
    with (directory / "journal.jsonl").open("ab") as file:
        file.write(b'\x00\x00{"event": "ended", "tri')


def remove_all(files: list[Path], _: Path) -> None:
    for file in files:
        file.unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (cut_both, "state.pt is damaged; restored from checkpoint_"),
        (remove_all, "state.pt is missing; starts from the beginning"),
    ],
)
def test_a_damaged_directory_costs_what_is_damaged_and_no_more(
    harm: Callable[[list[Path], Path], None],
    told: str,
    killed: Path,
    undisturbed: list[dict[str, Any]],
    tmp_path: Path,
    command: Command,
) -> None:
    directory = tmp_path / "here"
    shutil.copytree(killed, directory)
    (trial,) = directory.glob("0002_*")
    reported = [each.get("checkpoint_dir_name") for each in reports(trial)]
    states = sorted(trial.glob("checkpoint_*/state.pt"))
    # The search may have been killed when a newer one was not reported yet.
    harm([state for state in states if state.parent.name in reported], directory)
    status, _, err = command("--resume", str(directory))
    assert status == 0, err
    assert told in err
    assert "trial 2: checkpoint" in err
    lines = (directory / "journal.jsonl").read_bytes().splitlines()
    assert all(line.startswith(b"{") for line in lines)
    check_histories(directory, epochs=EPOCHS)
    pairs = zip(reports(trial), undisturbed, strict=True)
    assert [own(kept, each) for kept, each in pairs] == undisturbed
