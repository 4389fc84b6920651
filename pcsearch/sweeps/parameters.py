"""The ``parameters`` of a sweep file, nested ones too, by W&B's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.distributions.discrete import Constant
from pcsearch.sweeps.entries import KEYS, NESTED, Entry, number_if_meant
from pcsearch.sweeps.keys import check_keys
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.wording import bare, listed


@dataclass(frozen=True)
class Parameter:
    """One parameter of a sweep.

    Args:
        path: the names that lead to it; more than one where it is nested.
        distribution: what its values are drawn from.
        where: where the user gave it: ``sweep.yaml:12:3``, or ``--set NAME``.
    """

    path: tuple[str, ...]
    distribution: Distribution
    where: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The path with dots in between."""
        return ".".join(self.path)

    @property
    def fixed(self) -> bool:
        """Whether it is a constant: not searched."""
        return isinstance(self.distribution, Constant)


def nested(values: Iterable[tuple[Parameter, Any]]) -> dict[str, Any]:
    """A configuration: every parameter's value at its path, in the order given."""
    config: dict[str, Any] = {}
    for parameter, value in values:
        *parents, last = parameter.path
        inner = config
        for name in parents:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return config


def value_of(config: Mapping[str, Any], parameter: Parameter) -> Any:
    """The value of a parameter in a configuration, None where it has none."""
    inner: Any = config
    for name in parameter.path:
        if not isinstance(inner, Mapping):
            return None
        inner = inner.get(name)
    return inner


@dataclass(frozen=True)
class ParameterParser:
    """Reads the parameters of a file.

    Args:
        document: the file.
        numeric: whether the model takes a number for a parameter; text such as ``1e-3`` is then
            read as the number that it spells.
        problems: where what is wrong is appended.
        notes: where what the user should know is appended, a line each.
    """

    document: Document
    numeric: Callable[[str], bool]
    problems: list[Problem]
    notes: list[str]

    def parse(self, path: KeyPath) -> dict[str, Parameter]:
        """The parameters of the mapping at ``path``, by name, without those that have problems."""
        parameters: dict[str, Parameter] = {}
        for parameter in self._mapping(path, (), self._value_at(path)):
            if parameter.name in parameters:
                message = f"given twice; the first is at {parameters[parameter.name].where}"
                problem = Problem(message, parameter.where, f"{NESTED}.{parameter.name}")
                self.problems.append(problem)
            parameters[parameter.name] = parameter
        return parameters

    def _value_at(self, path: KeyPath) -> Any:
        value: Any = self.document.value
        for key in path:
            value = value[key]
        return value

    def _mapping(self, path: KeyPath, names: tuple[str, ...], given: Any) -> Iterable[Parameter]:
        if not isinstance(given, dict) or not given:
            message = "must be a mapping of names, each with value, values, or min and max"
            self.problems.append(self.document.problem(path, message))
            return
        for name, entry in given.items():
            if not isinstance(name, str) or not name:
                message = "a parameter's name must be text; put it in quotes"
                self.problems.append(self.document.problem((*path, name), message))
            elif isinstance(entry, dict) and NESTED in entry:
                exclusive = f"{NESTED} and {{}} exclude each other; keep one"
                refused = {key: exclusive.format(key) for key in KEYS if key != NESTED}
                others = check_keys(self.document, (*path, name), entry, (NESTED,), refused)
                self.problems.extend(others)
                yield from self._mapping((*path, name, NESTED), (*names, name), entry[NESTED])
            else:
                yield from self._parameter((*path, name), (*names, name), entry)

    def _parameter(self, path: KeyPath, names: tuple[str, ...], given: Any) -> Iterable[Parameter]:
        numeric = self.numeric(".".join(names))
        entry = Entry(self.document, path, given, numeric, self.problems, self.notes)
        distribution = entry.distribution()
        if distribution is not None:
            yield Parameter(names, distribution, self.document.position(path))


def override(
    parameters: dict[str, Parameter],
    name: str,
    value: Any,
    *,
    numeric: Callable[[str], bool],
    problems: list[Problem],
) -> None:
    """Fix a parameter to one value, or add one that the file does not have.

    Args:
        parameters: of the file; changed in place.
        name: of the parameter; dots lead into nested parameters where the file has them.
        value: of any plain type.
        numeric: as in `ParameterParser`.
        problems: where what is wrong is appended.
    """
    where = f"--set {bare(name)}"
    path = parameters[name].path if name in parameters else _new_path(parameters, name)
    inside = [each.name for each in parameters.values() if each.path[: len(path)] == path]
    if inside and name not in parameters:
        message = f"it has parameters of its own; set {listed(map(bare, inside))}"
        problems.append(Problem(message, where))
        return
    distribution = Constant(number_if_meant(value, numeric(name)))
    parameters[name] = Parameter(path, distribution, where)


def _new_path(parameters: Mapping[str, Parameter], name: str) -> tuple[str, ...]:
    """Where a parameter that the file does not have is put: in the innermost group it names."""
    groups = {each.path[:end] for each in parameters.values() for end in range(1, len(each.path))}
    fitting = [group for group in groups if name.startswith(".".join(group) + ".")]
    group = max(fitting, key=lambda each: len(".".join(each)), default=())
    rest = name[len(".".join(group)) + 1 :] if group else name
    return (*group, rest) if rest else (name,)
