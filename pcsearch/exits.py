"""Calls a command: turns a user's mistakes into lines on standard error, and gives its status."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import click

from pcsearch.errors import PcsearchError

MOST_PROBLEMS = 200
DONE, SOME_FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


def exit_status(entry: click.Command, argv: Sequence[str] | None) -> int:
    """Call a command and return its exit status; a user's mistakes are printed, with status 2."""
    try:
        with _terminable():
            status = entry.main(args=None if argv is None else list(argv), standalone_mode=False)
    except PcsearchError as error:
        for problem in error.problems[:MOST_PROBLEMS]:
            click.echo(f"error: {problem}", err=True)
        more = len(error.problems) - MOST_PROBLEMS
        if more > 0:
            click.echo(f"error: and {more} more problems", err=True)
        return WRONG
    except click.ClickException as error:
        click.echo(f"error: {error.format_message()} (--help tells more)", err=True)
        return WRONG
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit as error:
        # While Ray is connected, it turns SIGTERM into this exception.
        if error.code != signal.SIGTERM:
            raise
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return int(status or DONE)


@contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM do the same as Ctrl-C during the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
