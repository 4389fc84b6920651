"""The ``parameters`` of a sweep file, nested ones too, by W&B's rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.distributions.discrete import Constant
from pcsearch.sweeps.distributions.membership import NoValue
from pcsearch.sweeps.indentation import outdented, unknown_keys
from pcsearch.sweeps.messages import bare, listed
from pcsearch.sweeps.numbers import numbers_if_meant, plain
from pcsearch.sweeps.numbers_in_text import NumbersInText
from pcsearch.sweeps.parameter_entry import KEYS, NESTED, ParameterEntry
from pcsearch.sweeps.reading.document import Document, KeyPath


@dataclass(frozen=True)
class Parameter:
    """One parameter of a sweep.

    Args:
        path: the names that lead to it; more than one where it is nested.
        distribution: what its values are drawn from.
        where: its place in the user's input: ``sweep.yaml:12:3``, or ``--set NAME``.
        default: the value to try first where the user asks for it, `NoValue` for none.
    """

    path: tuple[str, ...]
    distribution: Distribution
    where: str = field(default="", compare=False)
    default: Any = field(default=NoValue, compare=False)

    @property
    def name(self) -> str:
        """The names of the path, joined by dots."""
        return ".".join(self.path)

    @property
    def fixed(self) -> bool:
        """Whether it is a constant, so that it is not searched."""
        return isinstance(self.distribution, Constant)


def nested(values: Iterable[tuple[Parameter, Any]]) -> dict[str, Any]:
    """A configuration: each value at its parameter's path, in the order of the pairs."""
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


def has_value(config: Mapping[str, Any], parameter: Parameter) -> bool:
    """Whether a configuration, which may be a part of one, has a value of a parameter."""
    *parents, last = parameter.path
    inner: Any = config
    for name in parents:
        inner = inner.get(name) if isinstance(inner, Mapping) else None
    return isinstance(inner, Mapping) and last in inner


def settings(
    config: Mapping[str, Any], parameters: Iterable[Parameter]
) -> list[tuple[Parameter, Any]]:
    """The values of a configuration, also of one that another version of the sweep file has given.

    Args:
        config: the configuration.
        parameters: those of the sweep; those that it has no value of are left out.

    Returns:
        First the values of the sweep's parameters, then its others, each as that of a constant.
    """
    own = [(each, value_of(config, each)) for each in parameters if has_value(config, each)]
    return [*own, *_others(config, (), {each.path for each, _ in own})]


def _others(
    values: Mapping[str, Any], path: tuple[str, ...], known: Collection[tuple[str, ...]]
) -> Iterable[tuple[Parameter, Any]]:
    for name, value in values.items():
        inner = (*path, name)
        if inner in known:
            continue
        if isinstance(value, Mapping) and value:
            yield from _others(value, inner, known)
        else:
            yield Parameter(inner, Constant(value)), value


@dataclass(frozen=True)
class ParameterParser:
    """Reads the parameters of a file.

    Args:
        document: the file.
        numeric: whether the model takes a number for a parameter; text such as ``1e-3`` is then
            read as the number that it spells.
        whole: whether the model takes a whole number for a parameter.
        problems: every problem is appended here.
        notes: what the user should know is appended here, a line each.
    """

    document: Document
    numeric: Callable[[str], bool]
    whole: Callable[[str], bool]
    problems: list[Problem]
    notes: list[str]
    _texts: NumbersInText = field(default_factory=NumbersInText)

    def parse(self, path: KeyPath) -> dict[str, Parameter]:
        """The valid parameters of the mapping at ``path``, by name."""
        parameters: dict[str, Parameter] = {}
        for parameter in self._mapping(path, ()):
            if parameter.name in parameters:
                first = parameters[parameter.name].where
                message = f"given twice; the first is at {first}" if first else "given twice"
                problem = Problem(message, parameter.where, f"{NESTED}.{parameter.name}")
                self.problems.append(problem)
            parameters[parameter.name] = parameter
        self.notes.extend(self._texts.notes())
        return parameters

    def _mapping(self, path: KeyPath, names: tuple[str, ...]) -> Iterable[Parameter]:
        entries = self.document.at(path)
        if not isinstance(entries, dict) or not entries:
            message = "must be a mapping of names, each with value, values, or min and max"
            self.problems.append(self.document.problem(path, message))
            return
        misplaced: list[Any] = []
        for name, entry in entries.items():
            if name in misplaced:
                continue
            if entry is None and (misplaced := outdented(entries, name, KEYS)):
                every = listed(map(bare, misplaced), "and")
                message = f"is empty; check the indentation of {every}, which follow"
                message += "s" if len(misplaced) == 1 else ""
                self.problems.append(self.document.problem((*path, name), message))
            elif not isinstance(name, str) or not name:
                message = "a parameter's name must be text; put it in quotes"
                self.problems.append(self.document.problem((*path, name), message))
            elif isinstance(entry, dict) and NESTED in entry:
                exclusive = f"{NESTED} and {{}} exclude each other; keep one"
                refused = {key: exclusive.format(key) for key in KEYS if key != NESTED}
                others = unknown_keys(self.document, (*path, name), KEYS, (NESTED,), refused)
                self.problems.extend(others)
                yield from self._mapping((*path, name, NESTED), (*names, name))
            else:
                yield from self._parameter((*path, name), (*names, name), entry)

    def _parameter(
        self, path: KeyPath, names: tuple[str, ...], content: Any
    ) -> Iterable[Parameter]:
        name = ".".join(names)
        entry = ParameterEntry(
            self.document,
            path,
            content,
            self.numeric(name),
            partial(self.whole, name),
            self.problems,
            self.notes,
            self._texts,
        )
        distribution = entry.distribution()
        if distribution is not None:
            default = entry.default(distribution)
            yield Parameter(names, distribution, self.document.position(path), default)

    def override(self, parameters: dict[str, Parameter], name: str, value: Any) -> None:
        """Fix a parameter to one value, or add one that the file does not have.

        Args:
            parameters: those of the file; changed in place.
            name: the parameter's; dots lead into nested parameters where the file has them.
            value: of any plain type.
        """
        where = f"--set {bare(name)}"
        path = parameters[name].path if name in parameters else _new_path(parameters, name)
        inside = [each.name for each in parameters.values() if each.path[: len(path)] == path]
        if inside and name not in parameters:
            message = f"it has parameters of its own; set {listed(map(bare, inside))}"
            self.problems.append(Problem(message, where))
            return
        (read,) = numbers_if_meant([value], self.numeric(name), partial(self.whole, name))
        parameters[name] = Parameter(path, Constant(plain(read)), where)


def _new_path(parameters: Mapping[str, Parameter], name: str) -> tuple[str, ...]:
    """The path for a new parameter: in the innermost group that its name begins with."""
    groups = {each.path[:end] for each in parameters.values() for end in range(1, len(each.path))}
    fitting = [group for group in groups if name.startswith(".".join(group) + ".")]
    group = max(fitting, key=lambda each: len(".".join(each)), default=())
    rest = name[len(".".join(group)) + 1 :] if group else name
    return (*group, rest) if rest else (name,)
