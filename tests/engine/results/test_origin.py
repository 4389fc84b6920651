"""Where a search comes from, by its record."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from edited_searches import EditedSearch, edited_searches
from old_experiments import ended, write_experiment

from pcsearch.command_line.options import SECTIONS
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.options import Options
from pcsearch.engine.results.origin import read_origin, repeat_command

TRACKING = {"wandb": "offline", "project": "mine", "entity": "team", "artifacts": "best"}


def test_the_origin_of_a_search(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2]}}, [ended([0.5])])
    origin = read_origin(ExperimentDirectory(tmp_path / "here"))
    assert (origin.name, origin.seed, origin.folder) == ("here", 0, str(tmp_path))
    assert origin.plan.trials == origin.plan.grid_size == 2
    assert origin.resume == f"python -m pcsearch --resume {tmp_path / 'here'}"
    assert origin.repeat == (
        f"python -m pcsearch {tmp_path / 'here'}/sweep.yaml --trainable pc --num-samples 2 "
        "--seed 0 --wandb disabled"
    )
    kept = read_origin(ExperimentDirectory(tmp_path / "here"), "s3://bucket/here")
    assert kept.resume == "python -m pcsearch --resume s3://bucket/here"
    assert (kept.repeat or "").startswith("python -m pcsearch sweep.yaml --trainable")
    # The records of some versions do not have them.
    assert origin.versions == {}


def test_what_a_search_was_given_after_its_start_is_told(tmp_path: Path) -> None:
    with edited_searches(tmp_path):
        (tmp_path / "points.yaml").write_text("- {x: 2}\n")
        grid = {"method": "grid", "parameters": {"x": {"values": [1, 2]}}}
        search = EditedSearch(tmp_path, grid, enqueue="points.yaml")
        enqueued = "Enqueued configurations are not repeated."
        origin = read_origin(search.directory)
        assert origin.changed == enqueued
        assert (origin.repeat or "").startswith(f"python -m pcsearch {tmp_path}/here/sweep.yaml ")
        search.resume({"method": "grid", "parameters": {"x": {"values": [1, 2, 3]}}})
        origin = read_origin(search.directory)
        # The file in the directory is the first one.
        assert (origin.repeat or "").startswith("python -m pcsearch here.yaml --trainable")
        assert "--num-samples 3 " in (origin.repeat or "")
        assert origin.plan.trials == 3
        assert origin.changed.startswith(
            "The search was edited: save the sweep file above as here.yaml. "
        )
        assert origin.changed.endswith(enqueued)


def test_the_command_that_repeats_a_search_has_its_options() -> None:
    options = Options(
        num_samples=8,
        name="mine",
        storage_path="/results",
        address="auto",
        max_concurrent=1,
        cpus_per_trial=0.5,
        gpus_per_trial=0,
        seed=7,
        overrides={"epochs": 3, "kind": "it's", "sizes": [1, None]},
        sampler="gp",
        trainable="train.py:main",
        metrics_from="stdout",
        epoch_key="step",
        grace=5.0,
        checkpoint_every=2,
        compile="off",
        max_failures=0,
        trial_timeout=1800.0,
        no_report=True,
        warm_start=("old one", "older"),
        replicates="seed",
        no_racing=True,
        confirm=5,
    )
    command = repeat_command(options, "/results/my search/sweep.yaml", TRACKING)
    assert command is not None
    program, *arguments = shlex.split(command)[2:]
    assert (program, arguments.pop(0)) == ("pcsearch", "/results/my search/sweep.yaml")
    assert arguments == shlex.split(
        "--trainable train.py:main --set epochs=3 --set 'kind=\"it'\\''s\"' "
        "--set 'sizes=[1, null]' --num-samples 8 --max-concurrent 1 --cpus-per-trial 0.5 "
        "--gpus-per-trial 0 --seed 7 --sampler gp --metrics-from stdout --epoch-key step "
        "--grace 5s --checkpoint-every 2 --compile off --max-failures 0 --trial-timeout 1800s "
        "--warm-start 'old one' --warm-start older --replicates seed --no-racing --confirm 5 "
        "--wandb offline --project mine --entity team --wandb-artifacts best"
    )
    known = {name for options in SECTIONS.values() for option in options for name in option.opts}
    assert {each for each in arguments if each.startswith("--")} <= known


def test_a_program_is_repeated_without_artifacts() -> None:
    """An earlier version took the option, which had no effect."""
    command = repeat_command(Options(trainable="program", program="train.py"), "s.yaml", TRACKING)
    assert command is not None
    assert command.endswith("--wandb offline --project mine --entity team")


@pytest.mark.parametrize("name", ["__main__:train", "mine:make.<locals>.train"])
def test_no_command_repeats_a_function_that_has_no_name(name: str) -> None:
    assert repeat_command(Options(trainable=name), "/results/sweep.yaml", {}) is None
