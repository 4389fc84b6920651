"""``python -m pcsearch compare DIR DIR ...``: searches beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from pcsearch.exits import DONE

NAME = "compare"


@click.command(
    f"pcsearch {NAME}",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
)
@click.argument("directories", metavar="DIR DIR...", nargs=-1, required=True)
@click.option(
    "--by",
    multiple=True,
    default=("seed",),
    show_default=True,
    metavar="NAME",
    help="The parameter in which repetitions of a configuration differ; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(directories: tuple[str, ...], by: tuple[str, ...], as_json: bool) -> int:
    """Compare the searches in two or more DIRs that have the same metric.

    It shows the best value of each after the same number of epochs, the best configurations, and
    whether their difference is larger than the spread over the seeds explains. The searches may
    have ended, be running or have been interrupted. Nothing in the directories changes.
    """
    if len(directories) < 2:
        raise click.UsageError("give two directories or more")
    return compare(directories, by, as_json)


def compare(places: Sequence[str], by: Sequence[str], as_json: bool) -> int:
    """Print a comparison of searches.

    Args:
        places: the paths or the addresses of their directories.
        by: the parameters in which repetitions of a configuration differ.
        as_json: whether it is printed as JSON.

    Raises:
        PcsearchError: there is no such search, or they have different metrics.
    """
    from pcsearch.engine.results.comparison import compared
    from pcsearch.engine.results.findings import findings_at
    from pcsearch.reports.comparison import best_table, conclusions, document, progress_table
    from pcsearch.session import console, say

    with ExitStack() as stack:
        searches = [stack.enter_context(findings_at(place, NAME)) for place in places]
        comparison = compared(searches, by)
    if as_json:
        click.echo(document(comparison))
        return DONE
    output = console()
    output.print(progress_table(comparison, output.width))
    output.print(best_table(comparison, output.width))
    for line in conclusions(comparison):
        say(output, line)
    return DONE
