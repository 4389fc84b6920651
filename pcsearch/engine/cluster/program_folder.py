"""What is sent of a program's folder: what a clone of it would have, and the user's new files.

Where the folder is in no repository of git, it is everything but hidden files, environments and
what searches and W&B have written there.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.workloads.user_code import LEFT_OUT
from pcsearch.errors import PcsearchError

LARGEST = 100 * 1024**2
"""In bytes, before they are compressed."""
SHOWN = 3
OUTPUTS = "wandb"


def files_of(folder: Path) -> list[Path]:
    """Lists the files of a program's folder that nodes get, relative to the folder.

    Raises:
        PcsearchError: git refuses to list them.
    """
    tracked = _git(folder, "--recurse-submodules")
    others = _git(folder, "--others", "--exclude-standard")
    # A repository around the folder may ignore all of it.
    if not tracked and not others:
        return sorted(_walked(folder))
    left_out = {each.parent for each in others if each.name == RECORD_FILE} - {Path()}
    new = (each for each in others if OUTPUTS not in each.parts and not left_out & {*each.parents})
    found = {each for each in (*tracked, *new) if (folder / each).is_file()}
    return sorted(found)


def too_large(folder: Path) -> str:
    """Why a folder cannot be sent, with what is large in it; empty where it can."""
    sizes: Counter[str] = Counter()
    for file in files_of(folder):
        sizes[file.parts[0]] += (folder / file).stat().st_size
    total = sum(sizes.values())
    if total <= LARGEST:
        return ""
    largest = ", ".join(f"{name} {_megabytes(size)}" for name, size in sizes.most_common(SHOWN))
    return (
        f"{folder} has {_megabytes(total)} of files, and at most {_megabytes(LARGEST)} are sent to "
        f"the nodes (the largest: {largest}); let git ignore what trials do not need, or start in "
        "a folder that all nodes mount"
    )


def pack(folder: Path, archive: Path) -> None:
    """Write the files of a folder into an archive, with their modes."""
    with tarfile.open(archive, "w:gz", compresslevel=1, dereference=True) as written:
        for file in files_of(folder):
            written.add(folder / file, file)


def _git(folder: Path, *options: str) -> list[Path]:
    """What git lists below a folder; nothing where it is in no repository, or there is no git.

    Raises:
        PcsearchError: git refuses, as in a repository of another user.
    """
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), "ls-files", "-z", *options],  # noqa: S607
            capture_output=True,
            check=True,
        )
    except OSError:
        return []
    except subprocess.CalledProcessError as error:
        whole = folder.absolute()
        if not any((each / ".git").exists() for each in (whole, *whole.parents)):
            return []
        why = os.fsdecode(error.stderr).strip().splitlines()[:1]
        message = f"git does not list {folder}: {''.join(why)}"
        todo = "correct that, or remove its .git: all files are sent then that are not hidden"
        raise PcsearchError(f"{message}; {todo}") from error
    return [Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name]


def _walked(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        place = Path(parent)
        folders[:] = [each for each in folders if _is_sent(place / each)]
        for name in names:
            if name[0] != "." and (place / name).is_file():
                yield (place / name).relative_to(folder)


def _is_sent(folder: Path) -> bool:
    name = folder.name
    is_hidden = name.startswith(".") or name in (LEFT_OUT - {"tests"}) | {OUTPUTS}
    return not (is_hidden or any((folder / each).exists() for each in ("pyvenv.cfg", RECORD_FILE)))


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"
