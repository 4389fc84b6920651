"""What all verbs have in common."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from pcsearch.command_line.cli import OTHERS
from pcsearch.command_line.verbs.verb import DIRECTORY, verb


@verb("look", short_help="Look.")
@DIRECTORY
def look(directory: str) -> None:
    """Look at the search in DIR."""
    click.echo(f"looked at {directory}")


def test_a_verb_is_a_command_with_a_directory() -> None:
    assert CliRunner().invoke(look, ["here"]).output == "looked at here\n"
    assert look.get_short_help_str() == "Look."


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_says_what_it_does(option: str) -> None:
    for name, command in OTHERS.items():
        if (name, option) != ("train", "-h"):
            result = CliRunner().invoke(command, [option])
            assert (result.exit_code, result.output.startswith("Usage: ")) == (0, True), name


def test_without_arguments_a_verb_prints_its_help() -> None:
    assert "Look at the search in DIR." in CliRunner().invoke(look, []).output
