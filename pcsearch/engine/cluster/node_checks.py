"""A cluster's nodes, held to what trials need there before any starts.

Each node that can take a trial is asked by a task of its own: its versions, the packages that it
lacks, and whether it sees the storage.
"""

from __future__ import annotations

import contextlib
import platform
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError, Problem

ANSWER_TIMEOUT_S = 90
PACKAGES = ("ray", "torch")
PROBE_FILE = "driver"
Node = Mapping[str, Any]
"""A node as Ray lists it."""


@dataclass(frozen=True)
class Answer:
    """What a node says of itself.

    Args:
        versions: of Python, ray and torch, None for what is not there.
        missing: the packages that it lacks.
        storage: why it does not see the storage, empty where it does.
    """

    versions: Mapping[str, str | None]
    missing: Sequence[str] = ()
    storage: str = ""


def check_nodes(nodes: Sequence[Node], storage: Path | Store, packages: Mapping[str, str]) -> None:
    """Ask nodes whether trials can run there.

    Args:
        nodes: as Ray lists them.
        storage: where the experiments lie, which all of them must see.
        packages: what trials import besides torch, and what to do without it.

    Raises:
        PcsearchError: every node on which trials would fail, and why.
    """
    answers = _answers(nodes, storage, packages)
    if not any(answers.values()):
        raise PcsearchError(Problem("no node that could take a trial is left", "--address"))
    problems = _problems(answers, storage, packages)
    if problems:
        raise PcsearchError(problems)


def node_problems(node: Node, storage: Path | Store, packages: Mapping[str, str]) -> list[Problem]:
    """Why trials would fail on one node; nothing where they would not, or it has gone.

    Args:
        node: as Ray lists it.
        storage: as in `check_nodes`.
        packages: the same.

    Raises:
        PcsearchError: the storage cannot be written here.
    """
    return _problems(_answers([node], storage, packages), storage, packages)


def _answers(
    nodes: Sequence[Node], storage: Path | Store, packages: Mapping[str, str]
) -> dict[str, Answer | str | None]:
    with _probed(storage) as (place, word):
        asked = {
            _name(node): _ask.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(place, word, list(packages))
            for node in nodes
        }
        ray.wait(list(asked.values()), num_returns=len(asked), timeout=ANSWER_TIMEOUT_S)
        return {name: _answer(reference) for name, reference in asked.items()}


def _problems(
    answers: Mapping[str, Answer | str | None], storage: Path | Store, packages: Mapping[str, str]
) -> list[Problem]:
    silent = [
        Problem(f"cannot run trials: {answer}", f"node {name}")
        for name, answer in answers.items()
        if isinstance(answer, str)
    ]
    given = {name: answer for name, answer in answers.items() if isinstance(answer, Answer)}
    return [
        *silent,
        *version_problems({name: answer.versions for name, answer in given.items()}, versions()),
        *_package_problems(given, packages),
        *_storage_problems(given, storage),
    ]


def versions() -> dict[str, str | None]:
    """Of Python, ray and torch in this process."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in PACKAGES:
        found[name] = None
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def version_problems(
    theirs: Mapping[str, Mapping[str, str | None]], ours: Mapping[str, str | None]
) -> list[Problem]:
    """The nodes whose versions are not those of the driver up to the minor one.

    Args:
        theirs: for each node, the versions of packages.
        ours: the driver's.
    """
    problems = []
    for node, found in theirs.items():
        unlike = [
            f"{name} {found[name] or 'missing'} (here {mine})"
            for name, mine in ours.items()
            if _minor(found[name]) != _minor(mine)
        ]
        if unlike:
            message = f"has {', '.join(unlike)}; nodes need the same minor versions as the driver"
            problems.append(Problem(message, f"node {node}"))
    return problems


def _minor(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.partition("+")[0].split(".")[:2])


def _package_problems(
    answers: Mapping[str, Answer], packages: Mapping[str, str]
) -> Iterator[Problem]:
    for node, answer in answers.items():
        for name in answer.missing:
            yield Problem(f"has no {name}: install it there, or {packages[name]}", f"node {node}")


def _storage_problems(answers: Mapping[str, Answer], storage: Path | Store) -> Iterator[Problem]:
    blind = [f"{node} ({answer.storage})" for node, answer in answers.items() if answer.storage]
    if blind and isinstance(storage, Store):
        yield Problem(
            f"{storage.address} cannot be used on every node: not on {', '.join(blind)}; give them "
            "the credentials, and the packages, that this machine has",
            "--storage-path",
        )
    elif blind:
        yield Problem(
            f"{storage} is not the same folder here and on every node: not on {', '.join(blind)}; "
            "give a folder that all of them mount",
            "--storage-path",
        )


def _name(node: Node) -> str:
    address, host = node["NodeManagerAddress"], node.get("NodeManagerHostname")
    # Two nodes of one machine differ in nothing but their ids.
    return f"{address} ({host}, {node['NodeID'][:8]})"


@contextmanager
def _probed(storage: Path | Store) -> Iterator[tuple[Path | Store, str]]:
    """A folder in the storage with a file of a word that nobody else knows."""
    word = uuid4().hex
    name = f".probe_{word}"
    if isinstance(storage, Store):
        place = storage.below(name)
        place.put(PROBE_FILE, word.encode())
        try:
            yield place, word
        finally:
            for file in place.files():
                place.delete(file)
        return
    folder = storage / name
    try:
        folder.mkdir(parents=True)
        (folder / PROBE_FILE).write_text(word, encoding="utf-8")
    except OSError as error:
        raise PcsearchError(
            Problem(f"{storage}: cannot be written ({error.strerror})", "--storage-path")
        ) from error
    try:
        yield folder, word
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@ray.remote(num_cpus=0, max_retries=1)
def _ask(place: Path | Store, word: str, packages: list[str]) -> dict[str, Any]:
    """An Answer's fields, found on the node where this runs."""
    missing = [name for name in packages if find_spec(name) is None]
    return {"versions": versions(), "missing": missing, "storage": unseen(place, word)}


def unseen(place: Path | Store, word: str) -> str:
    """Why a probe's folder is not seen, or cannot be written, in this process; empty if it is."""
    own = f"{socket.gethostname()}_{uuid4().hex}"
    try:
        if isinstance(place, Store):
            if place.get(PROBE_FILE) != word.encode():
                return "it is another folder there"
            place.put(own, b"")
            return ""
        if (place / PROBE_FILE).read_text(encoding="utf-8") != word:
            return "it is another folder there"
        (place / own).touch()
    except StorageError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _answer(reference: Any) -> Answer | str | None:
    """What a task has answered, or why it has not; None where its node has gone."""
    try:
        return Answer(**ray.get(reference, timeout=0))
    except (ray.exceptions.TaskUnschedulableError, ray.exceptions.NodeDiedError):
        return None
    except ray.exceptions.GetTimeoutError:
        return f"it has not answered for {ANSWER_TIMEOUT_S} s"
    except ray.exceptions.RayError as error:
        # The last line is the exception that the others lead to.
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[-1] if lines else type(error).__name__
