"""Values of a Python program as a sweep file can have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike, fspath
from typing import Any

import yaml

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import bare, shown

PLAIN = (str, bool, int, float)


def place_of(directory: Any) -> str:
    """The path or the address of a search's directory, as a text.

    Raises:
        PcsearchError: it is neither.
    """
    if not isinstance(directory, str | PathLike):
        message = f"{kind_of(directory)} is no directory; give its path or its address"
        raise PcsearchError(Problem(message, "directory"))
    return str(fspath(directory)).removeprefix("file://")


def whole_number(value: Any, where: str) -> int:
    """A whole number of 1 or more, also one of numpy.

    Args:
        value: of a program.
        where: its name, for messages.

    Raises:
        PcsearchError: it is none.
    """
    value = _of_numpy(value)
    if type(value) is not int:
        raise PcsearchError(Problem(f"{shown(value)} is no whole number", where))
    if value < 1:
        raise PcsearchError(Problem(f"{value} is not at least 1", where))
    return value


def kind_of(value: Any) -> str:
    """The type of a value, in words: "an int"."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def as_text(mapping: Mapping[Any, Any]) -> str:
    """The text of a sweep file with these keys and values.

    Args:
        mapping: as W&B's client takes it; tuples, and arrays and numbers of numpy, are taken too.

    Raises:
        PcsearchError: every value that a sweep file cannot have.
    """
    # Text that spells a number is read as one, as in a file.
    return yaml.safe_dump(plain_mapping(mapping), sort_keys=False, allow_unicode=True)


def plain_mapping(mapping: Mapping[Any, Any], where: str = "") -> dict[Any, Any]:
    """A mapping of plain values.

    Args:
        mapping: of a program.
        where: the place of the problems.

    Raises:
        PcsearchError: every value that is not plain.
    """
    try:
        problems = list(_problems(mapping, where, ()))
    except RecursionError:
        problems = [Problem("a mapping or a list is in itself, or very deep", where)]
    if problems:
        raise PcsearchError(problems)
    return {key: _plain(value) for key, value in mapping.items()}


def _problems(value: Any, where: str, path: tuple[Any, ...]) -> Iterator[Problem]:
    value = _of_numpy(value)
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                message = f"the key {shown(key)} is no text"
                yield Problem(message, where, ".".join(map(bare, path)))
            yield from _problems(each, where, (*path, key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from _problems(each, where, (*path, index))
    elif not (value is None or isinstance(value, PLAIN)):
        kind = type(value).__name__
        message = f"a value of type {kind} cannot be in a sweep; give numbers, texts or lists"
        yield Problem(message, where, ".".join(map(bare, path)))


def _plain(value: Any) -> Any:
    value = _of_numpy(value)
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    kind = next((kind for kind in PLAIN if isinstance(value, kind)), None)
    if kind in (None, bool):
        return value
    # Of a class that has one of these as its base, such as an enumeration.
    return str.__str__(value) if kind is str else kind(value)


def _of_numpy(value: Any) -> Any:
    """The lists and numbers of Python in place of those of numpy."""
    return value.tolist() if type(value).__module__ == "numpy" else value
