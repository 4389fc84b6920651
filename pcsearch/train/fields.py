"""Reads the model's parameters from a command line, as a person or an agent of W&B writes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import NUMERIC_FIELDS, PRESET_KEY, WHOLE_FIELDS, ModelConfig
from pcsearch.pc.config_values import unknown_field
from pcsearch.sweeps.numbers import as_whole_number


def parse_fields(arguments: Sequence[str]) -> dict[str, Any]:
    """The values of ``--name value`` and ``--name=value`` pairs, by the names of the fields.

    A value is read as YAML, or as Python writes it, which is what an agent of W&B passes on:
    ``--use_noise=True``, ``--epochs=3.0``, ``--linear_probe_h_lr=None``. A nested parameter stands
    for the fields that are in it: ``--training={'epochs': 3, 'batch_size': 100}``.

    Raises:
        PcsearchError: everything that is no option, no field, or given twice by nesting.
    """
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    nested_names: set[str] = set()
    remaining = list(arguments)
    while remaining:
        option, separator, text = remaining.pop(0).partition("=")
        if not option.startswith("--"):
            problems.append(Problem(f"{option!r} is not an option; write --FIELD VALUE"))
            continue
        name = option.removeprefix("--").replace("-", "_")
        if not separator and remaining and (_is_field(name) or not remaining[0].startswith("--")):
            separator, text = "=", remaining.pop(0)
        if _is_field(name):
            if name in nested_names:
                problems.append(Problem("is given twice", option))
            elif separator:
                values[name] = _value(name, text)
            else:
                problems.append(Problem("a value is missing", option))
            continue
        nested = _literal(text)
        if not isinstance(nested, Mapping):
            problems.append(Problem(unknown_field(name), option))
            continue
        for where, key, value in _leaves(nested, option):
            if not _is_field(key):
                problems.append(Problem(unknown_field(key), where))
            elif key in values:
                problems.append(Problem("is given twice", where))
            else:
                values[key] = value
                nested_names.add(key)
    if problems:
        raise PcsearchError(problems)
    return {name: _of_its_type(name, value) for name, value in values.items()}


def _is_field(name: str) -> bool:
    return name in ModelConfig.model_fields or name == PRESET_KEY


def _leaves(nested: Mapping[Any, Any], where: str) -> Iterator[tuple[str, str, Any]]:
    """The place, the name and the value of each field in a nested parameter."""
    for key, value in nested.items():
        place = f"{where}.{key}"
        if isinstance(value, Mapping) and not _is_field(str(key)):
            yield from _leaves(value, place)
        else:
            yield place, str(key), value


def _value(name: str, text: str) -> Any:
    annotation = ModelConfig.model_fields[name].annotation if name != PRESET_KEY else str
    if annotation is str:
        return text
    value = _literal(text)
    if name not in NUMERIC_FIELDS or not isinstance(value, str):
        return value
    try:
        # YAML 1.1 has no exponent without a point: 1e-3 is a string there.
        return float(value)
    except ValueError:
        return text


def _of_its_type(name: str, value: Any) -> Any:
    """The value; a whole number where the field is one, for W&B draws floats such as 22.0."""
    number = as_whole_number(value) if name in WHOLE_FIELDS and type(value) is float else None
    return value if number is None else number


def _literal(text: str) -> Any:
    """A value in Python's or in YAML's form; the text itself where it has neither."""
    for read in (ast.literal_eval, yaml.safe_load):
        try:
            return read(text)
        # literal_eval raises errors of several types.
        except Exception:  # noqa: S112 - the text is tried in another form
            continue
    return text
