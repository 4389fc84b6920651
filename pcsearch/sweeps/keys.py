"""The keys at the top level of a sweep file: the known, the unused, the missing, the mistyped."""

from __future__ import annotations

from pcsearch.errors import Problem
from pcsearch.sweeps.indentation import is_entry
from pcsearch.sweeps.messages import bare, nearest, suggestion
from pcsearch.sweeps.parameter_entry import KEYS as ENTRY_KEYS
from pcsearch.sweeps.reading.document import Document

REQUIRED = ("method", "parameters")
TEXTS = ("name", "description", "project", "entity")
OPTIONAL = ("metric", "metrics", "early_terminate", "run_cap", "replicates", "scheduler", *TEXTS)
OF_PROGRAMS = ("program", "command")
"""The keys that say what a trial runs, where that is a program."""
ONE_DRIVER = "one_driver"
"""The key by which the text of a sweep at W&B says that no other driver can join its search."""
UNUSED = {
    "job": "pcsearch runs its own trainable",
    "image_uri": "pcsearch runs its own trainable",
    "launch": "pcsearch starts the trials",
    "controller": "pcsearch is the controller",
    "apiVersion": "it does not change the search",
    "kind": "it does not change the search",
    ONE_DRIVER: "it is for those who would join a search that W&B has",
}
"""The keys for W&B's agents, Launch, controllers and drivers that join, each with the reason why it
has no effect."""

SINGLE_RUN = "pcsearch.train"
"""The ``program`` of a file for W&B's agent that trains what pcsearch's own trials train."""

KEYS = (*REQUIRED, *OPTIONAL, *OF_PROGRAMS, *UNUSED)
MISTYPED = 0.8
"""How near a key is to a known one that was surely meant; 1 is the same."""


def mistyped_keys(document: Document) -> dict[str, Problem]:
    """The problems of optional keys that are mistyped, by the key that was meant.

    W&B only warns of a key that it does not know, and runs the sweep without. Here a search would
    run without its early termination or its bound for one wrong letter, so such a key is an error.
    Any other unknown key is a note, because real files carry some. A key that looks like one
    that the file has as well was not meant to be it.
    """
    problems: dict[str, Problem] = {}
    for key in document.value:
        meant = None if key in KEYS else nearest(key, OPTIONAL, MISTYPED)
        if meant is not None and meant not in document.value:
            problems[meant] = document.problem((key,), f"unknown key; did you mean {meant!r}?")
    return problems


def missing_key(document: Document, key: str, todo: str) -> Problem:
    """The problem that a key is missing, or that it is misspelt if a key like it is there."""
    for other in document.value:
        if other not in KEYS and nearest(other, KEYS) == key:
            return document.problem((other,), f"unknown key; did you mean {key!r}?")
    return document.problem((), f"{key} is missing; {todo}")


def parameters_at_the_top(document: Document) -> list[str]:
    """The unknown keys of the file's top level that look like parameters."""
    top = document.value.items()
    return [key for key, value in top if key not in KEYS and is_entry(value, ENTRY_KEYS)]


def unused_keys(document: Document) -> list[str]:
    """A line for every key of the file's top level that has no effect."""
    notes = []
    outside = parameters_at_the_top(document)
    for key, value in document.value.items():
        if key in UNUSED:
            message = _not_used(key, value, UNUSED[key])
        elif key not in KEYS:
            hint = suggestion(key, KEYS)
            if key == "count":
                hint = "; to bound the number of trials write run_cap"
            elif key in outside:
                hint = "; if it is a parameter, check the indentation: under parameters?"
            message = f"unknown key, not used{hint}"
        else:
            continue
        notes.append(str(Problem(message, document.position((key,)), bare(key))))
    return notes


def unused_program(document: Document) -> list[str]:
    """A line for the program and for the command of a file whose trials do not run them."""
    if document.value.get("program") == SINGLE_RUN:
        return []
    given = [key for key in OF_PROGRAMS if key in document.value]
    return [
        str(
            document.problem(
                (key,), _not_used(key, document.value[key], "pcsearch runs its own trainable")
            )
        )
        for key in given
    ]


def _not_used(key: str, value: object, reason: str) -> str:
    is_name = isinstance(value, str) and value.isprintable() and value
    subject = f"{value} is " if is_name and key in ("program", "job", "image_uri") else ""
    return f"{subject}not used: {reason}"
