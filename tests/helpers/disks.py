"""Disks that are soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Have a disk of so many kilobytes at a folder; needs the rights of root."""
    options = f"size={kilobytes}k"
    mount = ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        # What still has a file open there does not hold it up.
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def grow(folder: Path, kilobytes: int) -> None:
    """Give a small disk more room."""
    command = ["/bin/mount", "-o", f"remount,size={kilobytes}k", str(folder)]
    subprocess.run(command, check=True)
