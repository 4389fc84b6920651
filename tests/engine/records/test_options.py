"""The options of a search, against those of the command line."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import click
import pytest

from pcsearch.command_line.cli import command
from pcsearch.command_line.options import NO_REPORT_VARIABLE
from pcsearch.engine.records.options import OPTIONS_BEFORE, Options

NOT_ASKED = {"program"}
"""What is chosen at the start of a search, and kept."""


@pytest.mark.parametrize(
    "name",
    [each.name for each in fields(Options) if each.name not in {*OPTIONS_BEFORE, *NOT_ASKED}],
)
def test_every_option_is_one_of_the_command_with_the_same_default(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(NO_REPORT_VARIABLE)
    given = command.make_context("pcsearch", ["s.yaml"]).params
    # The command draws a seed where none is given.
    expected = None if name == "seed" else getattr(Options(), name)
    assert given[name] == expected


@pytest.mark.parametrize("name", ["sampler", "compile"])
def test_the_choices_are_those_of_the_command(name: str) -> None:
    choice = next(each.type for each in command.params if each.name == name)
    assert isinstance(choice, click.Choice)
    assert tuple(choice.choices) == get_args(get_type_hints(Options)[name])
