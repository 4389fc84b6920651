"""Reads the configurations of a file that a search is to try first, whole ones or parts."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.places import NoValue, own_value
from pcsearch.sweeps.messages import bare, shown, suggestion
from pcsearch.sweeps.numbers import numbers_if_meant, plain
from pcsearch.sweeps.parameters import Parameter, nested
from pcsearch.sweeps.reading.loader import ITEMS, load, load_list
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Sweep

CSV = ".csv"


@dataclass(frozen=True)
class Entry:
    """A configuration of a file, or a part of one.

    Args:
        values: the values by the dotted names of their parameters.
        places: of the values in the file, by the same names.
        where: its own place.
    """

    values: Mapping[str, Any]
    places: Mapping[str, str]
    where: str


def read_configurations(
    file: Path,
    sweep: Sweep,
    numeric: Callable[[str], bool],
    whole: Callable[[str], bool],
) -> list[dict[str, Any]]:
    """The configurations of a file: a list of mappings in YAML or JSON, or a table in CSV.

    A name may be dotted, or lead into nested parameters. An empty cell of a table gives no value.

    Args:
        file: the file.
        sweep: in whose space they must be.
        numeric: whether a parameter of a name is a number, as for the sweep file.
        whole: whether it is a whole number.

    Returns:
        The values of each as the sweep has them, without those of constants.

    Raises:
        PcsearchError: the file cannot be read, or values are not in the space: every one of them.
    """
    text, name = read_text(file), str(file)
    is_table = file.suffix.lower() == CSV
    problems: list[Problem] = []
    read = _of_table(text, name, problems) if is_table else _of_list(text, name, sweep, problems)
    entries = list(read)
    if not entries and not problems:
        problems.append(Problem("has no configuration; list at least one", name))
    found = [_part(entry, sweep, numeric, whole, problems) for entry in entries]
    if problems:
        raise PcsearchError(problems)
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
    numeric: Callable[[str], bool],
    whole: Callable[[str], bool],
    problems: list[Problem],
) -> dict[str, Any]:
    """The values of an entry as the sweep has them; what is wrong is added to the problems."""
    chosen = []
    for name, given in entry.values.items():
        where = entry.places[name]
        parameter = sweep.parameters.get(name)
        if parameter is None:
            hint = suggestion(name, sweep.parameters)
            problems.append(Problem(f"the sweep has no such parameter{hint}", where, bare(name)))
            continue
        read = numbers_if_meant([given], numeric(name), partial(whole, name))
        value = own_value(parameter.distribution, is_grid=sweep.method == "grid")(plain(read[0]))
        if value is NoValue:
            message = f"{shown(given)} is outside of: {parameter.distribution.describe()}"
            problems.append(Problem(message, where, bare(name)))
        elif not parameter.fixed:
            chosen.append((parameter, value))
    if not entry.values:
        problems.append(Problem("has no value; give at least one", entry.where))
    return nested(chosen)


def _of_list(text: str, name: str, sweep: Sweep, problems: list[Problem]) -> Iterator[Entry]:
    document = load_list(text, name)
    for index, item in enumerate(document.value[ITEMS]):
        where = document.position((ITEMS, index))
        if not isinstance(item, dict):
            message = f"must be a mapping; write - {{NAME: VALUE}}, not {shown(item)}"
            problems.append(Problem(message, where))
            continue
        found = dict(_flat(item, sweep, ()))
        names = {".".join(map(str, path)): path for path in found}
        places = {each: document.position((ITEMS, index, *path)) for each, path in names.items()}
        values = {each: found[path] for each, path in names.items()}
        yield Entry(values, places, where)


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
                values = dict(_cells(names, cells, where, problems))
                yield Entry(values, dict.fromkeys(values, where), where)
    except csv.Error as error:
        problems.append(Problem(f"is no table: {error}", f"{name}:{reader.line_num}"))


def _cells(
    names: list[str], cells: list[str], where: str, problems: list[Problem]
) -> Iterator[tuple[str, Any]]:
    """The values in the cells of a line that are not empty, each read as YAML."""
    for name, cell in zip(names, cells, strict=False):
        if not cell.strip():
            continue
        try:
            yield name, load(f"value: {cell.strip()}", where).value["value"]
        except PcsearchError as error:
            message = f"{shown(cell)} is not YAML: {error.problems[0].message}"
            problems.append(Problem(message, where, bare(name)))
