"""Takes names of machines and users, paths and addresses out of a page."""

from __future__ import annotations

import getpass
import html
import json
import math
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import yaml

from pcsearch.engine.records.drivers.driver_directories import DRIVERS
from pcsearch.engine.records.journal.history import REPORTS
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.origin import Origin
from pcsearch.page.html import Html, escaped
from pcsearch.sweeps.reading.loader import load

PATH, ADDRESS, PERSON = "a path", "an address", "someone"
HOMES = ("home", "Users")
NO_NAMES = {"root", "user"}
"""Users of these names are nobody."""
NO_HOSTS = {"", "localhost", "auto", "local", "driver"}
"""Names that are no machine's."""
SIGN = r"""[^\s'"<>,;:()\[\]{}]"""
"""What a path without quotes has, besides spaces."""
START = r"(?:~|[A-Za-z]:|\.{1,2}(?=[/\\]))?[/\\](?=\S)"
HOME = rf"\b(?:{'|'.join(HOMES)})[/\\]{SIGN}+"
WORD = r"""[^\s'"<>,;:()\[\]{}/\\~]+"""
MORE = rf"(?:(?: {WORD}){{1,3}}[/\\]{SIGN}*)*"
"""A path goes on after a space where a slash comes soon inside of a word."""
IS_PATH = re.compile(rf"{START}|.*{HOME}")
PATTERNS = (
    (re.compile(r"""\b[a-z][a-z0-9+.-]*://[^\s'"<>]+""", re.IGNORECASE), ADDRESS),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b"), ADDRESS),
    (re.compile(r"[\w.+-]+@[\w.-]+"), PERSON),
    (re.compile(r"""(["'])(?:~|[A-Za-z]:)?[/\\][^"'\n]+\1"""), PATH),
    (re.compile(rf"(?<![\w.])(?:{START}{SIGN}+|{SIGN}*{HOME}){MORE}"), PATH),
)
TEXT_OR_TAG = re.compile(r"(<[^>]*>)")
ATTRIBUTE = re.compile(r' (title|aria-label|alt)="([^"]*)"')
"""The attributes that a reader sees or hears; the others are the structure of the page."""
HOSTNAME = re.compile(rb'"hostname":\s*("(?:[^"\\]|\\.)*")')
"""In a file of reports; to read every report as JSON would take long."""
DOMAIN = r"(?:\.[\w-]+)*"
ERROR = re.compile(r"\s*(?:\w+\.)*([A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning))(?::|\s*$)")
NO_TYPE = "an error"


def disguised(findings: Findings, machines: Iterable[str]) -> tuple[Findings, dict[str, str]]:
    """The same findings on ``node 1``, ``node 2``, ..., and these names by the real ones.

    Of an error only the type is left: its text is free, and may name anybody.

    Args:
        findings: of the search.
        machines: the names of those of its machines that are known beside its reports.
    """
    hosts = {*machines, *(host for trial in findings.trials for host in _hosts(trial))}
    names = {host: f"node {number}" for number, host in enumerate(sorted(hosts), start=1)}
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
        hosts = {name: new for node, new in nodes.items() for name in _forms(node)}
        hosts |= dict.fromkeys(_other_hosts(findings, origin) - hosts.keys(), ADDRESS)
        folders = {findings.place, origin.folder, str(Path.home()), str(Path.cwd())}
        folders |= {str(trial.folder.parent) for trial in findings.trials}
        values = [load(findings.sweep.text, "").value, *(each.config for each in findings.results)]
        paths = {text for text in _texts(values) if IS_PATH.match(text)}
        known = hosts | dict.fromkeys(filter(_is_path, folders | paths), PATH)
        known |= dict.fromkeys(_people(findings, origin, folders | paths), PERSON)
        longest = sorted(known, key=len, reverse=True)
        names = (re.escape(name) + (DOMAIN if name in hosts else "") for name in longest)
        self._known = {name.lower(): new for name, new in known.items()}
        self._names = re.compile(
            rf"(?<!\w)(?:{'|'.join(names)})(?!\w)" if known else r"(?!)", re.IGNORECASE
        )

    def text(self, text: str) -> str:
        """A text without them."""
        text = self._names.sub(self._new_name, text)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        return text

    def html(self, content: Html) -> Html:
        """HTML without them; its elements, ids, classes and links stay as they are."""
        parts = TEXT_OR_TAG.split(content)
        return Html(
            "".join(self._in_tag(p) if p.startswith("<") else self._plain(p) for p in parts)
        )

    def sweep(self, text: str) -> str:
        """A sweep file without them, and without its comments, which may say anything."""
        dumped: str = yaml.safe_dump(
            load(text, "").value, sort_keys=False, allow_unicode=True, width=math.inf
        )
        return self.text(dumped)

    def _new_name(self, match: re.Match[str]) -> str:
        name = match[0].lower()
        # The name of a machine may have a longer domain than the known one.
        while name not in self._known and "." in name:
            name = name.rpartition(".")[0]
        return self._known.get(name, PERSON)

    def _plain(self, part: str) -> str:
        return escaped(self.text(html.unescape(part)))

    def _in_tag(self, part: str) -> str:
        return ATTRIBUTE.sub(lambda match: f' {match[1]}="{self._plain(match[2])}"', part)


def _on(trial: Finding, names: Mapping[str, str]) -> Finding:
    result, reason = trial.result, trial.reason
    if result.error:
        result, reason = replace(result, error=_type(result.error)), _type(result.error)
    return replace(trial, result=result, reason=reason, node=names.get(trial.node, ""))


def _type(error: str) -> str:
    """The type of an error; a name before the first colon may also be that of a machine."""
    match = ERROR.match(error)
    return NO_TYPE if match is None else match[1]


def _hosts(trial: Finding) -> Iterator[str]:
    """The machines that a trial has run on."""
    if trial.node:
        yield trial.node
    # A trial that has reported nothing has no file.
    with suppress(OSError):
        for name in set(HOSTNAME.findall((trial.folder / REPORTS).read_bytes())):
            # What was cut off by a kill is no name.
            with suppress(ValueError):
                yield json.loads(name)


def _forms(host: str) -> Iterator[str]:
    """A name of a machine, whole and without its domain."""
    yield host
    first = host.partition(".")[0]
    if first and not first.isdigit():
        yield first


def _other_hosts(findings: Findings, origin: Origin) -> set[str]:
    """The names of this machine, of the cluster's head and of drivers that joined the search."""
    # Of HOST:PORT and of ray://HOST:PORT.
    head = (origin.address or "").rpartition("/")[2].partition(":")[0]
    folders = {trial.folder.parent for trial in findings.trials}
    drivers = {each.name.rpartition("_")[0] for each in folders if each.parent.name == DRIVERS}
    names = {name for host in (socket.gethostname(), head, *drivers) for name in _forms(host)}
    return names - NO_HOSTS


def _texts(data: object) -> Iterator[str]:
    """The texts in data as YAML has them."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, Mapping):
        yield from _texts(list(data.values()))
    elif isinstance(data, list | tuple):
        for each in data:
            yield from _texts(each)


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
