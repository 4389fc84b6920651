"""YAML text as plain Python values, with the place in the file of every key and list item.

The file is untrusted: only plain values are built, and size and depth are bounded also after
aliases are followed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps import nodes
from pcsearch.sweeps.nodes import MAX_DEPTH, MAX_NODES, Mark, Tree
from pcsearch.sweeps.wording import bare

KeyPath = tuple[Any, ...]

MAX_BYTES = 64 * 2**20
# What YAML 1.1 allows in a stream; everything else would stop the parser without a position.
FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Document:
    """One YAML document.

    Args:
        source: the file as the user gave it; what positions begin with.
        text: the file's text.
        value: the top-level mapping as plain Python values.
        tree: the same with the places of keys and items.
    """

    source: str
    text: str = field(repr=False)
    value: dict[Any, Any]
    tree: Tree = field(repr=False)

    def position(self, path: KeyPath = ()) -> str:
        """``file:line:column`` of a mapping's key or a list's item.

        Args:
            path: keys and indices from the top. Where it leads nowhere, the place of the last
                part that exists is given.
        """
        mark, tree = self.tree.mark, self.tree
        for key in path:
            if key not in tree.children:
                break
            mark, tree = tree.children[key]
        return _position(self.source, mark)

    def problem(self, path: KeyPath, message: str, at: KeyPath = ()) -> Problem:
        """A problem of the key at ``path``, placed at ``path + at``."""
        return Problem(message, self.position(path + at), nodes.dotted(path))


def read(path: str | Path, duplicates: list[Problem] | None = None) -> Document:
    """Read and parse a file; as `load`.

    Raises:
        PcsearchError: the file cannot be read, is not UTF-8, or as `load` says.
    """
    return load(read_text(path), str(path), duplicates)


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        PcsearchError: the file cannot be read, is too large or is not UTF-8.
    """
    source = bare_source(str(path))
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PcsearchError(Problem("no such file", source)) from None
    except IsADirectoryError:
        raise PcsearchError(Problem("is a directory, not a file", source)) from None
    except PermissionError:
        raise PcsearchError(Problem("no permission to read the file", source)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PcsearchError(Problem(f"cannot be read: {reason}", source)) from None
    if len(content) > MAX_BYTES:
        raise PcsearchError(Problem(f"larger than {MAX_BYTES // 2**20} MiB", source))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = _mark_at_end_of(content[: error.start].decode("utf-8-sig", "replace"))
        message = f"not UTF-8 text: byte 0x{content[error.start]:02x}"
        raise PcsearchError(Problem(message, _position(source, mark))) from None


def load(text: str, source: str, duplicates: list[Problem] | None = None) -> Document:
    """Parse YAML text that holds one mapping.

    Args:
        text: the text.
        source: the file's name, for positions.
        duplicates: where problems of keys given twice are appended, so that a caller can go on
            and find more; without it they are raised.

    Raises:
        PcsearchError: the text is not YAML, is empty, not one mapping, too large or too deep, or
            holds tags, keys or numbers that are not plain values.
    """
    source = bare_source(source)
    text = text.removeprefix("\ufeff")
    _check_characters(text, source)
    try:
        _check_events(text, source)
        root = yaml.compose(text, Loader=Loader)
        builder = nodes.Builder()
        tree = builder.build(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        raise PcsearchError(_yaml_problem(error, source)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise PcsearchError(Problem(f"cannot be read as YAML: {reason}", source)) from None
    except nodes.FatalFinding as fatal:
        raise PcsearchError(_problem(fatal.finding, source)) from None
    if builder.findings:
        found = (*builder.findings, *builder.duplicates)
        raise PcsearchError(_problem(finding, source) for finding in found)
    if tree is None or tree.value is None:
        raise PcsearchError(Problem("the file is empty", source))
    if not isinstance(tree.value, dict):
        message = "a sweep file is a mapping of keys such as method and parameters"
        raise PcsearchError(Problem(message, _position(source, tree.mark)))
    repeated = [_problem(finding, source) for finding in builder.duplicates]
    if duplicates is not None:
        duplicates.extend(repeated)
    elif repeated:
        raise PcsearchError(repeated)
    return Document(source, text, tree.value, tree)


def bare_source(source: str) -> str:
    """A file's name as the user gave it, unless it would break the line."""
    return source if source.isprintable() and source else bare(source)


def _position(source: str, mark: Mark) -> str:
    return f"{source}:{mark.line}:{mark.column}"


def _problem(finding: nodes.Finding, source: str) -> Problem:
    return Problem(finding.message, _position(source, finding.mark), nodes.dotted(finding.path))


def _mark_at_end_of(text: str) -> Mark:
    return Mark(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _check_characters(text: str, source: str) -> None:
    found = FORBIDDEN.search(text)
    if found is not None:
        mark = _mark_at_end_of(text[: found.start()])
        message = f"character U+{ord(found[0]):04X} is not allowed in YAML"
        raise PcsearchError(Problem(message, _position(source, mark)))


def _check_events(text: str, source: str) -> None:
    """Refuse what would be too much for the recursive composer, before it starts."""
    depth = 0
    documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=Loader)):
        message = ""
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            message = nodes.TOO_DEEP if depth > MAX_DEPTH else ""
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            message = "a sweep file holds one YAML document; here begins another"
            message = message if documents > 1 else ""
        # Besides its nodes a document has an end event for each collection, and four of its own.
        if count > 2 * MAX_NODES + 4:
            message = nodes.TOO_LARGE
        if message:
            raise PcsearchError(Problem(message, _position(source, Mark.of(event.start_mark))))


def _yaml_problem(error: yaml.MarkedYAMLError, source: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    message = ", ".join(part for part in (error.context, error.problem) if part)
    where = source if mark is None else _position(source, Mark.of(mark))
    return Problem(" ".join(message.split()), where)
