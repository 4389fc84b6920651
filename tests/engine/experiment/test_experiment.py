from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from modules import user_module
from searching import write_sweep

from pcsearch.engine.experiment.definition import space_size
from pcsearch.engine.experiment.experiment import new_experiment, stored_search
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.options import Options
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.errors import PcsearchError

SEEDS = {"seed": {"values": [1, 2, 3]}}


def test_preparing_writes_nothing(tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", SEEDS)
    experiment = new_experiment(sweep, Options(storage_path=tmp_path / "results", name="here"))
    assert experiment.directory.path == tmp_path / "results" / "here"
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


@pytest.mark.parametrize(
    ("name", "stem"), [(None, "my-sweep"), ("a b/c: d", "a-b-c-d"), ("..", "search")]
)
def test_an_experiment_is_named_after_the_sweep_and_the_time(
    name: str | None, stem: str, tmp_path: Path
) -> None:
    top = {} if name is None else {"name": name}
    sweep = write_sweep(tmp_path / "my sweep.yaml", SEEDS, **top)
    found = new_experiment(sweep, Options(storage_path=tmp_path)).directory.name
    assert re.fullmatch(rf"{re.escape(stem)}_\d{{4}}-\d\d-\d\d_\d\d-\d\d-\d\d", found)


def test_a_relative_storage_path_starts_where_the_command_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_sweep(Path("s.yaml"), SEEDS)
    experiment = new_experiment(Path("s.yaml"), Options(name="here"))
    assert experiment.directory.path == tmp_path / "pcsearch_results" / "here"
    assert experiment.folder == tmp_path


@pytest.mark.parametrize(
    ("options", "configs"),
    [
        ({}, ["{'a': 1.0, 'b': 2}", "{'a': 1.0, 'b': 3}", "{'a': True, 'b': 2}"]),
        ({"language": 2}, ["{'a': 1, 'b': 2.0}", "{'a': 1, 'b': 3.0}", "{'a': 1.0, 'b': 2.0}"]),
    ],
)
def test_the_file_of_an_earlier_version_means_what_it_meant(
    options: dict[str, Any], configs: list[str], tmp_path: Path
) -> None:
    """The records of these versions do not have the option."""
    parameters = {
        "a": {"values": [1, 1.0, True]},
        "b": {"distribution": "q_uniform", "min": 2, "max": 4},
    }
    file = write_sweep(tmp_path / "s.yaml", parameters, method="grid")
    directory = ExperimentDirectory(tmp_path / "here")
    kept = {"num_samples": 3, "trainable": "earlier_mine:main", **options}
    record = {"options": kept, "folder": str(tmp_path), "tracking": {"wandb": "disabled"}}
    directory.create(file.read_text(), record)
    with user_module(tmp_path, "earlier_mine", "def main(config): yield {'loss': 1}\n"):
        experiment, _ = resumed_experiment(directory, {})
    searcher = make_searcher(experiment.sweep, 3, seed=0)
    suggested = [searcher.suggest(f"t{number}") for number in range(3)]
    assert [repr({key: config[key] for key in "ab"}) for config in suggested] == configs
    stored = stored_search(directory)
    assert stored.sweep == experiment.sweep
    assert space_size(stored.sweep, stored.options) == (6 if options else 4)


def test_results_are_read_with_the_values_that_the_trials_had(tmp_path: Path) -> None:
    parameters = {
        "epochs": {"values": ["1e1", "2e1"]},
        "batch_size": {"distribution": "q_uniform", "min": 2, "max": 4},
    }
    file = write_sweep(tmp_path / "s.yaml", parameters)
    options = Options(storage_path=tmp_path, name="here", num_samples=2, overrides={"seed": "1e1"})
    experiment = new_experiment(file, options)
    kept = asdict(options)
    del kept["storage_path"], kept["name"]
    record = {"options": kept, "folder": str(tmp_path), "tracking": {"wandb": "auto"}}
    experiment.directory.create(experiment.sweep.text, record)
    stored = stored_search(ExperimentDirectory(tmp_path / "here")).sweep
    assert stored == experiment.sweep
    assert repr(stored.parameters["epochs"].distribution.spec()) == "{'values': [10, 20]}"


def test_an_experiment_that_is_there_already_is_told_before_anything_starts(
    tmp_path: Path,
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "experiment.json").touch()
    with pytest.raises(PcsearchError, match="is there already; resume it"):
        new_experiment(
            write_sweep(tmp_path / "s.yaml", SEEDS), Options(storage_path=tmp_path, name="here")
        )


def test_what_the_language_and_the_model_say_comes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "method: grid\nmetric: {name: best_val_msee}\nparameters:\n"
        "  peak_lr_hiden: {value: 0.1}\n  hidden_size: {min: 9, max: 1}\n  epochs: {value: 0}\n"
    )
    with pytest.raises(PcsearchError) as caught:
        new_experiment(file, Options(storage_path=tmp_path))
    first, second, third = (problem.key for problem in caught.value.problems)
    keys = ["parameters.peak_lr_hiden", "parameters.hidden_size", "parameters.epochs"]
    assert [first, second, third] == keys

    file.write_text(file.read_text().replace("min: 9, max: 1", "value: 8"))
    with pytest.raises(PcsearchError) as caught:
        new_experiment(file, Options(storage_path=tmp_path))
    keys = ["parameters.peak_lr_hiden", "parameters.epochs", "metric"]
    assert [problem.key for problem in caught.value.problems] == keys
