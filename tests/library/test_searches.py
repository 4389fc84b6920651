"""Whole searches inside a program, and what is wrong with a sweep of one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from searching import TINY, write_sweep

import pcsearch
from pcsearch.cli import main
from pcsearch.errors import PcsearchError

MINUTES = 180
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
        (lambda: pcsearch.search(3), "sweep: a int is no sweep"),  # type: ignore[arg-type]
        (lambda: pcsearch.search(SWEEP, 3), "trainable: a int is no function"),  # type: ignore[arg-type]
        (lambda: pcsearch.search(SWEEP, "nosuch:f"), "trainable: no module 'nosuch'"),
        (lambda: pcsearch.start_search(SWEEP, lambda: None), "trainable: .*<lambda> is"),
        (lambda: pcsearch.resume("nosuch", seed=1), "seed: cannot change"),  # type: ignore[call-arg]
        (lambda: pcsearch.resume("nosuch"), "nosuch: "),
    ],
)
def test_a_mistake_is_a_line_before_anything_starts(
    start: Callable[[], Any], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PcsearchError, match=problem):
        start()
    assert list(tmp_path.iterdir()) == []


def test_the_package_shows_what_it_has() -> None:
    assert set(pcsearch.__all__) <= set(dir(pcsearch))
    assert all(getattr(pcsearch, name) for name in pcsearch.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'serach'"):
        _ = pcsearch.serach


# With one


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_a_search_of_the_model_gives_its_trials_and_a_model(tmp_path: Path) -> None:
    constants = {name: {"value": value} for name, value in TINY.items()}
    result = pcsearch.search(
        {
            "method": "bayes",
            "metric": {"name": "best_val_mse", "goal": "minimize"},
            "parameters": {**constants, "peak_lr_hidden": {"min": 0.01, "max": 0.1}},
        },
        num_samples=2,
        set={"epochs": 1},
        name="here",
        storage_path=tmp_path,
        wandb="disabled",
        seed=1,
        progress=False,
    )
    assert ray.is_initialized()
    assert (result.directory, result.state) == (str(tmp_path / "here"), "finished")
    assert result.trials["status"].tolist() == ["finished", "finished"]
    assert result.trials["best_val_mse"].min() == result.study.best_value
    best = result.best
    assert best is not None
    assert best.metrics["best_val_mse"] == result.study.best_value
    assert best.config["epochs"] == 1
    model = best.load_model("cpu")
    assert model.reconstruct(torch.zeros(1, 1, 8, 8)).shape[0] == 1
    record = json.loads((tmp_path / "here" / "experiment.json").read_text())
    assert (record["options"]["seed"], record["options"]["num_samples"]) == (1, 2)
    assert main(["best", result.directory]) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("ray_here")
def test_an_interrupt_ends_a_search_and_its_results_are_returned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    offset = 0.5

    def endless(config: dict[str, Any]) -> Iterator[dict[str, float]]:
        for epoch in range(1, 100_000):
            time.sleep(0.05)
            yield {"loss": config["x"] + offset / epoch}

    def interrupt() -> None:
        end = time.monotonic() + MINUTES
        while time.monotonic() < end and not (tmp_path / "here").glob("*/result.json"):
            time.sleep(0.1)
        while time.monotonic() < end:
            if any(file.stat().st_size for file in (tmp_path / "here").glob("*/result.json")):
                break
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    options: Any = {"name": "here", "storage_path": tmp_path, "wandb": "disabled"}
    result = pcsearch.search(SWEEP, endless, **options)
    thread.join()
    assert result.state == "interrupted"
    assert result.best is not None
    assert result.best.epochs >= 1
    assert result.best.metrics["loss"] <= 1.5
    name = "test_an_interrupt_ends_a_search_and_its_results_are_returned.<locals>.endless"
    assert f"{name} is in no module: only pcsearch.resume(DIR, {name})" in capsys.readouterr().err
    # No command has the function, and no other function is that of the search.
    assert main(["--resume", result.directory]) == 2
    assert "which no command can import; resume the search in Python" in capsys.readouterr().err
    with pytest.raises(PcsearchError, match=r"^directory: .* trains .*endless, not .*:train$"):
        pcsearch.resume(result.directory, train)


PROGRAM = """
import sys
import time

import ray

import pcsearch

def train(config):
    for epoch in range(1, 100_000):
        time.sleep(0.05)
        yield {"loss": config["x"] + 1 / epoch}

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
sweep = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1.0, 2.0]}},
}
running = pcsearch.start_search(
    sweep, train, name="here", storage_path=sys.argv[1], wandb="disabled", progress=False
)
sys.stdin.readline()
running.stop()
result = running.wait()
print(result.state, len(result.trials), flush=True)

def train(config):
    yield {"loss": config["x"]}

result = pcsearch.resume(running.directory, train)
print(result.state, result.trials["loss"].tolist(), ray.is_initialized(), flush=True)
"""


@pytest.mark.slow
def test_a_program_runs_its_own_function_beside_what_it_does(tmp_path: Path) -> None:
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
    stopped, resumed = output.splitlines()
    assert stopped.startswith("interrupted ")
    assert resumed == "finished [1.0, 2.0] True"
    assert "train is in no module: only pcsearch.resume(DIR, train) resumes the search" in errors


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
