"""Where a search comes from: its plan, seed and versions, and how it goes on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from pcsearch.engine.experiment.experiment import samples_of_search, stored_search
from pcsearch.engine.experiment.plan import Plan, plan_of
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import other_drivers
from pcsearch.engine.records.hardware import Hardware, read_hardware
from pcsearch.engine.records.options import OF_ONE_SESSION, Options
from pcsearch.engine.storage.files import resume_command
from pcsearch.engine.storage.store import is_address
from pcsearch.engine.workloads.given_function import name_of, without_module

SWEEP = "sweep.yaml"
TIMES = ("grace", "trial_timeout")
"""The options that are times, in seconds."""
NOT_REPEATED = {
    *OF_ONE_SESSION,
    *("name", "storage_path", "program", "repeats", "language", "trainable", "overrides"),
}
"""The options that a new search has for itself, or that `repeat_command` writes by itself."""


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
    search, record = stored_search(directory), directory.record()
    options = replace(search.options, num_samples=samples_of_search(directory))
    versions = record.get("versions")
    return Origin(
        directory.name,
        plan_of(search),
        search.options.seed,
        versions if isinstance(versions, dict) else {},
        resume_command(place),
        repeat_command(options, place),
        record["folder"],
        record["tracking"],
        search.options.address,
        {
            name: machine
            for driver in (directory.path, *other_drivers(directory.path))
            for name, machine in read_hardware(driver).items()
        },
    )


def repeat_command(options: Options, place: str) -> str | None:
    """The command that starts a search with the same options anew.

    Args:
        options: of the search.
        place: the path or the address of its directory, whose sweep file it takes; of an address,
            the user has to fetch that file.

    Returns:
        None where trials call a function that no command can name.
    """
    # In a search that has begun, nothing stands for the PC transformer.
    trainable = name_of(options.trainable) or "pc"
    if without_module(trainable):
        return None
    file = SWEEP if is_address(place) else str(Path(place) / SWEEP)
    parts = ["python", "-m", "pcsearch", file, "--trainable", trainable]
    for name, value in options.overrides.items():
        parts += ["--set", f"{name}={json.dumps(value, ensure_ascii=False)}"]
    for each in fields(options):
        value = getattr(options, each.name)
        is_told = each.name == "seed" or value != each.default
        if is_told and each.name not in NOT_REPEATED:
            parts += _option(each.name, value)
    return shlex.join(parts)


def _option(name: str, value: object) -> list[str]:
    """An option of the command with its value."""
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        return [part for each in value for part in (flag, str(each))]
    if value is True:
        return [flag]
    return [flag, f"{value:.15g}s" if name in TIMES else str(value)]
