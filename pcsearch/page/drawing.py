"""Draws the page of a search by the files in its directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.results.findings import read_findings
from pcsearch.engine.results.origin import read_origin
from pcsearch.page.page import page_of
from pcsearch.tracking.runs.offline_files import has_unmarked
from pcsearch.tracking.server.mode import sync_command


def page_at(directory: ExperimentDirectory, *, anonymous: bool) -> str:
    """The page of a search as it is now, as HTML.

    Args:
        directory: of the search; its files are on this machine.
        anonymous: whether names of machines and users, paths and addresses are left out.

    Raises:
        PcsearchError: there is no search, or its files are damaged.
    """
    findings, origin = read_findings(directory), read_origin(directory)
    return page_of(findings, origin, _upload(directory), anonymous=anonymous)


def page_of_session(search: Path, place: str, sessions: Mapping[Path, bool]) -> str:
    """The page that a session of a search keeps up to date, as HTML.

    Args:
        search: the directory, or the working copy of one at an address.
        place: its path or address.
        sessions: whether they run, by the directories of their drivers.

    Raises:
        PcsearchError: the files of the search are damaged.
    """
    directory = ExperimentDirectory(search)
    findings = replace(read_findings(directory, sessions), place=place)
    origin = read_origin(directory, place)
    # After the session, W&B's files in a working copy lie elsewhere.
    upload = _upload(directory) if place == str(search) else None
    return page_of(findings, origin, upload, anonymous=False, is_kept=True)


def _upload(directory: ExperimentDirectory) -> str | None:
    """The command that uploads what W&B lacks, None where nothing lies here to upload."""
    return sync_command(directory.path) if has_unmarked(directory.path) else None
