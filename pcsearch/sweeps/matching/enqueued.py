"""Reads the configurations of a file that a search is to try first, whole ones or parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.membership import NoValue, own_value
from pcsearch.sweeps.messages import bare, shown, suggestion
from pcsearch.sweeps.numbers import numbers_if_meant, plain
from pcsearch.sweeps.parameters import Parameter, nested
from pcsearch.sweeps.reading.document import Document
from pcsearch.sweeps.reading.loader import ITEMS, load, load_list
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Sweep

CSV = ".csv"
_CELL = "value"
"""The key of the value of a cell where it is read as YAML."""


@dataclass(frozen=True)
class GivenValue:
    """What a file gives for a parameter.

    Args:
        readings: the values that it may mean; the first that the parameter has counts.
        where: its place.
        notes: what the user should know if the first reading counts.
        fault: why it is no YAML; empty where it is.
    """

    readings: Sequence[Any]
    where: str
    notes: Sequence[str] = ()
    fault: str = ""


@dataclass(frozen=True)
class Entry:
    """A configuration of a file, or a part of one.

    Args:
        given: by the dotted names of the parameters.
        where: its place.
    """

    given: Mapping[str, GivenValue]
    where: str


def read_configurations(
    file: Path,
    sweep: Sweep,
    numeric: Callable[[str], bool],
    whole: Callable[[str], bool],
    notes: list[str],
    without: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The configurations of a file: a list of mappings in YAML or JSON, or a table in CSV.

    A name may be dotted, or lead into nested parameters. An empty cell of a table gives no value.

    Args:
        file: the file.
        sweep: in whose space they must be.
        numeric: whether a parameter of a name is a number, as for the sweep file.
        whole: whether it is a whole number.
        notes: what the user should know of how values are read is appended, a line each.
        without: the names that no configuration may give a value, and why.

    Returns:
        The values of each as the sweep has them, without those of constants.

    Raises:
        PcsearchError: the file cannot be read, or values are not in the space: every one of them.
    """
    text, name = read_text(file), str(file)
    is_table = file.suffix.lower() == CSV
    problems: list[Problem] = []
    if is_table:
        entries = list(_of_table(text, name, problems))
    else:
        document = load_list(text, name)
        notes += document.notes
        entries = list(_of_list(document, sweep, problems))
    if not entries and not problems:
        problems.append(Problem("has no configuration; list at least one", name))
    refused = without or {}
    told: dict[str, str] = {}
    found = [_part(entry, sweep, refused, numeric, whole, problems, told) for entry in entries]
    if problems:
        raise PcsearchError(problems)
    notes += told.values()
    return found


def default_values(
    parameters: Iterable[Parameter], known: Mapping[str, Any], *, is_grid: bool
) -> tuple[dict[str, Any], list[str]]:
    """The configuration of the parameters' defaults.

    Args:
        parameters: those that are searched.
        known: by name, the defaults of what the trials run.
        is_grid: whether the values are those of a grid.

    Returns:
        The values of the parameters that have a default in their range: the file's, else that of
        what runs; and the names of the others.
    """
    chosen, without = [], []
    for parameter in parameters:
        default = parameter.default
        if default is NoValue:
            default = known.get(parameter.name, NoValue)
        value = NoValue
        if default is not NoValue:
            value = own_value(parameter.distribution, is_grid=is_grid)(default)
        if value is NoValue:
            without.append(parameter.name)
        else:
            chosen.append((parameter, value))
    return nested(chosen), without


def _part(
    entry: Entry,
    sweep: Sweep,
    refused: Mapping[str, str],
    numeric: Callable[[str], bool],
    whole: Callable[[str], bool],
    problems: list[Problem],
    told: dict[str, str],
) -> dict[str, Any]:
    """The values of an entry as the sweep has them.

    What is wrong is added to ``problems``, and each note once, with its first place, to ``told``.
    """
    chosen = []
    for name, given in entry.given.items():
        parameter = sweep.parameters.get(name)
        if parameter is None:
            unknown = f"the sweep has no such parameter{suggestion(name, sweep.parameters)}"
            message = refused.get(name, unknown)
            problems.append(Problem(message, given.where, bare(name)))
            continue
        first, *others = given.readings
        meant = numbers_if_meant([first], numeric(name), partial(whole, name))
        own = own_value(parameter.distribution, is_grid=sweep.method == "grid")
        values = [own(plain(each)) for each in (*meant, *others)]
        value = next((each for each in values if each is not NoValue), NoValue)
        if value is NoValue:
            outside = f"{shown(first)} is outside of: {parameter.distribution.describe()}"
            problems.append(Problem(given.fault or outside, given.where, bare(name)))
        elif not parameter.fixed:
            chosen.append((parameter, value))
        for note in given.notes if values[0] is not NoValue else ():
            told.setdefault(note, f"{given.where}: {note}")
    if not entry.given:
        problems.append(Problem("has no value; give at least one", entry.where))
    return nested(chosen)


def _of_list(document: Document, sweep: Sweep, problems: list[Problem]) -> Iterator[Entry]:
    for index, item in enumerate(document.value[ITEMS]):
        where = document.position((ITEMS, index))
        if not isinstance(item, dict):
            message = f"must be a mapping; write - {{NAME: VALUE}}, not {shown(item)}"
            problems.append(Problem(message, where))
            continue
        given: dict[str, GivenValue] = {}
        for path, value in _flat(item, sweep, ()):
            name, place = ".".join(map(str, path)), document.position((ITEMS, index, *path))
            if name in given:
                problems.append(Problem("given twice", place, bare(name)))
            given[name] = GivenValue((value,), place)
        yield Entry(given, where)


def _flat(
    item: Mapping[Any, Any], sweep: Sweep, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The values in a mapping by the keys that lead to them; a parameter's value may be one."""
    groups = {
        each.path[:end] for each in sweep.parameters.values() for end in range(len(each.path))
    }
    for key, value in item.items():
        inner = (*path, key)
        if isinstance(value, dict) and inner in groups and str(key) not in sweep.parameters:
            yield from _flat(value, sweep, inner)
        else:
            yield inner, value


def _of_table(text: str, name: str, problems: list[Problem]) -> Iterator[Entry]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        names = [each.strip() for each in header]
        for each in sorted({each for each in names if names.count(each) > 1 or not each}):
            message = f"the column {each!r} is there twice" if each else "a column has no name"
            problems.append(Problem(message, f"{name}:1"))
        for cells in reader:
            where = f"{name}:{reader.line_num}"
            if len(cells) > len(names):
                message = f"{len(cells)} cells under {len(names)} columns"
                problems.append(Problem(message, where))
            elif any(map(str.strip, cells)):
                filled = [pair for pair in zip(names, cells, strict=False) if pair[1].strip()]
                given = {name: _of_cell(name, cell.strip(), where) for name, cell in filled}
                yield Entry(given, where)
    except csv.Error as error:
        problems.append(Problem(f"is no table: {error}", f"{name}:{reader.line_num}"))


def _of_cell(name: str, cell: str, where: str) -> GivenValue:
    """What is in a cell: YAML, or text that YAML reads otherwise, for a table has no quotes."""
    try:
        document = load(f"{_CELL}: {cell}", "")
    except PcsearchError as error:
        fault = f"{shown(cell)} is not YAML: {error.problems[0].message}"
        return GivenValue((cell,), where, fault=fault)
    notes = [bare(name) + note.removeprefix(_CELL) for note in document.notes]
    return GivenValue((document.value[_CELL], cell), where, notes)
