"""A main command beside others: which one runs, the help, and what a shell completes."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from pcsearch.command_line.cli import program
from pcsearch.command_line.command_group import CommandGroup, SectionedCommand, command_list

ALPHA, BETA, GAMMA = (click.Option([name], help=name[2:]) for name in ("--alpha", "--beta", "--g"))


@click.command(
    "tool",
    cls=SectionedCommand,
    sections={"First": [ALPHA], "Second": [BETA, GAMMA]},
    more=[click.Argument(["file"], required=False)],
)
def main(**values: object) -> tuple[str, object]:
    """Do the main thing."""
    return "main", {name: value for name, value in values.items() if value is not None}


@click.command("other", short_help="Do the other thing.")
@click.argument("place")
def other(place: str) -> tuple[str, object]:
    return "other", place


GROUP = CommandGroup("tool", main, {"other": other})


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        ([], ("main", {})),
        (["file"], ("main", {"file": "file"})),
        (["--beta", "other", "x"], ("main", {"beta": "other", "file": "x"})),
        (["other", "x"], ("other", "x")),
        (["./other"], ("main", {"file": "./other"})),
    ],
)
def test_the_first_word_says_which_command_runs(
    arguments: list[str], called: tuple[str, object]
) -> None:
    assert GROUP.main(arguments, standalone_mode=False) == called


def test_the_help_has_sections_in_their_order() -> None:
    text = CliRunner().invoke(GROUP, ["--help"], prog_name="tool").output
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    assert lines[0] == "Usage: tool [OPTIONS] [FILE]"
    assert [line for line in lines if line.endswith(":")] == ["First:", "Second:", "Help:"]
    assert lines.index("Second:") < lines.index("--beta TEXT  beta") < lines.index("Help:")
    assert (
        CliRunner()
        .invoke(GROUP, ["other", "--help"], prog_name="tool")
        .output.startswith("Usage: tool other [OPTIONS] PLACE\n")
    )


def test_the_other_commands_are_listed_with_what_they_do() -> None:
    text = command_list({"First": {"other": other}, "Second": {"o": other}})
    line = "Do the other thing."
    assert text.split("\n\n")[1:] == [
        f"\b\nFirst:\n  other  {line}",
        f"\b\nSecond:\n  o      {line}",
    ]


@pytest.mark.parametrize(
    ("words", "incomplete", "some"),
    [
        ([], "", {"results", "clean", "train"}),
        ([], "re", {"results"}),
        ([], "--num", {"--num-samples"}),
        (["s.yaml"], "--max-c", {"--max-concurrent"}),
        (["s.yaml", "--sampler"], "t", {"tpe"}),
        (["results"], "--wh", {"--where"}),
    ],
)
def test_a_shell_completes_commands_options_and_values(
    words: list[str], incomplete: str, some: set[str]
) -> None:
    completed = ShellComplete(program, {}, "pcsearch", "_PCSEARCH_COMPLETE")
    values = {item.value for item in completed.get_completions(words, incomplete)}
    assert some <= values
    assert all(value.startswith(incomplete) for value in values)
