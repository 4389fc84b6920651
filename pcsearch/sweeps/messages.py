"""Parts of messages to the user: values, names and suggestions, each one printable line."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any

LONGEST_NAME = 60


class _Repr(reprlib.Repr):
    """Python's text of a value, but ``null``, ``true`` and ``false`` as in YAML."""

    def repr_NoneType(self, value: None, level: int) -> str:  # noqa: N802
        return "null"

    def repr_bool(self, value: bool, level: int) -> str:
        return str(value).lower()


_repr = _Repr()
_repr.maxstring = _repr.maxother = _repr.maxlong = 60
_repr.maxlevel = 3
_repr.maxlist = _repr.maxtuple = _repr.maxdict = 12


def shown(value: Any) -> str:
    """A value as in YAML, cut where it is long: ``true``, ``null``, ``'text'``."""
    text = _repr.repr(value)
    return text if text.isprintable() else ascii(text)[1:-1]


def bare(name: Any) -> str:
    """A key or a file's name without quotes; quoted and cut if it is long or unprintable."""
    if isinstance(name, str) and name.isprintable() and 0 < len(name) <= LONGEST_NAME:
        return name
    return shown(name)


def suggestion(name: Any, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` with the nearest known name, in any case; empty if none is near."""
    folded = {each.lower(): each for each in known}
    near = nearest(name.lower() if isinstance(name, str) else name, folded)
    return "" if near is None else f"; did you mean {folded[near]!r}?"


def nearest(name: Any, known: Iterable[str], least: float = 0.6) -> str | None:
    """The known name that is most like a name, None where none is near.

    Args:
        name: what the user wrote.
        known: the names that it may be.
        least: how much alike the two are at least, from 0 to 1.
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return None
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=least)
    return near[0] if near else None


def listed(names: Iterable[str], last: str = "or") -> str:
    """The names as in ``a, b or c``; empty where there are none."""
    *others, final = list(names) or [""]
    return f"{', '.join(others)} {last} {final}" if others else final
