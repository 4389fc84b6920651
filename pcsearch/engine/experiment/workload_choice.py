"""Chooses what trials run: the file's program, a function, or the PC transformer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from pcsearch.engine.records.options import Options
from pcsearch.engine.workloads.given_function import label_of
from pcsearch.engine.workloads.pc_transformer import PCTransformer
from pcsearch.engine.workloads.programs.follower import STDOUT, WANDB
from pcsearch.engine.workloads.programs.location import look_for, missing_program
from pcsearch.engine.workloads.programs.workload import NAME as PROGRAM
from pcsearch.engine.workloads.programs.workload import ProgramWorkload
from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.engine.workloads.workload import Workload
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import PRESET_KEY, ModelConfig
from pcsearch.sweeps.keys import SINGLE_RUN
from pcsearch.sweeps.program import parse_program
from pcsearch.sweeps.reading.document import Document
from pcsearch.sweeps.reading.loader import load

TRANSFORMER = "pc"
"""The value of ``--trainable`` that names the PC transformer."""
_NAMES_A_PROGRAM = re.compile(r"""^[\s{]*["']?(?:program|command)["']?\s*:|["']program["']""", re.M)


@dataclass(frozen=True)
class SweepText:
    """A sweep file that is not read yet.

    Args:
        text: of the file.
        file: its path, or its name in messages.
    """

    text: str
    file: str | Path


def choose(
    options: Options, folder: Path, sweep: SweepText, has_begun: bool
) -> tuple[Workload, Options]:
    """Choose what trials run.

    Args:
        options: of the search.
        folder: where it was started.
        sweep: its file.
        has_begun: whether the search has begun: the choice is in its options then.

    Returns:
        The workload, and the options with the choice, for later sessions.

    Raises:
        PcsearchError: there is no such thing, or an option does not go with it.
    """
    if not has_begun and options.trainable in (None, PROGRAM):
        options = _decided(options, folder, sweep)
    workload = workload_of(options, folder)
    check_metrics_file(options)
    return workload, options


def workload_of(options: Options, folder: Path) -> Workload:
    """The workload of a search whose options say it.

    Raises:
        PcsearchError: an option does not go with it.
    """
    target = None if options.trainable == TRANSFORMER else options.trainable
    if target != PROGRAM:
        _refuse_options_of_programs(options)
    if target is None:
        if options.epoch_key is not None:
            message = "is for programs and functions; leave it out (the PC transformer knows)"
            raise PcsearchError(Problem(message, "--epoch-key"))
        return PCTransformer()
    what = "a program" if target == PROGRAM else "a function"
    if options.checkpoint_every > 1:
        message = f"is for the PC transformer only; leave it out ({what} saves its own checkpoints)"
        raise PcsearchError(Problem(message, "--checkpoint-every"))
    if options.compile == "off":
        message = f"is for the PC transformer only; leave it out ({what} is never compiled)"
        raise PcsearchError(Problem(message, "--compile"))
    if target == PROGRAM:
        word = options.program or ""
        return ProgramWorkload(word, folder, options.grace, options.metrics_from, options.epoch_key)
    if isinstance(target, str):
        return UserFunction(target, folder, epoch_key=options.epoch_key)
    return UserFunction(label_of(target), folder, target, options.epoch_key)


def _decided(options: Options, folder: Path, sweep: SweepText) -> Options:
    """The options of a new search with the choice that its file makes.

    Raises:
        PcsearchError: the file's program is asked for or needed, and is not there.
    """
    document = _document(sweep)
    program = None if document is None else parse_program(document, [], [])
    is_own = program is not None and program.name == SINGLE_RUN and options.trainable is None
    if document is None or program is None or is_own:
        return options
    found = look_for(program, folder, Path(sweep.file))
    if found.word is not None:
        return replace(options, trainable=PROGRAM, program=found.word)
    if options.trainable == PROGRAM or not _is_of_the_model(document):
        raise PcsearchError(missing_program(program, found, folder))
    return options


def _document(sweep: SweepText) -> Document | None:
    """The file where it may name a program; None where it cannot be read, which is told later."""
    if not _NAMES_A_PROGRAM.search(sweep.text):
        return None
    try:
        return load(sweep.text, str(sweep.file))
    except PcsearchError:
        return None


def _is_of_the_model(document: Document) -> bool:
    parameters = document.value.get("parameters")
    names = parameters if isinstance(parameters, dict) else {}
    return all(name in ModelConfig.model_fields or name == PRESET_KEY for name in names)


def reads_a_file(options: Options) -> bool:
    """Whether metrics are read from a file of the program, the same for all its trials."""
    return options.metrics_from not in (WANDB, STDOUT)


def check_metrics_file(options: Options) -> None:
    """Check that no two trials write the file that metrics are read from at the same time.

    Raises:
        PcsearchError: they may.
    """
    if reads_a_file(options) and options.max_concurrent != 1:
        message = (
            "is one file for all trials: add --max-concurrent 1, or let the program print its "
            f"metrics (--metrics-from {STDOUT})"
        )
        raise PcsearchError(Problem(message, f"--metrics-from {options.metrics_from}"))


def _refuse_options_of_programs(options: Options) -> None:
    for option, given, default in (
        ("--metrics-from", options.metrics_from, WANDB),
        ("--grace", options.grace, Options.grace),
    ):
        if given != default:
            message = "is for programs only; leave it out, or give --trainable program"
            raise PcsearchError(Problem(message, option))
