"""Where a search comes from: its plan, seed and versions, and how it goes on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from pcsearch.engine.experiment.experiment import samples_of_search, stored_search
from pcsearch.engine.experiment.plan import Plan, plan_of
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import other_drivers, search_directory
from pcsearch.engine.records.hardware import Hardware, read_hardware
from pcsearch.engine.records.journal.changes import Edited, Enqueued
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.options import OF_ONE_SESSION, Options
from pcsearch.engine.storage.files import resume_command
from pcsearch.engine.storage.store import is_address
from pcsearch.engine.workloads.given_function import name_of, without_module
from pcsearch.engine.workloads.programs.workload import NAME as PROGRAM

SWEEP = "sweep.yaml"
TIMES = ("grace", "trial_timeout")
"""The options that are times, in seconds."""
NOT_REPEATED = {
    *OF_ONE_SESSION,
    *("name", "storage_path", "program", "repeats", "language", "trainable", "overrides"),
}
"""The options that a new search has for itself, or that `repeat_command` writes by itself."""

OF_RUNS = {"project": "project", "entity": "entity", "artifacts": "wandb_artifacts"}
"""Settings of W&B in an experiment's record, and the options of the command that set them."""


@dataclass(frozen=True)
class Origin:
    """Where a search comes from, as its record says it.

    Args:
        name: of the experiment.
        plan: what it does; without configurations.
        seed: of random draws and of the searcher.
        versions: of pcsearch and of the libraries, by their names; empty where not recorded.
        resume: the command that resumes it.
        repeat: the command that starts such a search anew, in the same folder; None where trials
            call a function that no command can name.
        changed: how the search has had other configurations than its command gives, in words;
            empty where it has not.
        folder: in which it was started.
        tracking: the settings of W&B.
        address: of the Ray cluster; None where the search had a Ray of its own.
        machines: on which it ran, by their names, where that is recorded.
    """

    name: str
    plan: Plan
    seed: int
    versions: Mapping[str, str]
    resume: str
    repeat: str | None
    changed: str
    folder: str
    tracking: Mapping[str, object]
    address: str | None
    machines: Mapping[str, Hardware] = field(default_factory=dict)


def read_origin(directory: ExperimentDirectory, place: str | None = None) -> Origin:
    """Where the search of a directory comes from.

    Args:
        directory: of the search; its files are on this machine.
        place: its path or address, where the directory is a working copy.

    Raises:
        PcsearchError: there is none, or its files are damaged.
    """
    place = place or directory.place
    search = stored_search(directory).with_samples(samples_of_search(directory))
    record = directory.record()
    versions = record.get("versions")
    journal = Journal(search_directory(directory.path))
    is_edited = bool(journal.of_kind(Edited))
    # The folder of the start may well have a sweep.yaml, which is the file from before the edit.
    edited = f"{directory.name}.yaml"
    return Origin(
        directory.name,
        plan_of(search),
        search.options.seed,
        versions if isinstance(versions, dict) else {},
        resume_command(place),
        repeat_command(
            search.options, edited if is_edited else _sweep_file(place), record["tracking"]
        ),
        _changed(edited if is_edited else None, is_enqueued=bool(journal.of_kind(Enqueued))),
        record["folder"],
        record["tracking"],
        search.options.address,
        {
            name: machine
            for driver in (directory.path, *other_drivers(directory.path))
            for name, machine in read_hardware(driver).items()
        },
    )


def _sweep_file(place: str) -> str:
    """The path of a search's sweep file in a command; from an address the user has to fetch it."""
    return SWEEP if is_address(place) else str(Path(place) / SWEEP)


def _changed(edited: str | None, *, is_enqueued: bool) -> str:
    """What the command that repeats a search does not repeat: edits and enqueued configurations."""
    sentences = []
    if edited is not None:
        sentences.append(
            f"The search was edited: save the sweep file above as {edited}. Its trials from before "
            "are not repeated."
        )
    if is_enqueued:
        sentences.append("Enqueued configurations are not repeated.")
    return " ".join(sentences)


def repeat_command(options: Options, file: str, tracking: Mapping[str, object]) -> str | None:
    """The command that starts a search with the same options anew.

    Args:
        options: of the search.
        file: its sweep file.
        tracking: the settings of W&B.

    Returns:
        None where trials call a function that no command can name.
    """
    # In a search that has begun, nothing stands for the PC transformer.
    trainable = name_of(options.trainable) or "pc"
    if without_module(trainable):
        return None
    parts = ["python", "-m", "pcsearch", file, "--trainable", trainable]
    for name, value in options.overrides.items():
        parts += ["--set", f"{name}={json.dumps(value, ensure_ascii=False)}"]
    for each in fields(options):
        value = getattr(options, each.name)
        is_told = each.name == "seed" or value != each.default
        if is_told and each.name not in NOT_REPEATED:
            parts += _option(each.name, value)
    return shlex.join([*parts, *_options_of_tracking(tracking, trainable)])


def _options_of_tracking(tracking: Mapping[str, object], trainable: str) -> Iterator[str]:
    """The options that say where W&B runs go, and their values.

    Earlier versions took artifacts for programs, and made none.
    """
    mode = tracking.get("wandb", "auto")
    if mode != "auto":
        yield from _option("wandb", mode)
    for name, option in OF_RUNS.items():
        value = tracking.get(name)
        is_vain = name == "artifacts" and (value == "none" or trainable == PROGRAM)
        if mode != "disabled" and value is not None and not is_vain:
            yield from _option(option, value)


def _option(name: str, value: object) -> list[str]:
    """An option of the command with its value."""
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        return [part for each in value for part in (flag, str(each))]
    if value is True:
        return [flag]
    return [flag, f"{value:.15g}s" if name in TIMES else str(value)]
