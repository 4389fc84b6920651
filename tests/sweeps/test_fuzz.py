"""Spoilt sweep files: whatever is in one, it is read, or refused in lines a person can act on."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest
from mutants import mutant, seeds
from sweep_reading import read_sweep
from sweep_yaml import to_yaml

from pcsearch.command_line.cli import main
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.matching.differences import as_mapping
from pcsearch.sweeps.sweep import Sweep, parse_sweep

MUTANTS, PART = 3_000, 750
LONGEST = 2.0


def outcome(path: Path) -> None:
    """Read a file and do all that needs no run; fail unless it works or is refused properly."""
    read = sweep_or_problems(path)
    if isinstance(read, Sweep):
        use(read)
        return
    assert read
    assert len(set(read)) == len(read), "each once"
    for problem in read:
        assert str(problem).isprintable()
        # The reasons not to read a file at all, or its being empty, have no better place.
        anywhere = ("text; save the file as UTF-8", "the file is empty")
        placed = re.fullmatch(re.escape(str(path)) + r":[1-9]\d*:[1-9]\d*", problem.where)
        assert placed or problem.message.endswith(anywhere)


def sweep_or_problems(path: Path) -> Sweep | tuple[Problem, ...]:
    try:
        return read_sweep(path)
    except PcsearchError as error:
        return error.problems


def use(sweep: Sweep) -> None:
    """Draw from a sweep, print it and read what was printed."""
    draws: Grid | RandomDraws = RandomDraws(sweep, seed=0, repeats=True)
    if sweep.method == "grid":
        draws = Grid(sweep)
        assert draws.size >= 1
    for index in range(min(3, draws.size if isinstance(draws, Grid) else 3)):
        json.dumps(draws.config(index)).encode()
    json.dumps(RandomDraws(sweep, seed=0).config(0)).encode()
    text = to_yaml(sweep)
    # Not a number is not equal to itself, but reads the same.
    assert repr(as_mapping(parse_sweep(text, "printed.yaml"))) == repr(as_mapping(sweep))
    words = [parameter.distribution.describe() for parameter in sweep.parameters.values()]
    words += [metric.describe() for metric in sweep.metrics]
    if sweep.early_terminate is not None:
        words.append(str(sweep.early_terminate.rungs(1000)))
    for line in (*words, *sweep.notes):
        assert line.isprintable()
        line.encode()


def planned(path: Path) -> None:
    """Have the command plan a file; fail unless it does, or refuses the file with status 2."""
    # Any function will do: a sweep of the model would be refused for its names.
    options = ("--plan", "--draw", "2", "--seed", "1", "--trainable", "json:dumps")
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(path), *options, *(("--json",) if len(path.read_bytes()) % 2 else ())])
    assert status in (0, 2)
    lines = err.getvalue().splitlines()
    assert bool(lines) == (status == 2)
    assert bool(out.getvalue()) == (status == 0)
    assert all(line.startswith("error: ") for line in lines)


def run(outcome: Callable[[Path], None], first: int, folder: Path) -> tuple[float, int]:
    """The longest that one of `PART` mutants took in seconds, and which it was."""
    # The first use of Optuna's and scipy's modules is not the mutant's doing.
    planned(Path(__file__).parent / "seeds" / "bayes.yaml")
    files = seeds()
    path = folder / f"{first}.yaml"
    slowest = (0.0, first)
    for number in range(first, first + PART):
        # File systems wait for the disk where a file is written over.
        path.unlink(missing_ok=True)
        path.write_bytes(mutant(Random(number), files))
        started = time.process_time()
        try:
            outcome(path)
        except Exception as error:
            raise AssertionError(f"mutant {number}: {path.read_bytes()!r}") from error
        slowest = max(slowest, (time.process_time() - started, number))
    return slowest


@pytest.mark.slow
@pytest.mark.parametrize(("outcome", "first"), [(outcome, 0), (planned, MUTANTS)])
def test_every_spoilt_file_is_read_or_refused_in_time(
    outcome: Callable[[Path], None], first: int, tmp_path: Path
) -> None:
    """The command, which plans or refuses the files, gets others."""
    parts = range(first, first + MUTANTS, PART)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as processes:
        found = processes.map(run, repeat(outcome), parts, repeat(tmp_path))
        seconds, number = max(found)
    assert seconds < LONGEST, f"mutant {number}: {mutant(Random(number), seeds())!r}"


def test_the_seeds_are_sound_but_for_the_one_that_is_wrong() -> None:
    folder = Path(__file__).parent / "seeds"
    for path in folder.iterdir():
        if path.name != "wrong.yaml":
            use(read_sweep(path))


@pytest.mark.parametrize(
    "text",
    [
        "method: random\nparameters: {v: {distribution: beta, a: 1.0e+300, b: 3}}",
        'method: bayes\nmetric: {name: "a\\U0004f425b"}\nparameters: {v: {min: 0, max: 1}}',
        'method: random\nparameters: {v: {value: "a\\x85b\\u2028c\\ufeffd"}}',
        "method: custom\nscheduler: {engine: optuna}\nparameters: {v: {min: 0, max: 1}}\n"
        "metrics: [5, {name: a}, {name: a}]",
    ],
)
def test_what_mutants_have_found_stays_mended(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    outcome(path)
