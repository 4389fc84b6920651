"""Searches that are interrupted, killed, extended, moved and tried again."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forking
import pytest
import yaml
from commands import COUNTED, computed, events, finish, run, wait_for
from forking import fork
from searching import TINY, own, reports, trial_folders, write_sweep

from pcsearch.cli import main
from pcsearch.pc.training import train

pytestmark = pytest.mark.slow

KILLS, LONG, EPOCHS = 20, 30, 40
STARTING = 2.0
"""Seconds in which a search starts, about."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "counted.py").write_text(COUNTED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, values: list[float], **constants: Any) -> None:
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "x": {"values": values},
            "folder": {"value": str(folder)},
            **{name: {"value": value} for name, value in constants.items()},
        },
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))


START = ("s.yaml", "--trainable", "counted:counted", "--name", "here", "--storage-path", ".")
QUIET = ("--wandb", "disabled")


class Command:
    """The command in this process, on its Ray."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status, standard output and standard error."""
        self._capfd.readouterr()
        status = main(arguments)
        shown = self._capfd.readouterr()
        return status, shown.out, shown.err


@pytest.fixture
def command(ray_here: None, capfd: pytest.CaptureFixture[str]) -> Command:  # noqa: ARG001
    return Command(capfd)


def check_histories(directory: Path, epochs: int | None = None) -> None:
    """Every trial is there once, and its history has each epoch once, without a gap."""
    suggested = events(directory, "suggested")
    folders = trial_folders(directory)
    assert len({event["trial"] for event in suggested}) == len(suggested)
    assert [event["number"] for event in suggested] == list(range(1, len(suggested) + 1))
    assert [each.name[5:] for each in folders] == [event["trial"] for event in suggested]
    for each in folders:
        numbers = [report["training_iteration"] for report in reports(each)]
        assert numbers == list(range(1, len(numbers) + 1)), each.name
        assert epochs is None or len(numbers) == epochs


def kill_at_random(folder: Path, start: tuple[str, ...], kills: int, span: float, seed: int) -> int:
    """Kill a search again and again: while it starts, or within ``span`` seconds of its trials.

    Returns:
        How often: it may have come to its end before.
    """
    chance = random.Random(seed)
    for killed in range(kills):
        process = fork(folder, *go_on(folder, start))
        moment = chance.uniform(0, STARTING)
        if chance.random() < 0.5:
            seen = size(folder)
            while process.is_alive() and size(folder) == seen:
                time.sleep(0.01)
            moment = chance.uniform(0, span)
        process.join(moment)
        process.kill()
        process.join()
        if process.exitcode == 0:
            return killed
    forking.finish(fork(folder, *go_on(folder, start)), folder)
    return kills


def go_on(folder: Path, start: tuple[str, ...]) -> tuple[str, ...]:
    """How a search is begun, or gone on with where it has begun."""
    return ("--resume", "here") if (folder / "here" / "experiment.json").exists() else start


def size(folder: Path) -> int:
    """How much the search has written."""
    files = [*folder.glob("here/journal.jsonl"), *folder.glob("here/*/result.json")]
    return sum(file.stat().st_size for file in files)


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
    start = ("s.yaml", "--num-samples", "12", "--name", "here", "--storage-path", ".", *QUIET)
    kills = kill_at_random(tmp_path, start, KILLS, span=0.5, seed=1)
    assert kills >= KILLS // 2
    directory = tmp_path / "here"
    check_histories(directory)
    assert len(events(directory, "suggested")) == 12
    stopped = {e["trial"]: e["rung"] for e in events(directory, "compared") if e["stopped"]}
    for trial in trial_folders(directory):
        last = reports(trial)[-1]["epoch"]
        assert last == stopped.get(trial.name[5:], LONG), trial.name
        # What is trained after so many kills is what an undisturbed run trains.
        expected = list(train(json.loads((trial / "params.json").read_text())))[last - 1]
        assert reports(trial)[-1]["Losses/train_mse_avg"] == expected["Losses/train_mse_avg"]


