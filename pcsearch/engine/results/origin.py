"""Where a search comes from: its plan, seed and versions, and how it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pcsearch.engine.experiment.experiment import stored_search
from pcsearch.engine.experiment.plan import Plan, plan_of
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import other_drivers
from pcsearch.engine.records.hardware import Hardware, read_hardware
from pcsearch.engine.storage.files import resume_command


@dataclass(frozen=True)
class Origin:
    """Where a search comes from, as its record says it.

    Args:
        name: of the experiment.
        plan: what it does; without configurations.
        seed: of random draws and of the searcher.
        versions: of pcsearch and of the libraries, by their names; empty where not recorded.
        resume: the command that resumes it.
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
    folder: str
    tracking: Mapping[str, object]
    address: str | None
    machines: Mapping[str, Hardware] = field(default_factory=dict)


def read_origin(directory: ExperimentDirectory) -> Origin:
    """Where the search of a directory comes from.

    Raises:
        PcsearchError: there is none, or its files are damaged.
    """
    search, record = stored_search(directory), directory.record()
    versions = record.get("versions")
    return Origin(
        directory.name,
        plan_of(search),
        search.options.seed,
        versions if isinstance(versions, dict) else {},
        resume_command(directory.place),
        record["folder"],
        record["tracking"],
        search.options.address,
        {
            name: machine
            for driver in (directory.path, *other_drivers(directory.path))
            for name, machine in read_hardware(driver).items()
        },
    )
