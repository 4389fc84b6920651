"""Real searches that lie in a stand-in for S3: killed, gone on with elsewhere, cut off."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import patience
import pytest
from commands import COUNTED, computed, hold, run, wait_for
from forking import Forked
from patience import know_of_death, lose_patience
from resuming import Command
from s3 import KEYS, S3, serving

from pcsearch.engine.storage import store

TRIALS, EPOCHS = 3, 4
VALUES = [0.1 * number for number in range(TRIALS)]
LAST = VALUES[-1]
"""Its trial begins when another has ended: the search lasts until it is let go."""
# What makes the processes of trials impatient too.
IMPATIENT = """
import sys
sys.path.append({helpers!r})
from patience import lose_patience
lose_patience(Path({file!r}))
"""
SEARCH = ["s.yaml", "--trainable", "at_s3:counted", "--wandb", "disabled"]


@pytest.fixture(scope="module")
def s3(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """The server, and a Ray whose trials have the keys for it."""
    with serving() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(tmp_path_factory.mktemp("trials")).items():
            patch.setenv(name, value)
        request.getfixturevalue("ray_here")
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "at_s3.py").write_text(COUNTED)
    (tmp_path / "s.yaml").write_text(
        "method: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n"
        f"  x: {{values: {VALUES}}}\n"
        f"  seconds: {{value: 0.1}}\n  epochs: {{value: {EPOCHS}}}\n"
        f"  folder: {{value: {tmp_path}}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    """The variables of a machine where this is the user's home folder."""
    return KEYS | {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}


def start(
    folder: Path, machine: str, *arguments: str, before: Callable[[], None] | None = None
) -> Forked:
    """The command as on a machine that has nothing of the others'."""
    home = folder / machine
    home.mkdir(exist_ok=True)
    more = {} if before is None else {"before": before}
    return Forked(folder, *arguments, environment=environment(home), **more)


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


def left_behind(folder: Path, machine: str) -> list[Path]:
    return list((folder / machine / ".cache" / "pcsearch" / "searches").glob("*"))


@pytest.mark.slow
@pytest.mark.usefixtures("pages")
def test_a_killed_search_goes_on_on_another_machine_and_in_a_copy(s3: S3, folder: Path) -> None:
    address = s3.address("results/killed")
    held = [hold(folder, LAST)]
    first = run(folder, *SEARCH, *named(s3, "killed"))
    wait_for(lambda: sum(map(len, histories(s3, "results/killed"))) > 4, first)
    held += [hold(folder, x) for x in VALUES[:-1]]

    status, _, err = start(folder, "two", "--resume", address).finish()
    assert status == 2
    assert f"the search is running (process {first.pid} on " in err

    first.kill()
    first.communicate()
    for each in held:
        each.unlink()
    resume = ("--resume", address)
    status, out, err = start(folder, "two", *resume, before=know_of_death).finish()
    assert status == 0, err
    assert f"Everything lies in {address}" in out
    assert f"The page of the search is {s3.address('results/killed/report.html')}\n" in out
    page = s3.objects("results/killed")["report.html"].decode()
    assert ", finished; drawn on " in page
    assert str(folder / "two") not in page, "it speaks of the address and not of the copy"
    assert histories(s3, "results/killed") == [list(range(1, EPOCHS + 1))] * TRIALS
    repeated = [each for each, count in Counter(computed(folder)).items() if count > 1]
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

    status, _, err = start(folder, "two", *resume, "--no-report").finish()
    assert (status, "the search is finished" in err) == (0, True)
    status, _, err = start(folder, "two", *SEARCH, *named(s3, "killed")).finish()
    assert status == 2
    assert f"{address} is there already; resume it (--resume '{address}')" in err

    s3.download("results/killed", folder / "copy")
    copy = ("--resume", str(folder / "copy"), "--no-report")
    status, out, err = start(folder, "two", *copy).finish()
    assert (status, "the search is finished" in err) == (0, True)


