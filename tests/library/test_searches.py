"""Whole searches inside a program, and what is wrong with a sweep of one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from searching import TINY, write_sweep

import pcsearch
from pcsearch.command_line.cli import main
from pcsearch.errors import PcsearchError
from pcsearch.library import searches
from pcsearch.sweeps.sweep import parse_sweep

MINUTES = 240
SWEEP: dict[str, Any] = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1.0, 2.0]}},
}


def train(config: dict[str, Any]) -> Iterator[dict[str, float]]:
    for epoch in range(1, 4):
        yield {"loss": config["x"] / epoch}


# Without a search


def test_a_sweep_is_a_file_a_mapping_or_a_loaded_one(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2]}})
    from_file = pcsearch.load_sweep(file)
    parameters = {name: {"value": value} for name, value in TINY.items()}
    metric = {"name": "best_val_mse", "goal": "minimize"}
    searched = {**parameters, "seed": {"values": (1, 2)}}
    mapping = {"method": "grid", "metric": metric, "parameters": searched}
    assert pcsearch.load_sweep(mapping) == from_file == pcsearch.load_sweep(from_file)
    noted = pcsearch.load_sweep({**mapping, "controller": {}})
    assert noted.notes[0].startswith("controller: not used")


def test_the_problems_of_a_mapping_name_its_keys(tmp_path: Path) -> None:
    wrong = {
        "method": "grid",
        "run_cap": 0,
        "parameters": {
            "num_blocks": {"values": [1, "many"]},
            "seed": {"distribution": "unifrm"},
            "nosuch": {"value": 1},
        },
    }
    file = tmp_path / "s.yaml"
    file.write_text(json.dumps(wrong))
    with pytest.raises(PcsearchError) as of_file:
        pcsearch.load_sweep(file)
    with pytest.raises(PcsearchError) as of_mapping:
        pcsearch.load_sweep(wrong)
    lines = [str(each) for each in of_mapping.value.problems]
    assert sorted(lines) == sorted(
        str(each).removeprefix(f"{each.where}: ") for each in of_file.value.problems
    )
    assert any(line.startswith("parameters.num_blocks: ") for line in lines)
    assert len(lines) == 4


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        (lambda: pcsearch.search(SWEEP, num_sample=3), "num_sample: unknown option; did you mean"),  # type: ignore[call-arg]
        (lambda: pcsearch.search({**SWEEP, "method": "random"}, train), "give num_samples=N or"),
        (lambda: pcsearch.search("nosuch.yaml"), "nosuch.yaml: no such file"),
        (lambda: pcsearch.search(3), "sweep: an int is no sweep"),  # type: ignore[arg-type]
        (lambda: pcsearch.search(SWEEP, 3), "trainable: an int is no function"),  # type: ignore[arg-type]
        (lambda: pcsearch.search(SWEEP, "nosuch:f"), "trainable: no module 'nosuch'"),
        (lambda: pcsearch.start_search(SWEEP, lambda: None), "trainable: .*<lambda> is"),
        (lambda: pcsearch.resume("nosuch", seed=1), "seed: cannot change"),  # type: ignore[call-arg]
        (lambda: pcsearch.resume("nosuch"), "nosuch: "),
        (lambda: pcsearch.resume(None), "directory: a NoneType is no directory"),  # type: ignore[arg-type]
        (lambda: pcsearch.open_search(3), "directory: an int is no directory"),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_is_a_line_before_anything_starts(
    start: Callable[[], Any], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PcsearchError, match=problem):
        start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sweep", [SWEEP, Path("s.yaml")])
def test_a_search_is_resumed_with_another_sweep(
    sweep: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tests/engine/experiment/test_editing.py` edits searches."""
    monkeypatch.chdir(tmp_path)
    given: list[Any] = []

    def resumed(place: str, file: Any, arguments: Any, *_: Any, **__: Any) -> None:
        given.extend((place, file, arguments["enqueue"]))
        raise PcsearchError("enough")

    monkeypatch.setattr(searches, "resume_directory", resumed)
    with pytest.raises(PcsearchError, match="enough"):
        pcsearch.resume("here", sweep=sweep, enqueue="points.yaml")
    place, file, enqueue = given
    assert (place, enqueue) == ("here", "points.yaml")
    if isinstance(sweep, Path):
        assert file == sweep
    else:
        assert parse_sweep(file.text, "") == parse_sweep(yaml.safe_dump(SWEEP), "")


def test_the_package_shows_what_it_has() -> None:
    assert set(pcsearch.__all__) <= set(dir(pcsearch))
    assert all(getattr(pcsearch, name) for name in pcsearch.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        _ = pcsearch.serach


# With one

PROGRAM = """
import os
import signal
import sys
import threading
import time

import ray

import pcsearch

SCALE = 2.0


def train(config):
    for epoch in range(1, 100_000):
        time.sleep(0.05)
        yield {"loss": SCALE * config["x"] + 1 / epoch}


def interrupt(epochs):
    while pcsearch.open_search(running.directory).best.epochs <= epochs:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGINT)


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
sweep = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1.0, 2.0]}, "y": {"value": None}},
}
running = pcsearch.start_search(
    sweep,
    train,
    name="here",
    storage_path=sys.argv[1],
    wandb="disabled",
    num_samples=2,
    seed=1,
    set={"y": [1, {"z": 2}]},
    progress=False,
)
sys.stdin.readline()
running.stop()
result = running.wait()
print(result.state, len(result.trials), flush=True)

thread = threading.Thread(target=interrupt, args=[result.best.epochs])
thread.start()
print(pcsearch.resume(running.directory, train).state, flush=True)
thread.join()


def train(config):
    yield {"loss": -SCALE * config["x"] * config["y"][1]["z"]}


result = pcsearch.resume(running.directory, train, max_concurrent=1)
print(result.state, sorted(result.trials["loss"]), ray.is_initialized(), flush=True)
"""


@pytest.mark.slow
def test_a_program_runs_its_own_function_beside_what_it_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is stopped, then interrupted by the signal of Ctrl-C, and then it ends."""
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, "program.py", str(tmp_path)],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            found = running(tmp_path / "here")
            assert found.state == "running"
            assert "running" in found.trials["status"].tolist()
            assert program.poll() is None
            output, errors = program.communicate("\n", timeout=MINUTES)
        finally:
            program.kill()
    assert program.returncode == 0, errors
    stopped, interrupted, finished = output.splitlines()
    assert stopped.startswith("interrupted ")
    assert interrupted == "interrupted"
    assert finished == "finished [-8.0, -4.0] True"
    assert "train is in no module: only pcsearch.resume(DIR, train) resumes the search" in errors
    assert "here: up to 2 trials, method random; minimize loss; seed 1" in errors
    # No command has the function, and no other function is that of the search.
    assert main(["--resume", str(tmp_path / "here")]) == 2
    assert "which no command can import; resume the search in Python" in capsys.readouterr().err
    with pytest.raises(PcsearchError, match=r"^directory: .* trains __main__:train, not .*:train$"):
        pcsearch.resume(tmp_path / "here", train)
    record = json.loads((tmp_path / "here" / "experiment.json").read_text())
    assert record["options"]["trainable"] == "__main__:train"


def running(directory: Path) -> pcsearch.SearchResult:
    """The search of another process, once a trial of it has reported something."""
    end = time.monotonic() + MINUTES
    while True:
        try:
            result = pcsearch.open_search(directory)
            if result.best is not None:
                return result
        except PcsearchError:
            assert time.monotonic() < end
        time.sleep(0.2)
