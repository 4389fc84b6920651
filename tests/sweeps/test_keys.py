"""What is said of the keys at the top level of a file that are unknown, unused or mistyped."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from pcsearch.sweeps.keys import KEYS, OPTIONAL, SINGLE_RUN
from pcsearch.sweeps.sweep import InvalidSweepError, parse_sweep

ONE = "parameters: {x: {value: 1}}\n"


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidSweepError) as caught:
        parse_sweep(text, "f")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ("program: train.py", "train.py is not used: pcsearch runs its own trainable"),
        ('program: "a\\nb"', "not used: pcsearch runs its own trainable"),
        ("command: [python]", "not used: pcsearch runs its own trainable"),
        ("job: me/p/j:v1", "me/p/j:v1 is not used: pcsearch runs its own trainable"),
        ("image_uri: me/i:1", "me/i:1 is not used: pcsearch runs its own trainable"),
        ("launch: {queue: q}", "not used: pcsearch starts the trials"),
        ("controller: {type: local}", "not used: pcsearch is the controller"),
        ("apiVersion: 1.0", "not used: it does not change the search"),
        ("kind: sweep", "not used: it does not change the search"),
        ("one_driver: true", "not used: it is for those who would join a search that W&B has"),
        ("count: 5", "unknown key, not used; to bound the number of trials write run_cap"),
        ("run_name: a", "unknown key, not used; did you mean 'run_cap'?"),
        ("comand: [python]", "unknown key, not used; did you mean 'command'?"),
        ("sweep_id: abc", "unknown key, not used"),
        ("1: 2", "unknown key, not used"),
    ],
)
def test_key_without_effect_is_noted(given: str, note: str) -> None:
    sweep = parse_sweep(f"method: grid\n{given}\n{ONE}", "f")
    assert sweep.notes == (f"f:2:1: {given.split(':')[0]}: {note}",)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("metrc: {name: a}", "metric"),
        ("metrcs: [{name: a}, {name: b}]", "metrics"),
        ("early_terminat: {type: hyperband, min_iter: 1}", "early_terminate"),
        ("early-terminate: {type: hyperband, min_iter: 1}", "early_terminate"),
        ("run_cpa: 5", "run_cap"),
        ("runcap: 5", "run_cap"),
        ("shceduler: {engine: wandb}", "scheduler"),
        ("names: a", "name"),
        ("descripton: a", "description"),
        ("porject: a", "project"),
        ("entitiy: a", "entity"),
    ],
)
def test_a_mistyped_key_is_refused(given: str, meant: str) -> None:
    key = given.split(":")[0]
    assert meant in OPTIONAL
    message = f"f:2:1: {key}: unknown key; did you mean {meant!r}?"
    assert problems_of(f"method: random\n{given}\n{ONE}") == [message]


def test_a_mistyped_key_is_not_missing_too() -> None:
    assert problems_of(f"method: bayes\nmetrc: {{name: a}}\n{ONE}") == [
        "f:2:1: metrc: unknown key; did you mean 'metric'?"
    ]


def test_every_mistyped_key_is_told_at_once() -> None:
    lines = problems_of("metod: random\nmetrc: {name: a}\nrun_cpa: 5\nparms: {x: {value: 1}}")
    assert [line.rpartition(" ")[2] for line in lines] == [
        "'method'?",
        "'metric'?",
        "'run_cap'?",
        "'parameters'?",
    ]


def test_a_key_like_one_that_is_there_is_another() -> None:
    sweep = parse_sweep(f"method: grid\nname: a\nnames: [b]\n{ONE}", "f")
    assert sweep.notes == ("f:3:1: names: unknown key, not used; did you mean 'name'?",)


def test_no_known_key_is_refused_as_another() -> None:
    """Each alone, so that the keys that are near each other are not there."""
    for key in KEYS:
        text = "".join(f"{each}: null\n" for each in {"method", "parameters", key})
        assert not any("did you mean" in line for line in problems_of(text))


def test_a_file_for_wandbs_agent_that_trains_the_same_needs_no_note() -> None:
    command = 'command: ["${interpreter}", "-m", "${program}", "${args}"]'
    sweep = parse_sweep(f"program: {SINGLE_RUN}\n{command}\nmethod: grid\n{ONE}", "f")
    assert sweep.notes == ()
    assert find_spec(SINGLE_RUN) is not None
