"""The text of a sweep file as plain Python values, with the place of every key and list item.

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
from pcsearch.sweeps import json_text, nodes, yaml_text
from pcsearch.sweeps.files import FORBIDDEN, Lines, bare_source, read_text
from pcsearch.sweeps.frames import NOWHERE, Places
from pcsearch.sweeps.nodes import Builder
from pcsearch.sweeps.pauses import no_garbage_collection

KeyPath = tuple[Any, ...]

TAB = "a tab, where YAML takes only spaces as indentation; replace the tabs by spaces"

# What to do about the commonest errors, by how PyYAML's two loaders put them.
HINTS = {
    "mapping values are not allowed": "check the indentation, and quote text that holds a colon",
    "cannot start any token": "quote text that begins with it",
    "expected <block end>": "check the indentation",
    "did not find expected key": "check the indentation",
    "invalid Unicode character escape": "write the character itself",
}


@dataclass(frozen=True)
class Document:
    """One document.

    Args:
        source: the file as the user gave it; what positions begin with.
        text: the file's text.
        value: the top-level mapping as plain Python values.
        lines: the lines of the text.
        places: where the parts of the value stand, as offsets into the text.
        mark: where the value itself begins.
        notes: what the user should know of how values are read, a line each.
    """

    source: str
    text: str = field(repr=False)
    value: dict[Any, Any]
    lines: Lines = field(repr=False)
    places: Places = field(repr=False)
    mark: int = 0
    notes: tuple[str, ...] = ()

    def position(self, path: KeyPath = ()) -> str:
        """``file:line:column`` of a mapping's key or a list's item.

        Args:
            path: keys and indices from the top. Where it leads nowhere, the place of the last
                part that exists is given.
        """
        mark, places = self.mark, self.places
        for key in path:
            found = places.mark(key)
            if found is None:
                break
            mark, places = found, places.inner.get(key, NOWHERE)
        return f"{self.source}:{self.lines.position(mark)}"

    def problem(self, path: KeyPath, message: str, at: KeyPath = ()) -> Problem:
        """A problem of the key at ``path``, placed at ``path + at``."""
        return Problem(message, self.position(path + at), nodes.dotted(path))


def read(path: str | Path, duplicates: list[Problem] | None = None) -> Document:
    """Read and parse a file; as `load`.

    Raises:
        PcsearchError: the file cannot be read, is not UTF-8, or as `load` says.
    """
    return load(read_text(path), str(path), duplicates)


def load(text: str, source: str, duplicates: list[Problem] | None = None) -> Document:
    """Parse YAML or JSON text that holds one mapping.

    Args:
        text: the text.
        source: the file's name, for positions.
        duplicates: where problems of keys given twice are appended, so that a caller can go on
            and find more; without it they are raised.

    Raises:
        PcsearchError: the text is neither YAML nor JSON, is empty, not one mapping, too large or
            too deep, or holds tags, keys or numbers that are not plain values.
    """
    text = text.removeprefix("\ufeff")
    reader = _Reader(bare_source(source), text, Lines(text))
    with no_garbage_collection():
        return reader.document(duplicates)


@dataclass(frozen=True)
class _Reader:
    source: str
    text: str
    lines: Lines

    def document(self, duplicates: list[Problem] | None) -> Document:
        builder = self._built()
        if builder.findings:
            found = (*builder.findings, *builder.duplicates)
            raise PcsearchError(self._problem(finding) for finding in found)
        if builder.value is None:
            raise PcsearchError(Problem("the file is empty", self.source))
        if not isinstance(builder.value, dict):
            message = "a sweep file is a mapping of keys such as method and parameters"
            raise PcsearchError(Problem(message, self._position(builder.mark)))
        repeated = [self._problem(finding) for finding in builder.duplicates]
        if duplicates is not None:
            duplicates.extend(repeated)
        elif repeated:
            raise PcsearchError(repeated)
        notes = tuple(str(self._problem(finding)) for finding in builder.notes.values())
        places, mark = builder.places, builder.mark
        return Document(self.source, self.text, builder.value, self.lines, places, mark, notes)

    def _built(self) -> Builder:
        try:
            if re.match(r"\s*\{", self.text):
                builder = Builder()
                try:
                    json_text.build(self.text, builder)
                    return builder
                except json_text.NotJson:
                    pass
            self._check_characters()
            builder = Builder()
            yaml_text.build(self.text, builder)
            return builder
        except nodes.FatalFinding as fatal:
            raise PcsearchError(self._problem(fatal.finding)) from None
        except yaml.MarkedYAMLError as error:
            raise PcsearchError(self._yaml_problem(error)) from None
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            message = f"cannot be read as YAML: {reason}"
            raise PcsearchError(Problem(message, self.source)) from None

    def _position(self, mark: int) -> str:
        return f"{self.source}:{self.lines.position(mark)}"

    def _problem(self, finding: nodes.Finding) -> Problem:
        message = finding.message
        if finding.line_of is not None:
            message = f"{message} {self.lines.line(finding.line_of)}"
        return Problem(message, self._position(finding.mark), nodes.dotted(finding.path))

    def _check_characters(self) -> None:
        found = FORBIDDEN.search(self.text)
        if found is not None:
            message = f"character U+{ord(found[0]):04X} is not allowed in YAML"
            raise PcsearchError(Problem(message, self._position(found.start())))

    def _yaml_problem(self, error: yaml.MarkedYAMLError) -> Problem:
        mark = error.problem_mark or error.context_mark
        words = " ".join((", ".join(filter(None, (error.context, error.problem)))).split())
        hints = [hint for part, hint in HINTS.items() if part in words]
        message = "; ".join((words, *hints))
        if mark is None:
            return Problem(message, self.source)
        tab = self._tab_in_indentation(mark.index)
        if tab is not None:
            return Problem(TAB, self._position(tab))
        return Problem(message, self._position(mark.index))

    def _tab_in_indentation(self, index: int) -> int | None:
        """The offset of the tab that a YAML error is about, if it is about one."""
        if self.text[index : index + 1] == "\t":
            return index
        start = self.lines.start(index)
        indentation = re.compile(r"[ \t]*").match(self.text, start)
        assert indentation is not None, "there may be none"
        tab = indentation[0].find("\t")
        return None if tab < 0 else start + tab
