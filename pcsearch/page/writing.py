"""Writes the page of a search into a file."""

from __future__ import annotations

from pathlib import Path

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.page import FILE
from pcsearch.page.drawing import page_at
from pcsearch.system.user_files import write_whole


def write_page(
    directory: ExperimentDirectory, output: str | Path | None, *, anonymous: bool
) -> Path:
    """Write the page of a search.

    Args:
        directory: of the search.
        output: the file; None for `FILE` in the directory, or ``NAME.html`` in the current folder
            for a search at an address.
        anonymous: whether names of machines and users, paths and addresses are left out.

    Returns:
        The file.

    Raises:
        PcsearchError: there is no such search, or the file cannot be written.
    """
    with directory.read():
        file = _usual_file(directory) if output is None else output
        page = page_at(directory, anonymous=anonymous)
    return write_whole(file, page.encode(), "--output")


def _usual_file(directory: ExperimentDirectory) -> Path:
    return directory.path / FILE if directory.copy is None else Path(f"{directory.name}.html")
