"""Versions, packages and the storage of a cluster's nodes; real nodes are in tests/searches."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import ray
import torch
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.cluster.node_checks import (
    PROBE_FILE,
    Needs,
    check_nodes,
    storage_problem,
    version_problems,
    versions,
    with_gpus,
)
from pcsearch.engine.records.hardware import Hardware
from pcsearch.engine.storage import store as stores
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError

OURS = {"python": "3.11.7", "ray": "2.60.0", "torch": "2.13.0+cpu"}


def test_our_versions_are_those_that_are_imported() -> None:
    assert versions() == {
        "python": platform.python_version(),
        "ray": ray.__version__,
        "torch": str(torch.__version__),
    }


@pytest.mark.parametrize(
    ("theirs", "unlike"),
    [
        ({}, ""),
        ({"torch": "2.13.1+cu130"}, ""),
        ({"ray": "2.60.3", "python": "3.11.9"}, ""),
        ({"torch": "2.12.0"}, "torch 2.12.0 (here 2.13.0+cpu)"),
        ({"torch": "2.1.0"}, "torch 2.1.0 (here 2.13.0+cpu)"),
        ({"torch": None}, "torch missing (here 2.13.0+cpu)"),
        ({"ray": "2.6.0"}, "ray 2.6.0 (here 2.60.0)"),
        (
            {"ray": "3.60.0", "python": "3.12.7"},
            "python 3.12.7 (here 3.11.7), ray 3.60.0 (here 2.60.0)",
        ),
    ],
)
def test_a_node_of_another_minor_version_is_named(
    theirs: dict[str, str | None], unlike: str
) -> None:
    problems = version_problems({"good": OURS, "odd": OURS | theirs}, OURS)
    assert [str(problem) for problem in problems] == [
        f"node odd: has {each}; nodes need the same minor versions as the driver"
        for each in [unlike]
        if each
    ]


def test_a_folder_is_seen_where_its_word_is_and_it_can_be_written(tmp_path: Path) -> None:
    assert storage_problem(tmp_path, "word") == "No such file or directory"
    (tmp_path / PROBE_FILE).write_text("another")
    assert storage_problem(tmp_path, "word") == "it is another folder there"
    (tmp_path / PROBE_FILE).write_text("word")
    assert storage_problem(tmp_path, "word") == ""


def test_a_storage_that_cannot_be_written_is_told_before_nodes_are_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PcsearchError) as caught:
        check_nodes([], Needs(tmp_path / "file" / "results", {}), {})
    assert str(caught.value) == (
        f"--storage-path: {tmp_path}/file/results: cannot be written (Not a directory)"
    )


def test_a_node_that_cannot_use_the_storage_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "OUTAGE_S", 0.0)
    store = Store("test://there", LocalFileSystem(), str(tmp_path / "there"))
    store.put(PROBE_FILE, b"word")
    assert storage_problem(store, "word") == ""
    assert len(store.files()) == 2
    assert storage_problem(store, "another") == "it is another folder there"
    (tmp_path / "file").touch()
    blind = Store("test://file", LocalFileSystem(), str(tmp_path / "file"))
    assert "cannot be" in storage_problem(blind, "word")


def test_gpus_are_what_ray_knows_of_the_node() -> None:
    own = Hardware("EPYC", 64, 2**37)
    resources = {"CPU": 64.0, "GPU": 8.0, "accelerator_type:H200": 1.0, "node:10.0.0.1": 1.0}
    assert with_gpus(own, resources) == Hardware("EPYC", 64, 2**37, 8, "H200")
    assert with_gpus(own, {"CPU": 64.0}) == own
