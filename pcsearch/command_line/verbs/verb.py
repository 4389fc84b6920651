"""Makes the click command of a verb: all of them take ``--help`` and ``-h`` in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

DIRECTORY = click.argument("directory", metavar="DIR")
"""The argument of a verb that is about one search."""


def verb(
    name: str, *, short_help: str | None = None, params: Sequence[click.Parameter] | None = None
) -> Callable[[Callable[..., Any]], click.Command]:
    """A decorator that makes a command of a function; without arguments it prints its help.

    Args:
        name: of the verb.
        short_help: one line for the list of commands; None for the first line of the docstring.
        params: the parameters that no decorator gives.
    """
    return click.command(
        f"pcsearch {name}",
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
        short_help=short_help,
        params=None if params is None else list(params),
    )