@pytest.mark.usefixtures("ray_here")
def test_no_epoch_is_computed_more_than_once_a_kill_more(folder: Path) -> None:
    values = [0.1, 0.2, 0.3, 0.4]
    write(folder, values, epochs=10)
    start = (*START, *QUIET, "--max-concurrent", "2")
    kills = kill_at_random(folder, start, 6, span=0.8, seed=2)
    check_histories(folder / "here", epochs=10)
    counts = Counter(computed(folder))
    assert set(counts) == {(x, epoch) for x in values for epoch in range(1, 11)}
    # Two trials run at once: one epoch of each is lost in a kill, at most.
    assert sum(counts.values()) - len(counts) <= 2 * kills


@pytest.mark.usefixtures("ray_here")
def test_a_grid_that_was_killed_has_the_metrics_of_one_that_was_not(tmp_path: Path) -> None:
    write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2, 3]}, "epochs": {"value": 25}})
    start = ("s.yaml", "--name", "here", "--storage-path", ".", *QUIET)
    kill_at_random(tmp_path, start, 4, span=1.0, seed=3)
    check_histories(tmp_path / "here", epochs=25)
    for trial, seed in zip(trial_folders(tmp_path / "here"), (1, 2, 3), strict=True):
        expected = list(train(TINY | {"epochs": 25, "seed": seed}))
        pairs = zip(reports(trial), expected, strict=True)
        assert [own(kept, each) for kept, each in pairs] == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_search_in_good_order(number: int, folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2], epochs=15)
    process = run(folder, *START, "--max-concurrent", "1")
    wait_for(lambda: len(list(folder.glob("here/0001_*/checkpoint_*"))) > 1, process)
    process.send_signal(number)
    status, out, err = finish(process)
    assert status == 130
    assert f"Resume it: python -m pcsearch --resume {folder}/here" in out
    assert re.search(r"^ *1 .* interrupted *$", out, re.MULTILINE)
    assert "Traceback" not in out + err
    before = len(computed(folder))
    status, out, err = command("--resume", "here")
    assert status == 0, err
    check_histories(folder / "here", epochs=15)
    assert before >= 2
    assert len(computed(folder)) <= 31


def test_a_signal_to_the_whole_group_of_processes_ends_it_too(
    folder: Path, command: Command
) -> None:
    write(folder, [0.1, 0.2], epochs=15)
    process = run(folder, *START, *QUIET, start_new_session=True)
    wait_for((folder / "computed.jsonl").exists, process)
    os.killpg(process.pid, signal.SIGTERM)
    status, out, err = finish(process, seconds=45)
    assert status == 130
    assert f"--resume {folder}/here" in out + err
    assert command("--resume", "here")[0] == 0
    check_histories(folder / "here", epochs=15)


def test_the_second_signal_ends_it_at_once(folder: Path) -> None:
    write(folder, [0.1, 0.2], seconds=30)
    process = run(folder, *START)
    wait_for((folder / "computed.jsonl").exists, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130
    assert "--resume" in err
    assert "Traceback" not in err


def test_a_time_budget_ends_a_session_and_the_next_goes_on(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2], epochs=30)
    status, out, err = command(*START, *QUIET, "--time-budget", "2s")
    assert status == 0, err
    assert "The session ended because its --time-budget was up." in out
    assert "Resume it: " in out
    assert not events(folder / "here", "ended")
    status, out, err = command("--resume", "here", "--time-budget", "1h")
    assert status == 0, err
    assert "The session ended" not in out
    check_histories(folder / "here", epochs=30)


def test_a_search_is_extended_and_moved(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], epochs=3, seconds=0.01)
    status, _, err = command(*START, *QUIET, "--num-samples", "2")
    assert status == 0, err

    # It has ended; nothing is left to do.
    status, out, err = command("--resume", "here")
    assert (status, len(events(folder / "here", "suggested"))) == (0, 2)
    assert "the search is finished, all 2 trials of it; --num-samples N runs more" in err
    assert "2 trials, the best first" in out

    # Moved, and extended: the grid goes on with its next point, and the cap is remembered.
    (folder / "elsewhere").mkdir()
    (folder / "here").rename(folder / "elsewhere" / "here")
    moved = folder / "elsewhere"
    status, out, err = command("--resume", "elsewhere/here", "--num-samples", "4")
    assert status == 0, err
    assert "4 of 4 trials ended, 0 running" in err, "the first session's count too"
    check_histories(moved / "here", epochs=3)
    assert sorted({x for x, _ in computed(folder)}) == [0.1, 0.2, 0.3, 0.4]
    assert len(computed(folder)) == 12
    record = json.loads((moved / "here" / "experiment.json").read_text())
    assert record["options"]["num_samples"] == 4
    assert json.loads((moved / "here" / "experiment.json").read_text())["versions"]["ray"]

    # The file that it was started with, and another.
    status, _, err = command("s.yaml", "--resume", "elsewhere/here")
    assert status == 0, err
    write(folder, [0.1, 0.7])
    status, _, err = command("s.yaml", "--resume", "elsewhere/here")
    assert status == 2
    assert "s.yaml: parameters.x: the file says" in err
    assert "is of another search; leave SWEEP out" in err


