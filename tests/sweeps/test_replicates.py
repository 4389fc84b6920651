"""The parameter whose values repeat a configuration: its seeds, fresh seeds, and what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pcsearch.errors import Problem
from pcsearch.sweeps.matching.differences import differences
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.replicates import (
    Replicates,
    configuration_in,
    configuration_name,
    doubtful_seeds,
    replicates_of,
    run_name,
    unnoticed_seed,
)
from pcsearch.sweeps.sweep import InvalidSweepError, Sweep, parse_sweep


def sweep(seed: str = "{values: [10, 20, 30]}", method: str = "grid", more: str = "") -> Sweep:
    parameters = f"  train:\n    parameters:\n      seed: {seed}\n  a: {{values: [1, 2]}}\n"
    text = f"method: {method}\nmetric: {{name: loss}}\n{more}parameters:\n{parameters}"
    return parse_sweep(text, "s.yaml")


def of(checked: Sweep, name: str = "train.seed", fresh: int = 0) -> Replicates | Problem:
    return replicates_of(checked, name, "--replicates", fresh)


def test_a_run_has_the_values_of_its_configuration_and_a_seed_at_its_place() -> None:
    replicates = of(sweep())
    assert isinstance(replicates, Replicates)
    assert list(replicates.without(sweep()).parameters) == ["a"]
    config = replicates.config(sweep(), {"a": 2}, 1)
    assert config == {"a": 2, "train": {"seed": 20}}


def test_fresh_seeds_are_none_of_the_file() -> None:
    replicates = of(sweep("{values: [30, 10, 20]}"), fresh=2)
    assert isinstance(replicates, Replicates)
    assert [replicates.seed(position) for position in range(5)] == [30, 10, 20, 31, 32]
    ranged = of(sweep("{min: 0, max: 4}"))
    assert isinstance(ranged, Replicates)
    assert [ranged.seed(position) for position in (0, 4, 5)] == [0, 4, 5]


def test_no_fresh_seed_is_larger_than_what_libraries_take() -> None:
    near = of(sweep(f"{{values: [1, {2**32 - 3}, 0]}}"), fresh=4)
    assert isinstance(near, Replicates)
    assert [near.seed(position) for position in range(3, 7)] == [2**32 - 2, 2**32 - 1, 2, 3]
    assert near.fresh_in_words(2) == f"{2**32 - 2} to {2**32 - 1}"
    assert near.fresh_in_words(3) == f"{2**32 - 2}, {2**32 - 1}, 2"
    assert near.fresh_in_words(1) == f"{2**32 - 2}"
    # Where the file has larger ones, they are taken.
    large = of(sweep(f"{{values: [1, {2**40}]}}"), fresh=1)
    assert isinstance(large, Replicates)
    assert large.seed(2) == 2**40 + 1


def test_fresh_values_of_what_may_be_no_seed_are_a_note() -> None:
    text = "method: grid\nparameters: {fold: {min: 0, max: 4}, model_Seed: {min: 0, max: 4}}\n"
    checked = parse_sweep(text, "s.yaml")
    fold, seed = (of(checked, name) for name in ("fold", "model_Seed"))
    assert isinstance(fold, Replicates)
    assert isinstance(seed, Replicates)
    assert doubtful_seeds(fold, 0) == doubtful_seeds(seed, 2) == ""
    line = doubtful_seeds(fold, 2)
    assert line.startswith("s.yaml:2:14: --confirm runs fold 5 to 6, which the file does not have")


@pytest.mark.parametrize(
    ("seed", "name", "fresh", "message"),
    [
        ("{values: [1, 2]}", "sed", 0, "--replicates: sed is no parameter of the sweep"),
        ("{values: [1, 2]}", "train.sed", 0, "did you mean 'train.seed'?"),
        ("{value: 3}", "train.seed", 0, "s.yaml:6:7: --replicates: train.seed has one value; give"),
        ("{values: [5]}", "train.seed", 0, "train.seed has one value; give it at least 2 seeds"),
        ("{min: 0.0, max: 1.0}", "train.seed", 0, "has no seeds to repeat with"),
        ("{min: 0, max: 100}", "train.seed", 0, "has 101 values; give at most 100 seeds"),
        ("{values: [a, b]}", "train.seed", 1, "--confirm: fresh seeds are whole numbers"),
    ],
)
def test_what_is_wrong_is_one_line(seed: str, name: str, fresh: int, message: str) -> None:
    method = "random" if "0.0" in seed else "grid"
    problem = of(sweep(seed, method), name, fresh)
    assert isinstance(problem, Problem)
    assert message in str(problem)
    assert "\n" not in str(problem)


def test_the_key_of_the_file_is_read_checked_and_compared() -> None:
    named = sweep(more="replicates: train.seed\n")
    assert named.replicates == "train.seed"
    assert not named.notes
    assert differences(named, sweep()) == [("replicates", "train.seed", "nothing")]
    with pytest.raises(InvalidSweepError, match="replicates: 3 is not text"):
        sweep(more="replicates: 3\n")
    with pytest.raises(InvalidSweepError, match="did you mean 'replicates'"):
        sweep(more="replicate: seed\n")


def test_a_wrong_name_is_told_together_with_what_else_is_wrong() -> None:
    with pytest.raises(InvalidSweepError) as caught:
        sweep(method="byes", more="replicates: trian.seed\n")
    first, second = caught.value.problems
    assert "unknown method" in str(first)
    assert "did you mean 'train.seed'" in str(second)
    with pytest.raises(InvalidSweepError) as caught:
        sweep("{min: 2, max: 1}", more="replicates: train.seed\n")
    assert len(caught.value.problems) == 1
    parameters = "{1: {value: 1}, ~: {value: 2}, seed: {value: 3}}"
    text = f"method: grid\nreplicates: sed\nparameters: {parameters}\n"
    with pytest.raises(InvalidSweepError, match="did you mean 'seed'"):
        parse_sweep(text, "s.yaml")


def test_a_seed_that_is_fixed_from_outside_repeats_nothing() -> None:
    text = (
        "method: grid\nreplicates: seed\n"
        "parameters: {seed: {values: [1, 2]}, a: {values: [1, 2]}}\n"
    )
    for has_begun in (False, True):
        fixed = parse_sweep(text, "s.yaml", overrides={"seed": 42}, has_begun=has_begun)
        assert fixed.replicates is None
        assert fixed.notes == (
            "s.yaml:2:1: replicates: not used: --set gives the parameter one value, so each "
            "configuration runs once",
        )
    assert parse_sweep(text, "s.yaml", overrides={"a": 1}).replicates == "seed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lr: 1e-4", 'replicates: "seed"\n'),
        ('{"lr": "1e-4"}', '{"replicates": "seed", "lr": "1e-4"}'),
        ("replicates: other\nlr: 1e-4", "replicates: seed\n"),
        ("lr: 1e-4\n...\n", 'replicates: "seed"\nlr: 1e-4\n...\n'),
    ],
)
def test_a_text_is_marked_whatever_its_form(text: str, expected: str) -> None:
    replicates = of(sweep())
    assert isinstance(replicates, Replicates)
    marked = replace(replicates, parameter=replace(replicates.parameter, path=("seed",))).marked(
        replace(sweep(), text=text)
    )
    assert expected in marked.text
    assert load(marked.text, "s.yaml").value["replicates"] == "seed"


def test_only_bayes_is_told_that_it_searches_its_seed() -> None:
    line = unnoticed_seed(sweep(method="bayes"))
    assert line.startswith("s.yaml:6:7: train.seed is searched as a parameter")
    assert "--replicates train.seed" in line
    assert not unnoticed_seed(sweep())
    # What would be refused is not advised.
    many = unnoticed_seed(sweep("{min: 0, max: 10000}", "bayes"))
    assert many.endswith("seeds, but train.seed has 10,001 values; give at most 100 seeds")
    two = sweep(method="custom", more="scheduler: {engine: optuna}\n").text.replace(
        "metric: {name: loss}", "metrics: [{name: loss}, {name: size}]"
    )
    assert unnoticed_seed(parse_sweep(two, "s.yaml")).endswith("that of a lucky seed")
    assert not unnoticed_seed(sweep("{value: 1}", "bayes"))


def test_a_run_is_named_by_its_configuration_and_its_seed() -> None:
    replicates = of(sweep())
    assert isinstance(replicates, Replicates)
    first = replicates.seeds[0]
    assert replicates.in_words(3, 0) == f"configuration 3 with train.seed {first}"
    fresh = len(replicates.seeds)
    assert replicates.in_words(3, fresh).endswith(f" {max(replicates.seeds) + 1}")


def test_the_name_of_a_run_has_that_of_its_configuration() -> None:
    assert configuration_in(run_name(12, "8388e478")) == configuration_name(12)
    assert configuration_in("counted_8388e478") == ""
