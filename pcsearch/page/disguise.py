"""Takes names of machines and users, paths and addresses out of a page."""

from __future__ import annotations

import getpass
import html
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import yaml

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.origin import Origin
from pcsearch.page.html import Html, escaped

PATH, ADDRESS, PERSON = "a path", "an address", "someone"
HOMES = ("home", "Users")
NO_NAMES = {"root", "user"}
"""Users of these names are nobody."""
PATTERNS = (
    (re.compile(r"""\b[a-z][a-z0-9+.-]*://[^\s'"<>]+""", re.IGNORECASE), ADDRESS),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), ADDRESS),
    (re.compile(r"[\w.+-]+@[\w.-]+"), PERSON),
    (re.compile(r"""(["'])(?:~|[A-Za-z]:)?[/\\][^"'\n]+\1"""), PATH),
    (re.compile(r"""(?<![\w.])(?:~|[A-Za-z]:)?[/\\][^\s'"<>,;:()\[\]{}]+"""), PATH),
)
TEXT_OR_TAG = re.compile(r"(<[^>]*>)")
ATTRIBUTE = re.compile(r'="([^"]*)"')


def disguised_nodes(findings: Findings) -> tuple[Findings, dict[str, str]]:
    """The same findings on ``node 1``, ``node 2``, ..., and these names by the real ones."""
    nodes = sorted({trial.node for trial in findings.trials if trial.node})
    names = {node: f"node {number}" for number, node in enumerate(nodes, start=1)}
    trials = tuple(_on(trial, names) for trial in findings.trials)
    return replace(findings, trials=trials), names


class Disguise:
    """Replaces, in every text of a page, what says who ran a search and where.

    Args:
        findings: of the search, with the real names.
        origin: of the search.
        nodes: the new names of the machines, by the real ones.
    """

    def __init__(self, findings: Findings, origin: Origin, nodes: Mapping[str, str]) -> None:
        known = {name: new for node, new in nodes.items() for name in _forms(node)}
        known |= dict.fromkeys(_own_hosts() - known.keys(), ADDRESS)
        folders = (findings.place, origin.folder, str(Path.home()), str(Path.cwd()))
        known |= dict.fromkeys(filter(_is_path, folders), PATH)
        known |= dict.fromkeys(_people(findings, origin, folders), PERSON)
        longest = sorted(known, key=len, reverse=True)
        self._known = known
        self._names = re.compile(
            "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in longest) or r"(?!)"
        )

    def text(self, text: str) -> str:
        """A text without them."""
        text = self._names.sub(lambda match: self._known[match[0]], text)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def html(self, content: Html) -> Html:
        """HTML without them, in its texts and in the values of its attributes."""
        parts = TEXT_OR_TAG.split(content)
        return Html(
            "".join(self._in_tag(p) if p.startswith("<") else self._plain(p) for p in parts)
        )

    def sweep(self, text: str) -> str:
        """A sweep file without them, and without its comments, which may say anything."""
        dumped: str = yaml.safe_dump(yaml.safe_load(text), sort_keys=False, allow_unicode=True)
        return self.text(dumped)

    def _plain(self, part: str) -> str:
        return escaped(self.text(html.unescape(part)))

    def _in_tag(self, part: str) -> str:
        return ATTRIBUTE.sub(lambda match: f'="{self._plain(match[1])}"', part)


def _on(trial: Finding, names: Mapping[str, str]) -> Finding:
    return replace(trial, node=names.get(trial.node, ""))


def _forms(host: str) -> Iterator[str]:
    """A name of a machine, whole and without its domain."""
    yield host
    first = host.partition(".")[0]
    if first and not first.isdigit():
        yield first


def _own_hosts() -> set[str]:
    return {name for name in _forms(socket.gethostname()) if name != "localhost"}


def _is_path(text: str) -> bool:
    return len(text) > 1 and any(character in text for character in "/\\")


def _people(findings: Findings, origin: Origin, folders: Iterable[str]) -> Iterator[str]:
    """The names of users that are known: from W&B, from this process and from home folders."""
    names = [findings.sweep.entity, origin.tracking.get("entity")]
    # A user may have no name.
    with suppress(OSError, KeyError):
        names.append(getpass.getuser())
    for folder in folders:
        parts = re.split(r"[/\\]+", folder)
        names += [after for part, after in pairwise(parts) if part in HOMES]
    yield from (name for name in names if isinstance(name, str) and name and name not in NO_NAMES)
