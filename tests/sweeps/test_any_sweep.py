"""Generated sweep files: sound ones mean the same when printed, others never break anything."""

from __future__ import annotations

import itertools
import math
from typing import Any

import yaml
from distribution_examples import EXAMPLES, entry
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep_yaml import to_yaml

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import Grid, RandomDraws, configurations
from pcsearch.sweeps.matching.differences import as_mapping
from pcsearch.sweeps.parameter_entry import KEYS
from pcsearch.sweeps.parameters import value_of
from pcsearch.sweeps.sweep import parse_sweep

COMPLETE = """\
program: train.py
method: random
metric: {name: val_mse, goal: minimize, target: 0.1}
early_terminate: {type: hyperband, min_iter: 3}
run_cap: 20
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 1e-1}
  block: {parameters: {width: {values: [1, 2], probabilities: [0.5, 0.5]}}}
"""

WORDS = (
    "method metric parameters early_terminate run_cap name goal type min_iter eta hyperband grid",
    "random bayes value values parameters min max distribution q mu sigma uniform normal",
    "q_beta beta a b int_uniform probabilities custom scheduler engine optuna metrics target",
    "impute worst inv_log_uniform q_log_uniform log_normal q_normal q_log_normal log_uniform",
    "q_uniform log_uniform_values constant categorical x 1e-3 minimize program description <<",
)
words = st.sampled_from(" ".join(WORDS).split())
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words, st.text())
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.one_of(words, words, scalars), inner, max_size=5)
    ),
    max_leaves=20,
)
parameter_mappings = st.dictionaries(
    st.sampled_from([*KEYS]),
    values,
    max_size=4,
)
sweeps = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["grid", "random", "bayes", "custom"]),
        "parameters": st.dictionaries(words, st.one_of(parameter_mappings, values), max_size=4),
    },
    optional={
        "metric": st.one_of(st.just({"name": "a"}), values),
        "early_terminate": st.one_of(st.just({"type": "hyperband", "min_iter": 1}), values),
        "scheduler": st.one_of(st.just({"engine": "optuna"}), values),
        "run_cap": scalars,
        "name": scalars,
    },
)


def check_outcome(text: str) -> None:
    """Either a sweep that can be used, or problems of one line each."""
    try:
        sweep = parse_sweep(text, "f", numeric=lambda name: name == "x")
    except PcsearchError as error:
        lines = [str(problem) for problem in error.problems]
        sound = bool(lines) and all(line.isprintable() and len(line) < 2000 for line in lines)
    else:
        drawn = [(p.distribution, p.distribution.ppf(0.3)) for p in sweep.parameters.values()]
        sound = all(distribution.contains(value) for distribution, value in drawn)
        again = parse_sweep(to_yaml(sweep), "f", numeric=lambda name: name == "x")
        assert repr(as_mapping(again)) == repr(as_mapping(sweep))
        planned = configurations(sweep, 0)
        assert planned is None or planned.config(0).keys() <= {
            each.path[0] for each in sweep.by_path()
        }
    assert sound


@settings(max_examples=150, deadline=None)
@given(st.one_of(sweeps, values))
def test_any_yaml_value_gives_a_sweep_or_problems(value: Any) -> None:
    check_outcome(yaml.safe_dump(value, allow_unicode=True))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(words, st.sampled_from(list(" \n:-{}[],*&!'\"1.")), st.text(max_size=3))))
def test_any_text_gives_a_sweep_or_problems(pieces: list[str]) -> None:
    check_outcome("".join(pieces))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(COMPLETE)), st.integers(0, 20), st.text(max_size=4))
def test_any_edit_of_a_sound_file_gives_a_sweep_or_problems(
    start: int, length: int, inserted: str
) -> None:
    check_outcome(COMPLETE[:start] + inserted + COMPLETE[start + length :])


GRID_KINDS = ("constant", "categorical", "int_uniform", "q_uniform")
sound_names = st.sampled_from(["a", "b", "a-b", "lr.max", "größe", "1", "null"])


def sound_parameters(kinds: tuple[str, ...]) -> Any:
    entries = st.sampled_from(
        [entry(kind, arguments) for kind in kinds for arguments in EXAMPLES[kind]]
    )
    return st.recursive(
        st.dictionaries(sound_names, entries, min_size=1, max_size=4),
        lambda inner: st.dictionaries(
            sound_names,
            st.one_of(entries, inner.map(lambda each: {"parameters": each})),
            min_size=1,
            max_size=4,
        ),
        max_leaves=6,
    )


metrics = st.fixed_dictionaries(
    {"name": st.sampled_from(["loss", "val/acc", "1"])},
    optional={
        "goal": st.sampled_from(["minimize", "maximize"]),
        "target": st.one_of(st.integers(), st.floats(-1e9, 1e9)),
        "impute": st.sampled_from(["latest", "best", "worst"]),
        "impute_while_running": st.sampled_from(["latest", "best", "worst", "false"]),
    },
)
sound_sweeps = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["random", "bayes"]),
        "metric": metrics,
        "parameters": sound_parameters(tuple(EXAMPLES)),
    },
    optional={
        "run_cap": st.integers(1, 10**6),
        "name": st.sampled_from(["first", "2024-01-01", "null", "5", "a: b"]),
        "description": st.sampled_from(["", "two\nlines", "# none"]),
    },
)


@settings(max_examples=100, deadline=None)
@given(sound_sweeps)
def test_sound_sweep_is_the_same_when_printed_and_read_again(generated: dict[str, Any]) -> None:
    sweep = parse_sweep(yaml.safe_dump(generated, allow_unicode=True), "f")
    again = parse_sweep(to_yaml(sweep), "f")
    assert again == sweep
    assert repr(as_mapping(again)) == repr(as_mapping(sweep))


@settings(max_examples=100, deadline=None)
@given(sound_sweeps, st.integers(0, 2**32 - 1))
def test_drawn_configuration_lies_in_the_support(generated: dict[str, Any], seed: int) -> None:
    sweep = parse_sweep(yaml.safe_dump(generated), "f")
    config = RandomDraws(sweep, seed).config(0)
    for parameter in sweep.parameters.values():
        assert parameter.distribution.contains(value_of(config, parameter))


@settings(max_examples=100, deadline=None)
@given(sound_parameters(GRID_KINDS))
def test_grid_has_its_length_and_no_duplicates(generated: dict[str, Any]) -> None:
    sweep = parse_sweep(yaml.safe_dump({"method": "grid", "parameters": generated}), "f")
    grid = Grid(sweep)
    sizes = [parameter.distribution.grid_size() or 0 for parameter in sweep.by_path()]
    assert grid.size == math.prod(sizes)
    firsts = [repr(grid.config(index)) for index in itertools.islice(range(grid.size), 200)]
    assert len(set(firsts)) == len(firsts)
    for index in (0, grid.size // 2, grid.size - 1):
        config = grid.config(index)
        for parameter in sweep.by_path():
            assert parameter.distribution.contains(value_of(config, parameter))
