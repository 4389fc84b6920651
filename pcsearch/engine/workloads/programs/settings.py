"""What all programs of a search have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ProgramTracking:
    """What the programs of a search are told by those who follow what they log.

    Args:
        variables: of all programs; ``{trial}`` in a value stands for the trial's id, ``{name}``
            for the name of its folder, ``{folder}`` for that folder, ``{directory}`` for the
            experiment's directory, ``{values}`` for the file with its values, ``{temporary}`` for a
            folder that goes with the program, and ``{configuration}`` for the name of its
            configuration, where seeds are replicates.
        hook: the folder that comes first on the programs' Python path, below pcsearch's own; empty
            for none.
        of_earlier_tries: patterns of the folders below the experiment's directory that are removed
            before a program starts anew, so that what it had logged is not there twice; they may
            have ``{trial}``, too.
        not_of_nodes: how the names of variables begin that programs do not take over from the
            processes of nodes, which may follow another run.
        logged: the largest number of a name that a trial's run has on this machine, by the folder
            of its files, the trial's id and the name; None where none is known.
        has_run: whether a program with these variables has begun a run, by the run's files.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    hook: str = ""
    of_earlier_tries: tuple[str, ...] = ()
    not_of_nodes: tuple[str, ...] = ()
    logged: Callable[[Path, str, str], float | None] | None = None
    has_run: Callable[[Mapping[str, str]], bool] | None = None