def test_failed_trials_are_tried_again_from_their_checkpoints(
    folder: Path, command: Command
) -> None:
    write(folder, [0.1, 0.2], epochs=6, fails_at=4, seconds=0.01)
    status, _, err = command(*START, *QUIET, "--max-failures", "0")
    assert status == 1, err
    assert Counter(computed(folder)).most_common(1)[0][1] == 1
    status, _, err = command("--resume", "here")
    assert status == 1
    assert "--rerun-failed retries the failed ones" in err
    (folder / "mended").touch()
    status, _, err = command("--resume", "here", "--rerun-failed")
    assert status == 0, err
    check_histories(folder / "here", epochs=6)
    assert Counter(computed(folder)) == {
        (x, epoch): 2 if epoch == 4 else 1 for x in (0.1, 0.2) for epoch in range(1, 7)
    }
    status, _, err = command("--resume", "here", "--rerun-failed")
    assert (status, "no trial of" in err) == (2, True)


def test_what_a_session_is_refused_is_not_kept(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2, 0.3], epochs=2, seconds=0.01)
    assert command(*START, *QUIET, "--num-samples", "1")[0] == 0
    status, _, err = command("--resume", "here", "--cpus-per-trial", "1000")
    assert (status, "no node has them" in err) == (2, True)
    assert command("--resume", "here", "--num-samples", "2")[0] == 0
    status, _, err = command("--resume", "here", "--num-samples", "1")
    assert (status, "2 trials have begun already" in err) == (2, True)
    status, _, err = command("--resume", "here", "--num-samples", "9")
    assert status == 0
    status, _, err = command("--resume", "here")
    assert "all 3 trials of it, which are all that its grid has" in err
    check_histories(folder / "here", epochs=2)


def test_a_limit_holds_for_trials_that_go_on(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2, 0.3], epochs=2, fails_at=1, seconds=0.2)
    more = ("--max-failures", "0", "--max-concurrent", "1", "--cpus-per-trial", "0.25")
    assert command(*START, *QUIET, *more)[0] == 1
    (folder / "mended").touch()
    (folder / "computed.jsonl").unlink()
    assert command("--resume", "here", "--rerun-failed")[0] == 0
    # One trial after the other: their epochs do not mix.
    order = [x for x, _ in computed(folder)]
    assert order == sorted(order)


def test_a_warm_start_runs_nothing_of_the_other_experiment(folder: Path, command: Command) -> None:
    write(folder, [0.1], epochs=2, seconds=0.01)
    assert command(*START, *QUIET)[0] == 0
    (folder / "payload.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nf = print\n")
    record = json.loads((folder / "here" / "experiment.json").read_text())
    record["options"]["trainable"] = "payload:f"
    (folder / "here" / "experiment.json").write_text(json.dumps(record))
    text = yaml.safe_load((folder / "s.yaml").read_text()) | {"method": "bayes"}
    text["parameters"]["x"] = {"min": 0.0, "max": 1.0}
    (folder / "s.yaml").write_text(yaml.safe_dump(text))
    new = [*START[:3], "--name", "new", "--storage-path", ".", *QUIET, "--num-samples", "1"]
    status, _, err = command(*new, "--warm-start", "here")
    assert status == 0
    assert "0 of 1 results used (not: 1 of another trainable)" in err
    assert not (folder / "ran").exists()


