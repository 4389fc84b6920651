"""Real searches that lie in a stand-in for S3: killed, gone on with elsewhere, cut off."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import COUNTED, ROOT, finish, hold, wait_for
from s3 import KEYS, S3, serving

TRIALS, EPOCHS = 3, 6
VALUES = [0.1 * number for number in range(TRIALS)]
LAST = VALUES[-1]
"""Its trial begins when another has ended: the search lasts until it is let go."""
SEARCH = ["s.yaml", "--trainable", "made:counted", "--wandb", "disabled"]
# Once a file is there, it tells of an outage quicker than anybody would want.
COMMAND = """
import sys, time
from pathlib import Path
from threading import Thread
from pcsearch.cli import main
from pcsearch.engine.storage import store

def lose_patience():
    while not Path("impatient").exists():
        time.sleep(0.02)
    store.OUTAGE_S = 2.0

Thread(target=lose_patience, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with serving() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "made.py").write_text(COUNTED)
    (tmp_path / "s.yaml").write_text(
        "method: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n"
        f"  x: {{values: {VALUES}}}\n"
        f"  seconds: {{value: 0.3}}\n  epochs: {{value: {EPOCHS}}}\n"
        f"  folder: {{value: {tmp_path}}}\n"
    )
    return tmp_path


def start(folder: Path, machine: str, *arguments: str) -> subprocess.Popen[str]:
    """The command as on a machine that has nothing of the others'."""
    home = folder / machine
    home.mkdir(exist_ok=True)
    environment = os.environ | KEYS | {"HOME": str(home), "PYTHONPATH": str(ROOT)}
    environment.pop("XDG_CACHE_HOME", None)
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def named(s3: S3, name: str) -> list[str]:
    """The options that put a search there."""
    return ["--storage-path", s3.address("results"), "--name", name]


def histories(s3: S3, path: str) -> list[list[int]]:
    """The epochs in the reports of each trial."""
    return [
        [json.loads(line)["training_iteration"] for line in data.splitlines()]
        for name, data in sorted(s3.objects(path).items())
        if name.endswith("result.json")
    ]


def losses(s3: S3, path: str) -> list[float]:
    """The losses in the reports of all trials."""
    files = [data for name, data in s3.objects(path).items() if name.endswith("result.json")]
    return [json.loads(line)["loss"] for data in files for line in data.splitlines()]


def computed(folder: Path) -> Counter[tuple[float, int]]:
    lines = (folder / "computed.jsonl").read_text().splitlines()
    return Counter((each["x"], each["epoch"]) for each in map(json.loads, lines))


def left_behind(folder: Path, machine: str) -> list[Path]:
    return list((folder / machine / ".cache" / "pcsearch" / "searches").glob("*"))


@pytest.mark.slow
@pytest.mark.usefixtures("pages")
def test_a_killed_search_goes_on_on_another_machine_and_in_a_copy(s3: S3, folder: Path) -> None:
    address = s3.address("results/killed")
    held = [hold(folder, LAST)]
    first = start(
        folder, "one", *SEARCH, "--storage-path", s3.address("results"), "--name", "killed"
    )
    wait_for(lambda: sum(map(len, histories(s3, "results/killed"))) > 4, first)
    held += [hold(folder, x) for x in VALUES[:-1]]

    status, _, err = finish(start(folder, "two", "--resume", address))
    assert status == 2
    assert f"the search is running (process {first.pid} on " in err

    first.kill()
    first.communicate()
    for each in held:
        each.unlink()
    status, out, err = finish(start(folder, "two", "--resume", address))
    assert status == 0, err
    assert f"Everything lies in {address}" in out
    assert f"The page of the search is {s3.address('results/killed/report.html')}\n" in out
    page = s3.objects("results/killed")["report.html"].decode()
    assert ", finished; drawn on " in page
    assert str(folder / "two") not in page, "it speaks of the address and not of the copy"
    assert histories(s3, "results/killed") == [list(range(1, EPOCHS + 1))] * TRIALS
    repeated = [each for each, count in computed(folder).items() if count > 1]
    # Two trials ran when it was killed.
    assert len(repeated) <= 2, repeated
    names = s3.objects("results/killed")
    assert "owner.json" not in names
    assert left_behind(folder, "two") == []
    # The two newest checkpoints of each trial, and its best, which is one of them.
    checkpoints = {name.rpartition("/")[0] for name in names if "checkpoint_" in name}
    assert len(checkpoints) == 2 * TRIALS
    # The best of these is there a second time.
    best = s3.objects("results/killed/best")
    assert {"config.json", "epoch", "metrics.json", "README.md"} <= best.keys()
    assert json.loads(best["metrics.json"])["value"] == min(losses(s3, "results/killed"))
    assert best["epoch"] == str(EPOCHS).encode()

    again = ("--resume", address, "--no-report")
    status, _, err = finish(start(folder, "two", *again))
    assert (status, "the search is finished" in err) == (0, True)
    status, _, err = finish(start(folder, "two", *SEARCH, *named(s3, "killed")))
    assert status == 2
    assert f"{address} is there already; resume it (--resume '{address}')" in err

    s3.download("results/killed", folder / "copy")
    status, out, err = finish(start(folder, "two", "--resume", str(folder / "copy"), "--no-report"))
    assert (status, "the search is finished" in err) == (0, True)


