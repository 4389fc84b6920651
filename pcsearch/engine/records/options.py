"""What a user asks of one search besides its sweep file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pcsearch.sweeps.file_versions import FIRST, NEWEST, Language

SamplerName = Literal["auto", "tpe", "gp", "cmaes", "qmc", "random"]

OPTIONS_BEFORE = {"repeats": True, "language": FIRST}
"""The options that the records of earlier versions lack, as these versions had them."""
OF_ONE_SESSION = ("deadline", "address", "no_report", "quiet", "verbose")
"""The options that a session has and no record keeps."""


@dataclass(frozen=True)
class Options:
    """The options of one search.

    Args:
        num_samples: a cap on the number of trials.
        name: of the experiment; made from the sweep's and the time when left out.
        storage_path: the folder that holds the experiment's directory, or its address.
        address: of a running Ray cluster (``HOST:PORT``, ``ray://HOST:PORT`` or ``auto``); None
            runs on this machine.
        max_concurrent: how many trials run at once at most; None for as many as there is room for.
        cpus_per_trial: what a trial occupies; torch uses as many threads, at least one.
        gpus_per_trial: None for one where the cluster has GPUs, else none.
        seed: of random draws and of the searcher.
        overrides: parameters fixed over the file, by name.
        sampler: which of Optuna's samplers suggests the trials of ``bayes``.
        trainable: ``MODULE:FUNCTION`` that trials call, the function itself, ``program`` for the
            file's program, or ``pc`` for the PC transformer; None lets the file decide, and in a
            search that has begun it is the PC transformer.
        program: what stands for the program in its command, where trials run that.
        metrics_from: where the metrics of programs are read from: ``wandb``, ``stdout`` or a file.
        epoch_key: the name in a report by which a trial says its epoch; None counts reports.
        grace: how many seconds a program may take to end after SIGTERM.
        checkpoint_every: after how many epochs a trial's state is kept.
        compile: whether trials may run code that is compiled on their nodes, ``auto`` where that
            pays.
        max_failures: how often a trial is tried again.
        trial_timeout: how many seconds a trial may run without a report; None for no limit.
        deadline: when the session is to end, of `time.monotonic`; None for no limit.
        no_report: whether no page is drawn while the session runs, and at its end.
        quiet: whether the session tells warnings, errors and its results only.
        verbose: whether the session tells each report of each trial.
        warm_start: directories of older experiments whose results the searcher starts from.
        replicates: the name of the parameter whose values repeat a configuration, None without one.
        no_racing: whether every configuration runs with every seed, instead of a race.
        confirm: with how many fresh seeds the best configurations run at the end, None for none.
        repeats: whether a configuration may run twice, as in the experiments of earlier versions.
        language: how the sweep file is read; 1 in the experiments of earlier versions.
    """

    num_samples: int | None = None
    name: str | None = None
    storage_path: str | Path = "pcsearch_results"
    address: str | None = None
    max_concurrent: int | None = None
    cpus_per_trial: float = 1
    gpus_per_trial: float | None = None
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    sampler: SamplerName = "auto"
    trainable: str | Callable[[dict[str, Any]], Any] | None = None
    program: str | None = None
    metrics_from: str = "wandb"
    epoch_key: str | None = None
    grace: float = 30.0
    checkpoint_every: int = 1
    compile: Literal["auto", "off"] = "auto"
    max_failures: int = 2
    trial_timeout: float | None = None
    deadline: float | None = None
    no_report: bool = False
    quiet: bool = False
    verbose: bool = False
    warm_start: tuple[str, ...] = ()
    replicates: str | None = None
    no_racing: bool = False
    confirm: int | None = None
    repeats: bool = False
    language: Language = NEWEST
