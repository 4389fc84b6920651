"""``python -m pcsearch results DIR``: the trials of a search, ranked, and what they say."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "results"
ROWS = 20


@verb(NAME)
@DIRECTORY
@click.option(
    "--by",
    multiple=True,
    metavar="NAME",
    help="Make one row of the trials that differ in this parameter only, such as seed, with means "
    "and standard deviations; may be repeated.",
)
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Show trials for which it holds: 'num_blocks=3', 'loss<0.1', 'status!=failed'; may be "
    "repeated.",
)
@click.option(
    "--sort",
    metavar="NAME",
    help="Sort by a metric, the best first, or by a parameter, trial, status, epochs, seconds or "
    "node, the least first; -NAME turns the order round [default: the best first].",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Show at most N rows [default: {ROWS}; as JSON all].",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(
    directory: str,
    by: tuple[str, ...],
    where: tuple[str, ...],
    sort: str | None,
    top: int | None,
    as_json: bool,
) -> int:
    """Show what the search in DIR has found: its trials, the best first.

    DIR is the directory, or the address, of a search that has ended, is running or was
    interrupted. Nothing in it changes.
    """
    if by and sort:
        raise click.UsageError("--sort is for trials; rows of --by are sorted by their means")
    return show_results(directory, by, where, sort, top, as_json)


def show_results(
    place: str,
    by: Sequence[str],
    where: Sequence[str],
    sort: str | None,
    top: int | None,
    as_json: bool,
) -> int:
    """Print the trials of a search, or groups of them, and what they say.

    Args:
        place: the path or the address of its directory.
        by: the parameters in which the trials of a group differ; empty for no groups.
        where: the conditions of `selected`.
        sort: the order of `selected`.
        top: how many rows there are at most; None for `ROWS`, and as JSON for all.
        as_json: whether everything is printed as JSON.

    Raises:
        PcsearchError: there is no such search, or a name or a condition is wrong.
    """
    from pcsearch.engine.results.findings import findings_at
    from pcsearch.engine.results.groups import grouped
    from pcsearch.engine.results.importance import importances
    from pcsearch.engine.results.selection import selected
    from pcsearch.reports.configurations import configurations_table
    from pcsearch.reports.findings import document, groups_table, summary, trials_table
    from pcsearch.reports.notes import console, say

    with findings_at(place, NAME) as findings:
        trials = selected(findings, where, sort)
        results = [each.result for each in trials]
        groups = grouped(results, findings.searched, findings.metrics, by) if by else None
        importance = importances(findings)
        configurations = [] if by or where or sort else findings.configurations
    if as_json:
        some = None if groups is None else groups[:top]
        click.echo(document(findings, trials[:top], some, importance))
        return DONE
    output, top = console(), top or ROWS
    if where and not trials:
        say(output, "No trial fulfils the conditions.")
    if groups is not None:
        output.print(groups_table(findings, groups, top, output.width))
    elif configurations:
        output.print(configurations_table(configurations, findings.metrics, top, output.width))
    else:
        output.print(trials_table(findings, trials, top, output.width))
    for line in summary(findings, trials, importance):
        say(output, line)
    return DONE
