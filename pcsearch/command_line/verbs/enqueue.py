"""``python -m pcsearch enqueue DIR FILE``: configurations that a running search tries next."""

from __future__ import annotations

import click

from pcsearch.command_line.verbs.asking import ask_running, drivers_at
from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

NAME = "enqueue"


@verb(NAME, short_help="Have a running search try some configurations next.")
@DIRECTORY
@click.argument("file", metavar="FILE|defaults")
def command(directory: str, file: str) -> int:
    """Have the search that runs in DIR try the configurations of FILE next, or all defaults.

    DIR is the directory, or the address, of the search. FILE is a list in YAML or JSON, or a table
    in CSV, as for --enqueue.
    """
    return enqueue_configurations(directory, file)


def enqueue_configurations(place: str, what: str) -> int:
    """Have a running search try some configurations next.

    Args:
        place: the path or the address of its directory.
        what: a file, or ``defaults``.

    Raises:
        PcsearchError: nobody runs the search, it does not answer, or the file is wrong.
    """
    from pcsearch.engine.cluster.environment import set_environment
    from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
    from pcsearch.engine.records.drivers.asking import not_running
    from pcsearch.engine.records.drivers.requests import Request, asker
    from pcsearch.sessions.resuming import check_own_sweep

    # Before Ray is imported, which the user's function may do.
    set_environment()
    with drivers_at(place, NAME) as (directory, drivers):
        if not any(driver.lives() for driver in drivers):
            raise not_running(directory)
        if directory.copy is not None:
            directory.copy.fetch(wandb=False)
        experiment, tracking = resumed_experiment(directory, {}, option=NAME, enqueue=what)
        check_own_sweep(experiment, tracking)
        assert experiment.queue is not None
        for line in experiment.queue_lines:
            click.echo(line, err=True)
        configs = experiment.queue.event.configs
        if not configs:
            return DONE
        request = Request("enqueue", asker(), configs=configs)
        ask_running(directory, drivers, request, f"configurations to try next: {len(configs)}")
    return DONE
