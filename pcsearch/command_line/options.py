"""The options of ``python -m pcsearch``."""

from __future__ import annotations

from pathlib import Path

import click

from pcsearch.command_line.option_values import (
    Duration,
    PathOrAddress,
    WholeNumber,
    from_now,
    parse_overrides,
)

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""The variable from which the option ``--address`` comes where it is not given."""
NO_REPORT_VARIABLE = "PCSEARCH_NO_REPORT"
"""The same for ``--no-report``."""


_POSITIVE = WholeNumber(min=1)
_DURATION = Duration()
SWEEP = click.Argument(["sweep"], required=False, type=click.Path(path_type=Path))
SEARCH = [
    click.Option(
        ["--num-samples", "--count", "num_samples"],
        type=_POSITIVE,
        metavar="N",
        help="Run at most N trials (of a sweep that others run too: N here).",
    ),
    click.Option(
        ["--set", "overrides"],
        multiple=True,
        callback=parse_overrides,
        metavar="KEY=VALUE",
        help="Fix a parameter, whatever the file says; may be repeated.",
    ),
    click.Option(
        ["--sampler"],
        type=click.Choice(["auto", "tpe", "gp", "cmaes", "qmc", "random"]),
        default="auto",
        show_default=True,
        help="The Optuna sampler that chooses the trials of method bayes.",
    ),
    click.Option(
        ["--seed"],
        type=WholeNumber(min=0, max=2**32 - 1),
        metavar="N",
        help="Seed of the search [default: a random one, which is printed].",
    ),
    click.Option(
        ["--replicates"],
        metavar="NAME",
        help="The parameter whose values repeat a configuration, such as seed: means over it are "
        "compared [default: what the file says under replicates].",
    ),
    click.Option(
        ["--no-racing"],
        is_flag=True,
        help="Run every configuration with every seed, also those that can no longer be the best "
        "(with --replicates).",
    ),
    click.Option(
        ["--confirm"],
        type=_POSITIVE,
        metavar="K",
        help="At the end run the best configurations with K fresh seeds (with --replicates).",
    ),
    click.Option(
        ["--enqueue"],
        metavar="FILE",
        help="Try these configurations first: those of a YAML or CSV file, whole or in part, or "
        "that of all defaults (--enqueue defaults).",
    ),
    click.Option(
        ["--trainable"],
        metavar="WHAT",
        help="What a trial runs: program (the file's), pc (the PC transformer), or a function by "
        "MODULE:FUNCTION or FILE.py:FUNCTION [default: the file's program, else pc].",
    ),
    click.Option(
        ["--metrics-from"],
        default="wandb",
        show_default=True,
        metavar="WHERE",
        help="Where the metrics of a program are read from: what it logs to W&B (wandb), what it "
        "prints (stdout), or a file that it writes (FILE.jsonl, FILE.csv).",
    ),
    click.Option(
        ["--epoch-key"],
        metavar="NAME",
        help="What a program or a function reports its epoch as, for early termination [default: "
        "reports with the metric are counted].",
    ),
]
PLAN = [
    click.Option(["--plan"], is_flag=True, help="Print what the search would do, and run nothing."),
    click.Option(
        ["--draw"],
        type=_POSITIVE,
        metavar="N",
        help="Add the first N configurations to the plan (with --plan) [default: 3 where trials "
        "run a program, else none].",
    ),
    click.Option(["--json", "as_json"], is_flag=True, help="Print the plan as JSON (with --plan)."),
]
WANDB = [
    click.Option(
        ["--project"],
        metavar="P",
        help="W&B project [default: that of W&B's settings or the file, or pcsearch].",
    ),
    click.Option(
        ["--entity"],
        metavar="E",
        help="W&B user or team [default: that of W&B's settings or the file].",
    ),
    click.Option(
        ["--name"],
        metavar="NAME",
        help="Name of the experiment: the group of its W&B runs, and in a safe form its folder.",
    ),
    click.Option(
        ["--wandb"],
        type=click.Choice(["auto", "online", "offline", "disabled"]),
        default="auto",
        show_default=True,
        help="Where W&B runs go; auto follows W&B's settings, and is offline without an API key.",
    ),
    click.Option(
        ["--wandb-artifacts"],
        type=click.Choice(["none", "best"]),
        default="none",
        show_default=True,
        help="Upload the best model and each trial's best checkpoint to W&B.",
    ),
    click.Option(
        ["--create-only"],
        is_flag=True,
        help="Register SWEEP at W&B, print its id, and run nothing.",
    ),
    click.Option(
        ["--sweep-id"],
        metavar="ID",
        help="Run a sweep that W&B has, alone or with others: ID, ENTITY/PROJECT/ID or the address "
        "of its page. SWEEP may be left out.",
    ),
]
RESUMING = [
    click.Option(
        ["--storage-path"],
        type=PathOrAddress(),
        default="pcsearch_results",
        show_default=True,
        metavar="DIR",
        help="Where experiments are stored: a folder (that all nodes of a cluster share), or an "
        "address (s3://...).",
    ),
    click.Option(
        ["--resume"],
        type=PathOrAddress(),
        metavar="DIR",
        help="Resume the search in an experiment's directory, or extend it (--num-samples).",
    ),
    click.Option(
        ["--join"],
        type=PathOrAddress(),
        metavar="DIR",
        help="Run trials of the search that another machine runs in DIR, a folder that both have.",
    ),
    click.Option(
        ["--no-report"],
        is_flag=True,
        envvar=NO_REPORT_VARIABLE,
        help="Draw no page (report.html) while the search runs, and at its end.",
    ),
    click.Option(["--rerun-failed"], is_flag=True, help="Run failed trials again (with --resume)."),
    click.Option(
        ["--warm-start"],
        type=PathOrAddress(),
        multiple=True,
        metavar="DIR",
        help="Start method bayes from the results of an older experiment; may be repeated.",
    ),
]
TRIALS = [
    click.Option(
        ["--address"],
        metavar="ADDR",
        envvar=ADDRESS_VARIABLE,
        help="Ray cluster to run on: auto or HOST:PORT on a node of it, ray://HOST:PORT from any "
        "other machine; local is this machine alone [default: RAY_ADDRESS, else local].",
    ),
    click.Option(
        ["--max-concurrent"],
        type=_POSITIVE,
        metavar="N",
        help="Run at most N trials at the same time.",
    ),
    click.Option(
        ["--cpus-per-trial"],
        type=click.FloatRange(min=0, min_open=True),
        default=1.0,
        show_default=True,
        metavar="X",
        help="CPUs for each trial; torch uses as many threads.",
    ),
    click.Option(
        ["--gpus-per-trial"],
        type=click.FloatRange(min=0),
        metavar="X",
        help="GPUs for each trial; 0.25 lets four trials share one [default: 1 if there are any].",
    ),
    click.Option(
        ["--checkpoint-every"],
        type=_POSITIVE,
        default=1,
        show_default=True,
        metavar="N",
        help="Save a checkpoint of each trial every N epochs.",
    ),
    click.Option(
        ["--compile"],
        type=click.Choice(["auto", "off"]),
        default="auto",
        show_default=True,
        help="Compile the training step if there is a C compiler and the trial is long enough.",
    ),
    click.Option(
        ["--max-failures"],
        type=WholeNumber(min=0),
        default=2,
        show_default=True,
        metavar="N",
        help="Retry a failed trial up to N times, from its checkpoint.",
    ),
    click.Option(
        ["--trial-timeout"],
        type=_DURATION,
        metavar="T",
        help="A trial fails if it reports nothing for T (such as 30m, 1h30m).",
    ),
    click.Option(
        ["--grace"],
        type=_DURATION,
        default=30.0,
        show_default=True,
        metavar="T",
        help="A program that is stopped gets SIGTERM, and after T SIGKILL.",
    ),
    click.Option(
        ["--time-budget", "deadline"],
        type=_DURATION,
        callback=from_now,
        metavar="T",
        help="Stop after T (such as 8h), as Ctrl-C does; --resume DIR resumes the search.",
    ),
]
PRINTED = [
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        help="Print warnings, errors and the results only; no live screen.",
    ),
    click.Option(
        ["-v", "--verbose"], is_flag=True, help="Print a line for each report of each trial too."
    ),
]
SECTIONS = {
    "The search": SEARCH,
    "The plan": PLAN,
    "Where trials run, and how": TRIALS,
    "Where results go, and searches that have begun": RESUMING,
    "Weights & Biases": WANDB,
    "What is printed": PRINTED,
}
"""The options by the headings of the help."""
CHANGEABLE = (
    "num_samples",
    "confirm",
    "enqueue",
    "address",
    "max_concurrent",
    "cpus_per_trial",
    "gpus_per_trial",
    "checkpoint_every",
    "compile",
    "max_failures",
    "trial_timeout",
    "deadline",
    "no_report",
    "quiet",
    "verbose",
    "wandb",
    "wandb_artifacts",
)
"""The options that a driver may change when it resumes or joins a search."""
