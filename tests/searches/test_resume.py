"""Searches that are resumed: extended, moved, and tried again."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml
from commands import computed, events, wait_for
from forking import fork
from resuming import QUIET, START, Command, check_histories, write

pytestmark = pytest.mark.slow


def test_a_search_is_extended_and_moved(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], epochs=3, seconds=0.01)
    (folder / "first.csv").write_text("x\n0.2\n")
    status, _, err = command(*START, *QUIET, "--num-samples", "2", "--enqueue", "first.csv")
    assert status == 0, err
    assert "--enqueue first.csv: configurations to try first: 1" in err
    assert [event["config"]["x"] for event in events(folder / "here", "suggested")] == [0.2, 0.1]

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

    # The file that it was started with, and another: what that has more is run.
    status, _, err = command("s.yaml", "--resume", "elsewhere/here")
    assert (status, "another from now on" in err) == (0, False), err
    write(folder, [0.1, 0.7, 0.8], epochs=3, seconds=0.01)
    status, _, err = command("s.yaml", "--resume", "elsewhere/here", "--num-samples", "5")
    assert status == 0, err
    assert "  x: values added: 0.7, 0.8; values removed: 0.2, 0.3, 0.4, 0.5, 0.6" in err
    assert "1 trial of 4 inside of the new file: none of them runs again" in err
    check_histories(moved / "here", epochs=3)
    assert [x for x, _ in computed(folder)][12:] == [0.7] * 3
    # It stays so, and the search can be extended.
    status, _, err = command("--resume", "elsewhere/here", "--num-samples", "9")
    assert (status, "another from now on" in err) == (0, False), err
    assert [x for x, _ in computed(folder)][15:] == [0.8] * 3
    status, out, _ = command("results", "elsewhere/here", "--json")
    found = json.loads(out)
    assert (status, found["state"], len(found["trials"])) == (0, "finished", 6)


def test_failed_trials_are_tried_again_from_their_checkpoints(
    folder: Path, command: Command
) -> None:
    write(folder, [0.1, 0.2, 0.3], epochs=6, fails_at=4, seconds=0.1)
    limits = ("--max-failures", "0", "--max-concurrent", "1", "--cpus-per-trial", "0.25")
    status, _, err = command(*START, *QUIET, *limits)
    assert status == 1, err
    assert Counter(computed(folder)).most_common(1)[0][1] == 1
    status, _, err = command("--resume", "here")
    assert status == 1
    assert "--rerun-failed retries the failed ones" in err
    before = len(computed(folder))
    (folder / "mended").touch()
    status, _, err = command("--resume", "here", "--rerun-failed")
    assert status == 0, err
    check_histories(folder / "here", epochs=6)
    assert Counter(computed(folder)) == {
        (x, epoch): 2 if epoch == 4 else 1 for x in (0.1, 0.2, 0.3) for epoch in range(1, 7)
    }
    # The limit holds for trials that go on: one after the other, their epochs do not mix.
    order = [x for x, _ in computed(folder)[before:]]
    assert order == sorted(order)
    status, _, err = command("--resume", "here", "--rerun-failed")
    assert (status, "no trial of" in err) == (2, True)


def test_what_a_session_is_refused_is_not_kept(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2, 0.3], epochs=2, seconds=0.01)
    assert command(*START, *QUIET, "--num-samples", "1")[0] == 0
    status, _, err = command("--resume", "here", "--cpus-per-trial", "1000")
    assert (status, "no node has them" in err) == (2, True)
    (folder / "next.yaml").write_text("- x: 0.4\n- x: 0.3\n")
    more = ("--num-samples", "2", "--enqueue", "next.yaml")
    status, _, err = command("--resume", "here", *more)
    assert (status, "next.yaml:1:3: x: 0.4 is outside of: one of [0.1, 0.2, 0.3]" in err) == (2, 1)
    (folder / "next.yaml").write_text("- x: 0.3\n")
    assert command("--resume", "here", *more)[0] == 0
    assert [x for x, _ in computed(folder)] == [0.1] * 2 + [0.3] * 2
    status, _, err = command("--resume", "here", "--num-samples", "1")
    assert (status, "2 trials have begun already" in err) == (2, True)
    status, _, err = command("--resume", "here", "--num-samples", "9")
    assert status == 0
    status, _, err = command("--resume", "here")
    assert "all 3 trials of it, which are all that its grid has" in err
    check_histories(folder / "here", epochs=2)


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

    # It runs nothing of the other experiment, also where that had another trainable.
    (folder / "payload.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nf = print\n")
    record = json.loads((folder / "here" / "experiment.json").read_text())
    record["options"]["trainable"] = "payload:f"
    (folder / "here" / "experiment.json").write_text(json.dumps(record))
    arguments[arguments.index("new")] = "newer"
    status, _, err = command(*arguments[:-1], "1")
    assert status == 0, err
    assert "0 of 12 results used (not: 12 of another trainable)" in err
    assert not (folder / "ran").exists()


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


def test_what_is_no_experiment_is_told(folder: Path, command: Command) -> None:
    status, _, err = command("--resume", "here")
    assert (status, "no experiment is here" in err) == (2, True)
    assert not (folder / "here").exists()
    subprocess.run(["/bin/mkdir", "here"], cwd=folder, check=True)
    (folder / "here" / "experiment.json").write_text('{"format": 1, "versions": {}}')
    status, _, err = command("--resume", "here")
    assert (status, "reads format 3" in err) == (2, True)
    assert sorted(path.name for path in (folder / "here").iterdir()) == ["experiment.json"]
