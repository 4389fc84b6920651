"""Parameters that stand at a wrong level of a sweep file, because their indentation is wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import bare, listed, nearest
from pcsearch.sweeps.reading.document import Document, KeyPath

MAY_BE_MAPPINGS = ("value", "parameters")
"""The keys of an entry whose values may be mappings."""


def is_entry(value: Any, keys: Collection[str]) -> bool:
    """Whether a value looks like the entry of a parameter: it has a key of one.

    A nested parameter may have the name of such a key, as ``a`` of a beta distribution.

    Args:
        value: any.
        keys: the keys of an entry.
    """
    return isinstance(value, dict) and any(
        key in keys and (key in MAY_BE_MAPPINGS or not isinstance(each, dict))
        for key, each in value.items()
    )


def strays(entry: Mapping[Any, Any], keys: Collection[str]) -> list[str]:
    """The keys of an entry that are parameters, which should stand beside it.

    A parameter may have the name of such a key, as ``sigma``: then its value tells it.

    Args:
        entry: of a parameter.
        keys: those that an entry has; without any of them, the others are nested parameters.
    """
    if not is_entry(entry, keys):
        return []
    return [
        key
        for key, value in entry.items()
        if isinstance(key, str)
        and key not in MAY_BE_MAPPINGS
        and (is_entry(value, keys) or (value is None and nearest(key, keys) is None))
    ]


def unknown_keys(
    document: Document,
    path: KeyPath,
    keys: Collection[str],
    known: Collection[str] | None = None,
    refused: Mapping[str, str] | None = None,
) -> list[Problem]:
    """The problems of an entry's keys; those that look like parameters are one problem.

    Args:
        document: the file.
        path: of the entry, which ends with the name of its parameter.
        keys: those that an entry has.
        known: the keys that this one may have; None for all.
        refused: by key, the message for another key of an entry.
    """
    stray = strays(document.at(path), keys)
    known = keys if known is None else known
    problems = document.unknown_keys(path, known, refused, besides=set(stray))
    if stray:
        message = inside_message(stray, path[-1])
        problems.append(document.problem(path, message, at=(stray[0],)))
    return problems


def inside_message(names: Collection[str], name: Any) -> str:
    """The message on parameters inside the entry of another one, of this name."""
    verb = "is" if len(names) == 1 else "are"
    every = listed(map(bare, names), "and")
    return f"{every} {verb} inside the parameter {bare(name)}; check the indentation"


def outdented(entries: Mapping[Any, Any], name: Any, keys: Collection[str]) -> list[Any]:
    """The keys of an empty entry that stand beside it: those that follow it.

    Args:
        entries: the parameters.
        name: of the empty one.
        keys: those that an entry has.
    """
    names = list(entries)
    found = []
    for each in names[names.index(name) + 1 :]:
        if each not in keys or isinstance(entries[each], dict):
            break
        found.append(each)
    return found
