"""Small disks, which are soon full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """Mount a disk of so many kilobytes at a folder, as root, until the block ends."""
    options = f"size={kilobytes}k"
    mount = ["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        # A process may still have a file open there.
        subprocess.run(["/bin/umount", "--lazy", str(folder)], check=True)


def grow(folder: Path, kilobytes: int) -> None:
    """Make a small disk larger."""
    command = ["/bin/mount", "-o", f"remount,size={kilobytes}k", str(folder)]
    subprocess.run(command, check=True)
