"""``python -m pcsearch compare DIR DIR ...``: searches beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import click

from pcsearch.command_line.verbs.verb import verb
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.exits import DONE
from pcsearch.system.user_files import write_whole

NAME = "compare"


@verb(NAME)
@click.argument("directories", metavar="DIR DIR...", nargs=-1, required=True)
@click.option(
    "--by",
    multiple=True,
    default=("seed",),
    show_default=True,
    metavar="NAME",
    help="The parameter in which repetitions of a configuration differ; may be repeated.",
)
@click.option(
    "--html",
    "page",
    metavar="FILE",
    help="Draw the best values so far there, as a page that opens without a network.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    directories: tuple[str, ...], by: tuple[str, ...], page: str | None, as_json: bool
) -> int:
    """Compare the searches in two or more DIRs that have the same metric.

    It shows the best value of each after the same number of epochs, the best configurations, and
    whether their difference is larger than the spread over the seeds explains. The searches may
    have ended, be running or have been interrupted. Nothing in the directories changes.
    """
    if len(directories) < 2:
        raise click.UsageError("give two directories or more")
    return compare(directories, by, page, as_json)


def compare(places: Sequence[str], by: Sequence[str], page: str | None, as_json: bool) -> int:
    """Print a comparison of searches.

    Args:
        places: the paths or the addresses of their directories.
        by: the parameters in which repetitions of a configuration differ.
        page: a file for the plot; None for no plot.
        as_json: whether it is printed as JSON.

    Raises:
        PcsearchError: there is no such search, one is given twice, they have different metrics, or
            the file cannot be written.
    """
    from pcsearch.engine.results.comparison import compared
    from pcsearch.engine.results.findings import findings_at
    from pcsearch.reports.comparison import best_table, conclusions, document, progress_table
    from pcsearch.reports.notes import console, say, warn

    with ExitStack() as stack:
        searches = [stack.enter_context(findings_at(place, NAME)) for place in places]
        found = [each.place for each in searches]
        twice = sorted({each for each in found if found.count(each) > 1})
        if twice:
            raise PcsearchError([Problem("is given twice; give two searches", e) for e in twice])
        comparison = compared(searches, by)
    # What is damaged, and so not compared.
    warn(console(stderr=True), *(note for each in searches for note in each.notes))
    if page is not None:
        from pcsearch.page.comparison import comparison_page

        write_whole(page, comparison_page(comparison).encode(), "--html")
    if as_json:
        click.echo(document(comparison))
        return DONE
    output = console()
    output.print(progress_table(comparison, output.width))
    output.print(best_table(comparison, output.width))
    for line in conclusions(comparison):
        say(output, line)
    return DONE
