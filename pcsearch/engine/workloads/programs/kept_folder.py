"""The folders of a trial of a program: the one that it keeps may be in a storage at an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pcsearch.engine.workloads.programs.metrics_file import METRICS_FOLDER
from pcsearch.system.temporary import temporary_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

OUTPUT_FILE = "output.txt"
FILES_FOLDER = "files"
"""The folder for the program's own files."""
LOGGED_FOLDER = "logged"
"""The folder with what tries have logged, until the trial has ended."""


class TrialFolders(NamedTuple):
    """The folders of one trial while its program runs.

    Args:
        name: of the trial's folder.
        trial_id: the trial's id.
        kept: the trial's folder on this machine, which stays.
        temporary: a folder that goes with the program.
    """

    name: str
    trial_id: str
    kept: Path
    temporary: Path


@contextmanager
def kept_folder(path: str, filesystem: FileSystem | None, name: str) -> Iterator[Path]:
    """The folder of a trial in the experiment's directory, or one that is sent there afterwards.

    Args:
        path: of the experiment's directory, in its storage.
        filesystem: of that path, None for the file system of this machine.
        name: of the trial's folder.
    """
    if filesystem is None:
        folder = Path(path, name)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    from pyarrow.fs import copy_files

    with temporary_folder() as parent:
        folder = parent / name
        folder.mkdir()
        _fetch(filesystem, f"{path}/{name}", folder)
        try:
            yield folder
        finally:
            for link in (each for each in parent.glob("*/*") if each.is_symlink()):
                # W&B's link to its newest run would be sent as another run.
                link.unlink()
            for sent in parent.iterdir():
                target = f"{path}/{sent.name}"
                filesystem.create_dir(target, recursive=True)
                # With threads, an upload to S3 may never end (apache/arrow#32372).
                copy_files(
                    str(sent),
                    target,
                    destination_filesystem=filesystem,
                    use_threads=False,
                )


def remove_folders(filesystem: FileSystem, root: str, pattern: str) -> None:
    """Remove the folders of a pattern from a storage."""
    from pyarrow.fs import FileSelector

    parent, _, name = pattern.rpartition("/")
    selector = FileSelector(f"{root}/{parent}", allow_not_found=True)
    for found in filesystem.get_file_info(selector):
        if fnmatch(found.base_name, name):
            filesystem.delete_dir(found.path)


def _fetch(storage: FileSystem, place: str, folder: Path) -> None:
    """Copy what an earlier try has left in the storage; other files there are the driver's."""
    from pyarrow.fs import FileSelector, FileType, copy_files

    for info in storage.get_file_info(FileSelector(place, allow_not_found=True)):
        if info.base_name in (OUTPUT_FILE, FILES_FOLDER, METRICS_FOLDER, LOGGED_FOLDER):
            target = folder / info.base_name
            if info.type == FileType.Directory:
                target.mkdir()
            copy_files(info.path, str(target), source_filesystem=storage, use_threads=False)