@pytest.mark.slow
def test_another_machine_limits_and_stops_a_search(s3: S3, folder: Path) -> None:
    address = s3.address("results/controlled")
    first = start(folder, "one", *SEARCH, *named(s3, "controlled"), "--set", "epochs=1000")
    wait_for(lambda: sum(map(len, histories(s3, "results/controlled"))) > 1, first.process)
    limit = ("limit", address, "--max-concurrent", "1")
    status, out, err = start(folder, "two", *limit).finish()
    assert (status, out) == (0, f"{out.partition(': ')[0]}: --max-concurrent is now 1\n"), err
    record = json.loads(s3.objects("results/controlled")["experiment.json"])
    assert record["options"]["max_concurrent"] == 1
    status, out, err = start(folder, "two", "stop", address).finish()
    assert (status, out.count("has ended its session")) == (0, 1), err
    assert f"python -m pcsearch --resume '{address}'" in out
    status, _, err = first.finish()
    assert (status, " has stopped the search: running trials" in err) == (130, True)
    assert "owner.json" not in s3.objects("results/controlled")
    assert left_behind(folder, "two") == []


@pytest.mark.slow
def test_an_outage_ends_the_session_in_a_line_and_nothing_is_lost(s3: S3, folder: Path) -> None:
    address = s3.address("results/outage")
    held, file = hold(folder, LAST), folder / "impatient"
    helpers = str(Path(patience.__file__).parent)
    (folder / "at_s3.py").write_text(COUNTED + IMPATIENT.format(helpers=helpers, file=str(file)))
    outage = (*SEARCH, *named(s3, "outage"))
    first = start(folder, "one", *outage, before=partial(lose_patience, file))
    wait_for(lambda: sum(map(len, histories(s3, "results/outage"))) > 0, first.process)
    # Soon enough: a call that has begun keeps its patience.
    file.touch()
    wait_for(lambda: sum(map(len, histories(s3, "results/outage"))) > 3, first.process)
    s3.cable.cut()
    held.unlink()
    try:
        status, _, err = first.finish()
    finally:
        s3.cable.reconnect()
        file.unlink()
    assert status == 2, err
    assert "Traceback" not in err
    assert "; see to the storage and resume it: python -m pcsearch --resume 's3://" in err
    status, _, err = start(folder, "one", "--resume", address, before=know_of_death).finish()
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


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", MISTAKES)
def test_an_address_that_cannot_be_used_is_told_on_a_line(
    s3: S3, name: str, command: Command
) -> None:
    place, message = MISTAKES[name]
    status, _, err = command(*SEARCH, "--storage-path", s3.address(*place))
    assert (status, err.count("\n")) == (2, 1), err
    assert err.startswith("error: --storage-path: ")
    assert message in err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3://key:secret@bucket/results", "the s3:// address holds a secret"),
        ("s3://bucket/results?access_key=key", "the s3:// address holds a secret"),
        ("nosuch://bucket/results", "nosuch://bucket/results: cannot be used (Protocol not known"),
        ("s3://bucket/x?endpoint_override=127.0.0.1%3A9&region=us-east-1&scheme=http", "127.0.0.1"),
    ],
)
def test_other_addresses_too(
    address: str, message: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "OUTAGE_S", 0.0)
    status, _, err = command("--resume", address)
    assert (status, err.count("\n")) == (2, 1), err
    assert message in err
    assert "key:secret" not in err


@pytest.mark.slow
def test_a_search_starts_from_the_results_at_an_address(s3: S3, folder: Path) -> None:
    text = (folder / "s.yaml").read_text().replace("value: 0.1", "value: 0.0")
    (folder / "s.yaml").write_text(text)
    given = [*SEARCH, "--set", "epochs=1"]
    assert start(folder, "one", *given, *named(s3, "old")).finish()[0] == 0
    (folder / "b.yaml").write_text(
        "method: bayes\nmetric: {name: loss, goal: minimize}\n"
        "parameters:\n  x: {min: 0.0, max: 1.0}\n"
        f"  seconds: {{value: 0.0}}\n  folder: {{value: {folder}}}\n"
    )
    address = s3.address("results/old")
    search = ["b.yaml", *given[1:], "--num-samples", "1", "--warm-start", address]
    status, _, err = start(folder, "one", *search).finish()
    assert status == 0, err
    assert f"--warm-start {address}: {TRIALS} of {TRIALS} results used" in err
    assert left_behind(folder, "one") == []
