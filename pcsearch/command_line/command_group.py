"""A program of several commands: a main one, which needs no name, and others by their names.

``pcsearch sweep.yaml`` is the main command, ``pcsearch results DIR`` one of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

MAIN = "SWEEP"
"""The main command's name inside click; users never write it."""


class SectionedCommand(click.Command):
    """A command whose help lists its options in sections.

    Args:
        name: of the command.
        sections: the options, by the headings of their sections.
        more: the parameters that stand in no section and come first.
        params: those that come last.
        settings: of `click.Command`.
    """

    def __init__(
        self,
        name: str | None,
        *,
        sections: Mapping[str, Sequence[click.Option]],
        more: Sequence[click.Parameter] = (),
        params: Sequence[click.Parameter] | None = None,
        **settings: Any,
    ) -> None:
        placed = [option for options in sections.values() for option in options]
        super().__init__(name, params=[*more, *placed, *(params or ())], **settings)
        self._sections = sections

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage; the main command of a group has no name of its own."""
        formatter.write_usage(ctx.command_path.strip(), " ".join(self.collect_usage_pieces(ctx)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section; last those in none, such as ``--help``."""
        placed = {id(option) for options in self._sections.values() for option in options}
        every = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        rest = [each for each in every if id(each) not in placed]
        for heading, options in {**self._sections, "Help": rest}.items():
            records = [each.get_help_record(ctx) for each in options]
            rows = [record for record in records if record is not None]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


class CommandGroup(click.Group):
    """A group with a main command, which runs where no other is named.

    Args:
        name: of the program.
        main: the main command.
        others: the other commands, by their names.
    """

    def __init__(self, name: str, main: click.Command, others: Mapping[str, click.Command]) -> None:
        super().__init__(name, commands={MAIN: main, **others}, add_help_option=False)
        self._main, self._others = main, others

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the main command before arguments that name no other."""
        # The first word, which a shell completes, may name one.
        is_first_word = ctx.resilient_parsing and not args
        if not is_first_word and (not args or args[0] not in self._others):
            args = [MAIN, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; the help of the main one is that of the program."""
        name, command, rest = super().resolve_command(ctx, args)
        return ("" if name == MAIN else name), command, rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Suggest what the first word may be: a command, or an option or a file of the main one."""
        names = [name for name in self._others if name.startswith(incomplete)]
        items = [CompletionItem(n, help=self._others[n].get_short_help_str()) for n in names]
        main = self._main.make_context(ctx.info_name, [], parent=ctx, resilient_parsing=True)
        return [*items, *self._main.shell_complete(main, incomplete)]


def command_list(groups: Mapping[str, Mapping[str, click.Command]]) -> str:
    """The list of the other commands at the end of the main one's help, each with what it does.

    Args:
        groups: the commands by their headings and names.
    """
    width = max(len(name) for commands in groups.values() for name in commands)
    parts = ["Other commands (COMMAND --help tells more)"]
    for heading, commands in groups.items():
        lines = [
            f"  {name:<{width}}  {each.get_short_help_str(80)}" for name, each in commands.items()
        ]
        parts.append("\n".join((f"{heading}:", *lines)))
    return "\n\n".join(f"\b\n{part}" for part in parts)
