"""YAML's composed nodes as plain values: what `pcsearch.sweeps.positions` is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import yaml

from pcsearch.sweeps.wording import bare, shown

MAX_NODES = 1_000_000
MAX_DEPTH = 100
# Reading a number takes time quadratic in its length.
MAX_NUMBER_LENGTH = 1000
TOO_LARGE = f"more than {MAX_NODES:,} values, counting what aliases repeat"
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

TAG = "tag:yaml.org,2002:"
MERGE = TAG + "merge"

_constructor = yaml.constructor.SafeConstructor()
SCALARS: dict[str, Callable[[Any], Any]] = {
    TAG + "null": lambda _: None,
    TAG + "bool": _constructor.construct_yaml_bool,
    TAG + "int": _constructor.construct_yaml_int,
    TAG + "float": _constructor.construct_yaml_float,
    TAG + "str": lambda node: node.value,
    # A date has no meaning as a parameter's value; its text has.
    TAG + "timestamp": lambda node: node.value,
    TAG + "value": lambda node: node.value,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a text: line and column, both from 1."""

    line: int
    column: int

    @staticmethod
    def of(mark: Any) -> Mark:
        """From PyYAML's mark, which counts from 0."""
        return Mark(mark.line + 1, mark.column + 1)


@dataclass(frozen=True)
class Finding:
    """Something wrong with the value at a path."""

    message: str
    mark: Mark
    path: tuple[Any, ...]


class FatalFinding(Exception):  # noqa: N818 - not an error of the program
    """A finding that leaves no value to go on with."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding


@dataclass(frozen=True, slots=True)
class Tree:
    """A value and where it and its parts stand.

    Args:
        value: the plain value.
        mark: where it begins.
        size: how many nodes it has, each as often as it occurs.
        depth: how many levels.
        children: by key or index, the place of the key or item and its tree.
    """

    value: Any
    mark: Mark
    size: int = 1
    depth: int = 0
    children: Mapping[Any, tuple[Mark, Tree]] = field(default_factory=lambda: NO_CHILDREN)


NO_CHILDREN: Mapping[Any, tuple[Mark, Tree]] = MappingProxyType({})


def dotted(path: tuple[Any, ...]) -> str:
    """``parameters.batch_size``; items of lists by their index, from 0."""
    return ".".join(bare(part) for part in path)


@dataclass
class Builder:
    """Builds trees from composed nodes.

    Args:
        findings: of values that could not be built; None stands in their place.
        duplicates: of keys given twice; the first stays.
    """

    findings: list[Finding] = field(default_factory=list)
    duplicates: list[Finding] = field(default_factory=list)
    _built: dict[int, Tree] = field(default_factory=dict)
    _open: set[int] = field(default_factory=set)

    def build(self, node: yaml.Node, path: tuple[Any, ...] = ()) -> Tree:
        """The tree of a node; of one that aliases repeat, the same each time.

        Raises:
            FatalFinding: it is too large, too deep or contains itself.
        """
        if id(node) in self._built:
            return self._built[id(node)]
        mark = Mark.of(node.start_mark)
        if id(node) in self._open:
            raise FatalFinding(Finding("an alias stands inside what it repeats", mark, path))
        self._open.add(id(node))
        tree = self._tree(node, mark, path)
        self._open.remove(id(node))
        if tree.size > MAX_NODES or tree.depth > MAX_DEPTH:
            message = TOO_LARGE if tree.size > MAX_NODES else TOO_DEEP
            raise FatalFinding(Finding(message, mark, path))
        self._built[id(node)] = tree
        return tree

    def _tree(self, node: yaml.Node, mark: Mark, path: tuple[Any, ...]) -> Tree:
        if isinstance(node, yaml.ScalarNode) and node.tag in SCALARS:
            return Tree(self._scalar(node, mark, path), mark)
        if isinstance(node, yaml.SequenceNode) and node.tag == TAG + "seq":
            return self._sequence(node, mark, path)
        if isinstance(node, yaml.MappingNode) and node.tag == TAG + "map":
            return self._mapping(node, mark, path)
        tag = bare(node.tag.replace(TAG, "!!", 1))
        message = f"tag {tag} is not supported; only plain values are"
        if node.tag == MERGE:
            message = "<< merges mappings only as a key; quote it to mean the text"
        self.findings.append(Finding(message, mark, path))
        return Tree(None, mark)

    def _scalar(self, node: yaml.ScalarNode, mark: Mark, path: tuple[Any, ...]) -> Any:
        kind = node.tag.removeprefix(TAG)
        message = f"{shown(node.value)} cannot be read as {kind}"
        if kind not in ("int", "float") or len(node.value) <= MAX_NUMBER_LENGTH:
            try:
                return SCALARS[node.tag](node)
            except (ValueError, LookupError, OverflowError):
                pass
        self.findings.append(Finding(message, mark, path))
        return None

    def _sequence(self, node: yaml.SequenceNode, mark: Mark, path: tuple[Any, ...]) -> Tree:
        trees = [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        marks = [Mark.of(item.start_mark) for item in node.value]
        return Tree(
            [tree.value for tree in trees],
            mark,
            1 + sum(tree.size for tree in trees),
            1 + max((tree.depth for tree in trees), default=0),
            dict(enumerate(zip(marks, trees, strict=True))),
        )

    def _mapping(self, node: yaml.MappingNode, mark: Mark, path: tuple[Any, ...]) -> Tree:
        merged: dict[Any, tuple[Mark, Tree]] = {}
        own: dict[Any, tuple[Mark, Tree]] = {}
        merges: list[Mark] = []
        size, depth = 1, 0
        for key_node, value_node in node.value:
            key_mark = Mark.of(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                kind = "list" if isinstance(key_node, yaml.SequenceNode) else "mapping"
                message = f"a key must be a plain value, not a {kind}"
                self.findings.append(Finding(message, key_mark, path))
                continue
            key = "<<" if key_node.tag == MERGE else self.build(key_node, path).value
            tree = self.build(value_node, (*path, key))
            size, depth = size + 1 + tree.size, max(depth, tree.depth)
            if key_node.tag == MERGE:
                self._repeated(key, key_mark, merges[0] if merges else None, path)
                merges.append(key_mark)
                merged |= self._merged(tree, key_mark, path)
            elif not self._repeated(key, key_mark, own[key][0] if key in own else None, path):
                own[key] = (key_mark, tree)
        children = merged | own
        value = {key: child.value for key, (_, child) in children.items()}
        return Tree(value, mark, size, depth + 1, children)

    def _repeated(self, key: Any, mark: Mark, first: Mark | None, path: tuple[Any, ...]) -> bool:
        if first is not None:
            message = f"given twice; the first is on line {first.line}"
            self.duplicates.append(Finding(message, mark, (*path, key)))
        return first is not None

    def _merged(
        self, tree: Tree, mark: Mark, path: tuple[Any, ...]
    ) -> dict[Any, tuple[Mark, Tree]]:
        """What ``<<`` brings into a mapping; of several mappings, the first has precedence."""
        parts = [tree]
        if isinstance(tree.value, list):
            parts = [child for _, child in tree.children.values()]
        result: dict[Any, tuple[Mark, Tree]] = {}
        for part in reversed(parts):
            if isinstance(part.value, dict):
                result |= part.children
            else:
                message = "<< merges a mapping or a list of mappings"
                self.findings.append(Finding(message, mark, (*path, "<<")))
                break
        return result
