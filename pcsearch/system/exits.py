"""Calls a command: turns a user's mistakes into lines on standard error, and gives its status."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType

import click

from pcsearch.errors import PcsearchError, bounded
from pcsearch.system.outputs import lasting_outputs
from pcsearch.system.signals import handled

MOST_PROBLEMS = 200
LONGEST_PROBLEM = 2000
"""In characters."""
DONE, SOME_FAILED, WRONG, RAY_DIED, INTERRUPTED = 0, 1, 2, 3, 130


def exit_status(entry: click.Command, argv: Sequence[str] | None) -> int:
    """Call a command and return its exit status; a user's mistakes are printed, with status 2."""
    with lasting_outputs():
        return _exit_status(entry, argv)


def _exit_status(entry: click.Command, argv: Sequence[str] | None) -> int:
    try:
        with handled((signal.SIGTERM, signal.SIGHUP), _interrupt):
            status = entry.main(args=None if argv is None else list(argv), standalone_mode=False)
            # A full disk is told here, as every other mistake.
            if sys.stdout is not None:
                sys.stdout.flush()
    except PcsearchError as error:
        for problem in error.problems[:MOST_PROBLEMS]:
            click.echo(f"error: {bounded(str(problem), LONGEST_PROBLEM)}", err=True)
        more = len(error.problems) - MOST_PROBLEMS
        if more > 0:
            click.echo(f"error: and {more} more problems", err=True)
        return WRONG
    except click.ClickException as error:
        message = bounded(error.format_message(), LONGEST_PROBLEM)
        click.echo(f"error: {message} (--help tells more)", err=True)
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


def _interrupt(_: int, __: FrameType | None) -> None:
    """Do the same as Ctrl-C."""
    raise KeyboardInterrupt
