"""The memory that this process may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath


def memory_limit() -> int:
    """The bytes of the machine's memory, or of what its control groups allow if that is less.

    A container and a job of a batch system are such groups.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min((machine, *group_limits(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))))


def group_limits(groups: Path, root: Path) -> Iterator[int]:
    """The limits, in bytes, of control groups and of those that they are in.

    Args:
        groups: the file that lists the groups of a process.
        root: the folder that has the groups' files.
    """
    try:
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    # Only Linux has the file.
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            folder, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            # Version 1 has a folder for each controller.
            folder, name = root / "memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path may be that of the machine, of which only the root is there.
        below = PurePosixPath(group).relative_to("/")
        for each in (below, *below.parents):
            # Without a limit the text is "max".
            with suppress(OSError, ValueError):
                yield int((folder / each / name).read_text(encoding="utf-8"))