def test_extended_bayes_has_every_earlier_trial_in_its_memory(
    folder: Path, command: Command
) -> None:
    sweep = {
        "method": "bayes",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "x": {"min": 0.0, "max": 1.0},
            "seconds": {"value": 0.01},
            "folder": {"value": str(folder)},
        },
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))
    more = (*QUIET, "--num-samples", "6", "--seed", "1")
    status, _, err = command(*START, *more)
    assert status == 0, err
    status, _, err = command("--resume", "here", "--num-samples", "12")
    assert status == 0, err
    check_histories(folder / "here", epochs=8)
    points = [event["point"]["x"] for event in events(folder / "here", "suggested")]
    assert len(set(points)) == 12
    # With six results in its memory the searcher knows where the minimum is.
    assert min(abs(x - 0.3) for x in points[6:]) < 0.02

    # A new search starts from all of them.
    again = ("--warm-start", "here", "--name", "new", *QUIET, "--num-samples", "2")
    arguments = [*START[:3], "--storage-path", ".", *again]
    status, _, err = command(*arguments)
    assert status == 0, err
    assert "--warm-start here: 12 of 12 results used" in err
    assert len(events(folder / "new", "known")) == 12


def test_a_search_that_runs_is_not_run_a_second_time(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2], seconds=30)
    process = fork(folder, *START, *QUIET)
    try:
        wait_for((folder / "computed.jsonl").exists, process)
        status, _, err = command("--resume", "here")
        assert status == 2
        assert f"the search is running (process {process.pid} on " in err
    finally:
        process.kill()
        process.join()


@pytest.fixture(scope="module")
def killed(ray_here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """The folder of a search that was killed in its second trial."""
    folder = tmp_path_factory.mktemp("killed")
    write_sweep(folder / "s.yaml", {"seed": {"values": [1, 2]}, "epochs": {"value": EPOCHS}})
    start = ("s.yaml", "--name", "here", "--storage-path", ".", *QUIET, "--max-concurrent", "1")
    process = fork(folder, *start)
    # A checkpoint is there before its report, and without that of no use.
    second = "here/0002_*/result.json"
    wait_for(
        lambda: any(file.read_bytes().count(b"\n") > 1 for file in folder.glob(second)), process
    )
    process.kill()
    process.join()
    return folder / "here"


@pytest.fixture(scope="module")
def undisturbed() -> list[dict[str, Any]]:
    """What the second trial reports when nothing happens to it."""
    return list(train(TINY | {"epochs": EPOCHS, "seed": 2}))


def append_torn(_: list[Path], directory: Path) -> None:
    with (directory / "journal.jsonl").open("ab") as file:
        file.write(b'\x00\x00{"event": "ended", "tri')


def remove_all(files: list[Path], _: Path) -> None:
    for file in files:
        file.unlink()


def remove_newest(files: list[Path], _: Path) -> None:
    files[-1].unlink()


def truncate(files: list[Path], _: Path) -> None:
    files[-1].write_bytes(files[-1].read_bytes()[:-40])


def corrupt(files: list[Path], _: Path) -> None:
    data = bytearray(files[-1].read_bytes())
    data[len(data) // 2] ^= 1
    files[-1].write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (truncate, "state.pt is damaged; restored from checkpoint_"),
        (corrupt, "state.pt is damaged; restored from checkpoint_"),
        (remove_newest, "state.pt is missing; restored from checkpoint_"),
        (remove_all, "state.pt is missing; starts from the beginning"),
        (append_torn, ""),
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
    assert ("trial 2: checkpoint" in err) is bool(told)
    lines = (directory / "journal.jsonl").read_bytes().splitlines()
    assert all(line.startswith(b"{") for line in lines)
    check_histories(directory, epochs=EPOCHS)
    pairs = zip(reports(trial), undisturbed, strict=True)
    assert [own(kept, each) for kept, each in pairs] == undisturbed


def test_what_is_no_experiment_is_told(folder: Path, command: Command) -> None:
    status, _, err = command("--resume", "here")
    assert (status, "no experiment is here" in err) == (2, True)
    assert not (folder / "here").exists()
    subprocess.run(["/bin/mkdir", "here"], cwd=folder, check=True)
    (folder / "here" / "experiment.json").write_text('{"format": 1, "versions": {}}')
    status, _, err = command("--resume", "here")
    assert (status, "reads format 3" in err) == (2, True)
    assert sorted(path.name for path in (folder / "here").iterdir()) == ["experiment.json"]