@pytest.mark.slow
def test_another_machine_limits_and_stops_a_search(s3: S3, folder: Path) -> None:
    address = s3.address("results/controlled")
    options = (*SEARCH, *named(s3, "controlled"), "--set", "epochs=1000")
    first = start(folder, "one", *options, "--no-report")
    wait_for(lambda: sum(map(len, histories(s3, "results/controlled"))) > 1, first)
    limit = ("limit", address, "--max-concurrent", "1")
    status, out, err = finish(start(folder, "two", *limit))
    assert (status, out) == (0, f"{out.partition(': ')[0]}: --max-concurrent is now 1\n"), err
    record = json.loads(s3.objects("results/controlled")["experiment.json"])
    assert record["options"]["max_concurrent"] == 1
    status, out, err = finish(start(folder, "two", "stop", address))
    assert (status, out.count("has ended its session")) == (0, 1), err
    assert f"python -m pcsearch --resume '{address}'" in out
    status, _, err = finish(first)
    assert (status, " has stopped the search: running trials" in err) == (130, True)
    assert "owner.json" not in s3.objects("results/controlled")
    assert left_behind(folder, "two") == []


@pytest.mark.slow
def test_an_outage_ends_the_session_in_a_line_and_nothing_is_lost(s3: S3, folder: Path) -> None:
    address = s3.address("results/outage")
    held = hold(folder, LAST)
    first = start(
        folder, "one", *SEARCH, "--storage-path", s3.address("results"), "--name", "outage"
    )
    wait_for(lambda: sum(map(len, histories(s3, "results/outage"))) > 3, first)
    (folder / "impatient").touch()
    s3.cable.cut()
    held.unlink()
    try:
        status, _, err = finish(first)
    finally:
        s3.cable.reconnect()
        (folder / "impatient").unlink()
    assert status == 2, err
    assert "Traceback" not in err
    assert "; see to the storage and resume it: python -m pcsearch --resume 's3://" in err
    status, _, err = finish(start(folder, "one", "--resume", address))
    assert status == 0, err
    assert histories(s3, "results/outage") == [list(range(1, EPOCHS + 1))] * TRIALS


MISTAKES = {
    "no bucket": (
        ("results", "no-such-bucket"),
        "there is no bucket 'no-such-bucket', or no access",
    ),
    "a way up": (("results/../other", "bucket"), "has an empty part, '.' or '..' in its path"),
    "nothing between slashes": (("results//other", "bucket"), "has an empty part"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_an_address_that_cannot_be_used_is_told_on_a_line(s3: S3, folder: Path, name: str) -> None:
    place, message = MISTAKES[name]
    status, _, err = finish(start(folder, "one", *SEARCH, "--storage-path", s3.address(*place)))
    assert (status, err.count("\n")) == (2, 1), err
    assert err.startswith("error: --storage-path: ")
    assert message in err


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://key:secret@bucket/results", "the s3:// address holds a secret"),
        ("s3://bucket/results?access_key=key", "the s3:// address holds a secret"),
        ("nosuch://bucket/results", "nosuch://bucket/results: cannot be used (Protocol not known"),
        ("s3://bucket/x?endpoint_override=127.0.0.1%3A9&region=us-east-1&scheme=http", "127.0.0.1"),
    ],
)
def test_other_addresses_too(folder: Path, address: str, message: str) -> None:
    (folder / "impatient").touch()
    status, _, err = finish(start(folder, "one", "--resume", address))
    assert (status, err.count("\n")) == (2, 1), err
    assert message in err
    assert "key:secret" not in err


@pytest.mark.slow
def test_a_search_starts_from_the_results_at_an_address(s3: S3, folder: Path) -> None:
    text = (folder / "s.yaml").read_text().replace("value: 0.3", "value: 0.0")
    (folder / "s.yaml").write_text(text)
    given = [*SEARCH, "--set", "epochs=1"]
    assert finish(start(folder, "one", *given, *named(s3, "old")))[0] == 0
    (folder / "b.yaml").write_text(
        "method: bayes\nmetric: {name: loss, goal: minimize}\n"
        "parameters:\n  x: {min: 0.0, max: 1.0}\n"
        f"  seconds: {{value: 0.0}}\n  folder: {{value: {folder}}}\n"
    )
    address = s3.address("results/old")
    command = ["b.yaml", *given[1:], "--num-samples", "1", "--warm-start", address]
    status, _, err = finish(start(folder, "one", *command))
    assert status == 0, err
    assert f"--warm-start {address}: {TRIALS} of {TRIALS} results used" in err
    assert left_behind(folder, "one") == []
