"""A collection of sweep files as people write them, and what is said of each in verdicts.yaml."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import oracle
import pytest
import yaml
from sweep_reading import read_sweep
from sweep_yaml import to_yaml

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.distributions.quantised import Quantised
from pcsearch.sweeps.keys import ONE_DRIVER, UNUSED
from pcsearch.sweeps.matching.differences import as_mapping
from pcsearch.sweeps.parameters import value_of
from pcsearch.sweeps.replicates import Replicates
from pcsearch.sweeps.sweep import METHODS, Sweep, parse_sweep

HERE = Path(__file__).parent
COLLECTION = HERE / "collection"
VERDICTS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "verdicts.yaml").read_text("utf-8"))
ACCEPTED = [name for name, verdict in VERDICTS.items() if "problems" not in verdict]
REFUSED = [name for name, verdict in VERDICTS.items() if "problems" in verdict]
# Their values are text to PyYAML alone, or it cannot read them at all.
UNREAD_BY_PYYAML = (
    "exponents_as_text.yaml",
    "sweep.json",
    "tabbed.json",
    "whole_bounds_as_floats.yaml",
)
# W&B refuses a range of one value.
SINGLE_RANGES = ("min_equals_max.yaml", "min_equals_max_in_a_grid.yaml")
# Their parameters can be compared with those that W&B makes of the same text.
COMPARABLE = [name for name in ACCEPTED if name not in (*UNREAD_BY_PYYAML, *SINGLE_RANGES)]
# See the table in test_oracle.py.
DIFFERENT_GRIDS = ("grid_of_decimals.yaml",)
# W&B lists a grid before it gives the first combination.
MOST_LISTED = 1_000_000
GRIDS = [
    name
    for name in COMPARABLE
    if 0 < VERDICTS[name].get("grid", 0) < MOST_LISTED and name not in DIFFERENT_GRIDS
]
COMPARED = 120


@pytest.fixture(autouse=True)
def in_the_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(COLLECTION)


def read_plainly(name: str) -> Any:
    """As PyYAML reads it, or what it says."""
    try:
        return yaml.safe_load(Path(name).read_text("utf-8-sig"))
    except yaml.YAMLError as error:
        return error


def test_every_file_has_a_verdict() -> None:
    assert sorted(path.name for path in COLLECTION.iterdir()) == sorted(VERDICTS)
    assert len(VERDICTS) >= 60


@pytest.mark.parametrize("name", ACCEPTED)
def test_file_is_accepted_with_its_notes(name: str) -> None:
    verdict = VERDICTS[name]
    sweep = read_sweep(name)
    assert len(sweep.parameters) == verdict["parameters"]
    assert list(sweep.notes) == [f"{name}:{note}" for note in verdict.get("notes", [])]
    assert ("grid" in verdict) == (sweep.method == "grid")
    if sweep.method == "grid":
        assert Grid(sweep).size == verdict["grid"]


@pytest.mark.parametrize("name", REFUSED)
def test_file_is_refused_with_every_problem_at_once(name: str) -> None:
    with pytest.raises(PcsearchError) as caught:
        read_sweep(name)
    assert str(caught.value).splitlines() == [
        f"{name}:{line}" for line in VERDICTS[name]["problems"]
    ]


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict_is_wandbs_unless_the_table_says_why_not(name: str) -> None:
    given = read_plainly(name)
    unread = isinstance(given, yaml.YAMLError) or not isinstance(given, dict)
    refused_there = unread or bool(oracle.violations(given))
    refused_here = name in REFUSED
    assert (refused_there != refused_here) == ("differs" in VERDICTS[name])


@pytest.mark.parametrize("name", ACCEPTED)
def test_printed_and_read_again_it_is_the_same_sweep(name: str) -> None:
    sweep = read_sweep(name)
    again = parse_sweep(to_yaml(sweep), name)
    assert again == sweep
    assert repr(as_mapping(again)) == repr(as_mapping(sweep))


@pytest.mark.parametrize("name", ACCEPTED)
def test_random_configurations_lie_in_the_support(name: str) -> None:
    sweep = read_sweep(name)
    draws = RandomDraws(sweep, seed=1, repeats=True)
    for config in map(draws.config, range(30)):
        for parameter in sweep.parameters.values():
            assert parameter.distribution.contains(value_of(config, parameter))


def plain_parameters(name: str) -> dict[str, Any]:
    """The parameters as W&B holds them: as JSON, in which a date is text."""
    given: dict[str, Any] = json.loads(json.dumps(read_plainly(name)["parameters"], default=str))
    if name == "named_categorical_with_probabilities.yaml":
        given["aug"]["distribution"] = "categorical_w_probabilities"
    return given


@pytest.mark.parametrize("name", COMPARABLE)
def test_quantiles_of_every_parameter_are_wandbs(name: str) -> None:
    given, sweep = plain_parameters(name), read_sweep(name)
    for u in (0.03131317, 0.27182818, 0.50001, 0.81818181, 0.97777777):
        theirs = oracle.quantiles(given, u)
        assert theirs.keys() == sweep.parameters.keys()
        for key, value in theirs.items():
            ours = sweep.parameters[key].distribution.ppf(u)
            assert ours == (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
            assert type(ours) is type(value)


@pytest.mark.parametrize("name", GRIDS)
def test_grid_is_wandbs_in_the_same_order(name: str) -> None:
    grid = Grid(read_sweep(name))
    ours = [grid.config(index) for index in range(min(grid.size, COMPARED))]
    assert ours == oracle.grid(plain_parameters(name), COMPARED)


def all_sweeps() -> list[Sweep]:
    return [read_sweep(name) for name in ACCEPTED]


def test_collection_covers_every_distribution_and_method() -> None:
    sweeps = all_sweeps()
    found = [each.distribution for sweep in sweeps for each in sweep.parameters.values()]
    assert {each.kind for each in found} == set(registry.KINDS)
    assert {type(each.q) for each in found if isinstance(each, Quantised)} == {int, float}
    assert {sweep.method for sweep in sweeps} == set(METHODS)
    assert {sweep.early_terminate is None for sweep in sweeps} == {True, False}
    assert any(len(sweep.metrics) == 2 for sweep in sweeps)
    assert any(len(parameter.path) > 3 for sweep in sweeps for parameter in sweep.by_path())


def test_collection_covers_every_key_without_effect() -> None:
    notes = "\n".join(note for name in ACCEPTED for note in VERDICTS[name].get("notes", []))
    assert all(f" {key}: " in notes for key in UNUSED if key != ONE_DRIVER)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_text_that_names_its_replicates_is_the_same_sweep(name: str) -> None:
    """W&B gets it, and reads the numbers in it as it would have."""
    sweep = read_sweep(COLLECTION / name)
    parameter = next(iter(sweep.parameters.values()))
    marked = Replicates(parameter, [1, 2]).marked(sweep)
    assert marked.replicates == parameter.name
    assert marked.text.count("!!") == sweep.text.count("!!")
    again = parse_sweep(marked.text, sweep.source)
    assert again == replace(marked, text=marked.text, places=again.places, notes=again.notes)
