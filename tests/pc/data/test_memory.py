from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcsearch.pc.data import memory
from pcsearch.pc.data.memory import group_limits, memory_limit


def test_a_group_has_the_limits_of_those_that_it_is_in(tmp_path: Path) -> None:
    for name, content in (("", "9000\n"), ("job", "max\n"), ("job/step", "4000\n")):
        path = tmp_path / "root" / name / "memory.max"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "groups").write_text("0::/job/step\n")
    assert list(group_limits(tmp_path / "groups", tmp_path / "root")) == [4000, 9000]
    # A container sees only its own group, as the root.
    (tmp_path / "groups").write_text("0::/docker/4f2c\n")
    assert list(group_limits(tmp_path / "groups", tmp_path / "root")) == [9000]


def test_groups_of_version_1_have_a_folder_for_each_controller(tmp_path: Path) -> None:
    path = tmp_path / "root" / "memory" / "job" / "memory.limit_in_bytes"
    path.parent.mkdir(parents=True)
    path.write_text("4000\n")
    (tmp_path / "groups").write_text("5:cpuset:/job\n4:hugetlb,memory:/job\n1:name=x:/a:b\n0::/\n")
    assert list(group_limits(tmp_path / "groups", tmp_path / "root")) == [4000]


def test_a_system_without_groups_has_no_limits(tmp_path: Path) -> None:
    assert list(group_limits(tmp_path / "groups", tmp_path)) == []


def test_the_smaller_one_of_the_machines_memory_and_a_limit_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < memory_limit() <= machine
    for limit in (2**20, 2**63):

        def only(groups: Path, root: Path, limit: int = limit) -> Iterator[int]:
            assert (groups, root) == (Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))
            yield limit

        monkeypatch.setattr(memory, "group_limits", only)
        assert memory_limit() == min(limit, machine)
