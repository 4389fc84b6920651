"""The options of a search in Python are those of the command."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, get_args, get_type_hints

import click
import numpy as np
import pytest

from pcsearch.command_line.cli import command
from pcsearch.command_line.options import ADDRESS_VARIABLE, CHANGEABLE, NO_REPORT_VARIABLE
from pcsearch.errors import PcsearchError, Problem
from pcsearch.library.options import (
    OF_COMMANDS,
    OPTIONS,
    ChangedOptions,
    SearchOptions,
    in_python,
    read_changes,
    read_options,
)
from pcsearch.sessions.launching import options_of


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ADDRESS_VARIABLE, raising=False)


def of_command(*arguments: str) -> dict[str, Any]:
    """What the command makes of its arguments, but for what is no option of a search."""
    params = command.make_context("pcsearch", ["s.yaml", *arguments]).params
    return {name: value for name, value in params.items() if name not in {*OF_COMMANDS, "sweep"}}


def test_the_types_name_every_option() -> None:
    hints = get_type_hints(SearchOptions)
    assert hints.keys() == OPTIONS.keys()
    changeable = {name for name, option in OPTIONS.items() if option.name in CHANGEABLE}
    assert get_type_hints(ChangedOptions).keys() == changeable
    for name, option in OPTIONS.items():
        if isinstance(option.type, click.Choice):
            assert get_args(hints[name]) == tuple(option.type.choices), name


def test_the_defaults_are_those_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_options({}) == of_command()
    assert read_options({"seed": None, "set": None}) == of_command()
    monkeypatch.setenv(ADDRESS_VARIABLE, "ray://there:10001")
    assert read_options({}) == of_command()
    assert read_options({})["address"] == "ray://there:10001"


def test_values_are_those_of_the_command() -> None:
    given = {
        "num_samples": np.int64(8),
        "set": {"epochs": 3, "layers": (1, 2)},
        "seed": 0,
        "cpus_per_trial": 0.5,
        "gpus_per_trial": 0,
        "storage_path": Path("here"),
        "name": "-odd =name",
        "warm_start": ["a", Path("b")],
        "trial_timeout": "1h30m",
    }
    words = "--num-samples 8 --set epochs=3 --set layers=[1,2] --seed 0 --cpus-per-trial 0.5"
    words += " --gpus-per-trial 0 --storage-path here --warm-start a --warm-start b"
    arguments = [*words.split(), "--name=-odd =name", "--trial-timeout", "1h30m"]
    assert read_options(given) == of_command(*arguments)
    assert read_options({"warm_start": "a"})["warm_start"] == ("a",)
    assert read_options({"trial_timeout": 90})["trial_timeout"] == 90.0
    assert options_of(read_options(given) | {"trainable": None}).num_samples == 8


def test_a_time_budget_counts_from_now() -> None:
    before = time.monotonic()
    assert before + 60 <= read_options({"time_budget": "1m"})["deadline"] <= time.monotonic() + 60


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_REPORT_VARIABLE, "1")
    found = [read_options({"no_report": each})["no_report"] for each in (None, False, True)]
    assert found == [True, False, True]


def test_every_wrong_option_is_named() -> None:
    given = {
        "num_sample": 3,
        "seed": 1.5,
        "max_failures": True,
        "wandb": "of",
        "set": ["epochs=3"],
        "trial_timeout": -1,
        "name": ["a"],
    }
    with pytest.raises(PcsearchError) as caught:
        read_options(given)
    lines = str(caught.value).splitlines()
    assert {line.partition(":")[0] for line in lines} == given.keys()
    assert "num_sample: unknown option; did you mean 'num_samples'?" in lines
    assert "max_failures: True is no value for it" in lines


def test_a_resumed_search_takes_what_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NO_REPORT_VARIABLE)
    arguments, chosen = read_changes({"num_samples": 9, "time_budget": 60, "wandb": None})
    assert arguments["num_samples"] == 9
    assert chosen == {"num_samples", "deadline"}
    monkeypatch.setenv(ADDRESS_VARIABLE, "auto")
    assert read_changes({})[1] == {"address"}
    monkeypatch.setenv(NO_REPORT_VARIABLE, "1")
    assert read_changes({})[1] == {"address", "no_report"}
    with pytest.raises(PcsearchError) as caught:
        read_changes({"seed": 1, "nam": "x"})
    assert str(caught.value).splitlines() == [
        "seed: cannot change in a resumed search; leave it out",
        "nam: unknown option; did you mean 'name'?",
    ]


def test_errors_name_options_as_python_does() -> None:
    problems = [
        Problem("give --num-samples N, or run python -m pcsearch --resume DIR --num-samples 9"),
        Problem("is no module", "--trainable"),
        Problem("s.yaml: is wrong", "--warm-start"),
        Problem("is no experiment", "--resume"),
    ]
    with pytest.raises(PcsearchError) as caught, in_python():
        raise PcsearchError(problems)
    assert [str(each) for each in caught.value.problems] == [
        "give num_samples=N, or run python -m pcsearch --resume DIR --num-samples 9",
        "trainable: is no module",
        "warm_start: s.yaml: is wrong",
        "directory: is no experiment",
    ]
