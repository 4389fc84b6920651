"""A user's mistakes: what each says on standard error, with status 2, before anything starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pcsearch.command_line.cli import main
from pcsearch.train.command import main as train_main

pytestmark = pytest.mark.oldest

ROOT = Path(__file__).parents[2]

TINY = "\n  dataset: {value: digits}\n  batch_size: {value: 100}\n"
SWEEPS = {
    "malformed YAML": (
        "method: grid\nparameters: {a: [1, 2\n",
        [
            "s.yaml:3:1: while parsing a flow sequence, did not find expected ',' or ']'; "
            "close the '[' of line 2, or put a comma between its parts"
        ],
    ),
    "not a mapping": ("- method\n", ["s.yaml:1:1: "]),
    "an unknown parameter": (
        f"method: grid\nparameters:\n  peak_lr_hiden: {{value: 0.1}}{TINY}",
        [
            "s.yaml:3:3: parameters.peak_lr_hiden: the model has no parameter 'peak_lr_hiden'; "
            "did you mean 'peak_lr_hidden'?"
        ],
    ),
    "min above max": (
        f"method: random\nrun_cap: 1\nparameters:\n  theta: {{min: 0.3, max: 0.2}}{TINY}",
        ["s.yaml:4:11: parameters.theta: min 0.3 is greater than max 0.2"],
    ),
    "an unknown method": (
        f"method: bayse\nparameters:{TINY}",
        ["s.yaml:1:1: method: unknown method 'bayse'; did you mean 'bayes'?"],
    ),
    "wrong types and ranges": (
        "method: grid\nparameters:\n  num_blocks: {values: [1, two]}\n"
        f"  hidden_size: {{value: 31}}\n  corrupt_ratio: {{value: 1.5}}{TINY}",
        [
            "s.yaml:3:3: parameters.num_blocks: should be a valid integer, got 'two'",
            "s.yaml:4:3: parameters.hidden_size: should be a multiple of 2, got 31",
            "s.yaml:5:3: parameters.corrupt_ratio: should be less than 1, got 1.5",
        ],
    ),
    "a range that leaves the field's": (
        f"method: random\nrun_cap: 1\nparameters:\n  hidden_momentum: {{min: 0.5, max: 1.5}}{TINY}",
        ["s.yaml:4:3: parameters.hidden_momentum: should be less than 1, got 1.5"],
    ),
    "an empty grid": (
        f"method: grid\nparameters:\n  seed: {{values: []}}{TINY}",
        ["s.yaml:3:10: parameters.seed: values is empty; give at least one"],
    ),
    "no end": (
        f"method: random\nparameters:\n  seed: {{min: 1, max: 9}}{TINY}",
        [
            "s.yaml: method random has no end of its own; give --num-samples N or run_cap: N in "
            "the file"
        ],
    ),
    "a metric that no run reports": (
        f"method: grid\nmetric: {{name: best_val_msee}}\nparameters:{TINY}",
        ["s.yaml:2:", "metric: the model reports no number 'best_val_msee'; did you mean"],
    ),
    "fields that do not go together": (
        "method: grid\nparameters:\n  num_heads: {values: [1, 5]}\n"
        f"  hidden_size: {{value: 32}}{TINY}",
        ["s.yaml:3:3: parameters.num_heads: 5 heads do not divide hidden_size 32"],
    ),
    "a form that is not supported": (
        f"method: custom\nscheduler: {{engine: ax}}\nmetric: {{name: x}}\nparameters:{TINY}",
        ["s.yaml:2:13: scheduler.engine: engine 'ax' is not supported; use optuna or wandb"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), SWEEPS.values(), ids=SWEEPS)
def test_a_wrong_sweep_is_refused_with_its_line(
    text: str,
    expected: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(text, encoding="utf-8")
    assert main(["s.yaml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith("error: ") for line in err.splitlines())
    for part in expected:
        assert part in err
    assert [path.name for path in tmp_path.iterdir()] == ["s.yaml"]


QUICKSTART = str(ROOT / "search_spaces" / "quickstart.yaml")
ARCHITECTURE_GRID = str(ROOT / "search_spaces" / "architecture_grid.yaml")
OPTIONS = {
    "a missing file": (["nosuch.yaml"], "error: nosuch.yaml: no such file\n"),
    "no file": (
        [],
        "error: give a SWEEP file, --sweep-id ID, --resume DIR or --join DIR (--help tells more)\n",
    ),
    "an unknown option": ([QUICKSTART, "--num-sample", "3"], "No such option '--num-sample'"),
    "no trials": ([QUICKSTART, "--num-samples", "0"], "0 is not in the range x>=1"),
    "--set without a value": ([QUICKSTART, "--set", "epochs"], "'epochs' is not KEY=VALUE"),
    "--set with a broken value": ([QUICKSTART, "--set", "epochs=[1"], "the value is not YAML"),
    "--set of nothing": ([QUICKSTART, "--set", "epochs="], "'epochs=' is not KEY=VALUE"),
    "--set with a tag": (
        [QUICKSTART, "--set", "seed=!!binary aGk="],
        "the value is not YAML: tag !!binary is not supported; only plain values are",
    ),
    "--set with a key twice": (
        [QUICKSTART, "--set", "seed={1: 3, 1: [4]}"],
        "the value is not YAML: given twice",
    ),
    "--set with a date, which is text": (
        [QUICKSTART, "--num-samples", "1", "--set", "epochs=2020-01-01"],
        "parameters.epochs: should be a valid integer, got '2020-01-01'",
    ),
    "--set with an unknown key": (
        [QUICKSTART, "--num-samples", "1", "--set", "epocs=1"],
        "error: --set epocs: parameters.epocs: the model has no parameter 'epocs'; did you mean "
        "'epochs'?\n",
    ),
    "an address that is none": (
        [QUICKSTART, "--num-samples", "1", "--address", "nonsense"],
        "error: --address: 'nonsense' is not HOST:PORT",
    ),
    "nobody at the address": (
        [QUICKSTART, "--num-samples", "1", "--address", "127.0.0.1:1"],
        "error: --address: nothing answers at 127.0.0.1:1",
    ),
    "online without a key": (
        [QUICKSTART, "--num-samples", "1", "--wandb", "online"],
        "error: --wandb online needs an API key",
    ),
    "create-only without a key": (
        [QUICKSTART, "--create-only"],
        "error: --create-only needs an API key; run wandb login\n",
    ),
    "create-only offline": (
        [QUICKSTART, "--create-only", "--wandb", "offline"],
        "error: --create-only needs W&B's server, not --wandb offline",
    ),
    "create-only from old results": (
        [QUICKSTART, "--create-only", "--warm-start", "nowhere"],
        "error: --create-only starts no search for --warm-start; give it to the search that runs "
        "the sweep (--sweep-id ID)",
    ),
    "create-only of a sweep that is there": (
        [QUICKSTART, "--create-only", "--sweep-id", "abc"],
        "error: --create-only and --sweep-id do not go together",
    ),
    "quiet and verbose": (
        [QUICKSTART, "-q", "-v"],
        "error: --quiet and --verbose do not go together",
    ),
    "a resumed search in another sweep": (
        ["--resume", "nowhere", "--sweep-id", "abc"],
        "error: --sweep-id and --resume do not go together",
    ),
    "a sweep id that is none": (
        ["--sweep-id", "a/b/c/d"],
        "error: --sweep-id: 'a/b/c/d' is not the id of a sweep; write ID, ENTITY/PROJECT/ID or the",
    ),
    "a sweep id of another project": (
        ["--sweep-id", "lab/pc/abc", "--project", "other"],
        "error: --project: other is not that of the sweep lab/pc/abc; leave it out",
    ),
    "a sweep id alone without a key": (
        ["--sweep-id", "lab/pc/abc"],
        "error: --sweep-id: without a SWEEP file the server has to give the sweep, but W&B: "
        "offline (no API key",
    ),
    "a sweep id without W&B": (
        [QUICKSTART, "--sweep-id", "abc", "--wandb", "disabled"],
        "error: --sweep-id needs W&B, not --wandb disabled",
    ),
    "failed trials of nothing": (
        [QUICKSTART, "--rerun-failed"],
        "error: --rerun-failed needs --resume DIR",
    ),
    "what an experiment keeps": (
        ["--resume", "nowhere", "--seed", "1", "--sampler", "tpe"],
        "error: --resume: --sampler cannot change in a resumed search; leave it out\n"
        "error: --resume: --seed cannot change in a resumed search; leave it out\n",
    ),
    "a time that is none": (
        [QUICKSTART, "--time-budget", "8 hours"],
        "'8 hours' is not a time; write seconds, or such as 90s, 30m, 8h, 1h30m",
    ),
    "no time": ([QUICKSTART, "--trial-timeout", "0s"], "'0s' is not a time above 0"),
    "a warm start from nothing": (
        [QUICKSTART, "--num-samples", "1", "--warm-start", "nowhere"],
        "no experiment is here",
    ),
    "a warm start of a grid": (
        [ARCHITECTURE_GRID, "--warm-start", "nowhere"],
        "error: --warm-start: method grid does not learn from results; use method bayes",
    ),
    "a plan from nothing": ([QUICKSTART, "--plan", "--warm-start", "nowhere"], "no experiment is "),
    "a plan of a grid that learns": (
        [ARCHITECTURE_GRID, "--plan", "--warm-start", "nowhere"],
        "error: --warm-start: method grid does not learn from results; use method bayes",
    ),
    "checkpoints of a function's own": (
        [QUICKSTART, "--trainable", "json:loads", "--checkpoint-every", "2"],
        "error: --checkpoint-every: is for the PC transformer only; leave it out",
    ),
    "a function that is compiled": (
        [QUICKSTART, "--trainable", "json:loads", "--compile", "off"],
        "error: --compile: is for the PC transformer only; leave it out",
    ),
    "nothing to resume": (["--resume", "nowhere"], "no experiment is here"),
    "a storage that nothing opens": (
        [QUICKSTART, "--num-samples", "1", "--storage-path", "nosuch://bucket/results"],
        "error: --storage-path: nosuch://bucket/results: cannot be used (Protocol not known",
    ),
    "a storage that is a file": ([QUICKSTART, "--storage-path", QUICKSTART], "is a file"),
    "a search whose address has a secret": (
        ["--resume", "s3://key:secret@bucket/x"],
        "error: --resume: the s3:// address holds a secret",
    ),
    "a folder as an address": (["--resume", "file:///nowhere"], "/nowhere: no experiment is here"),
    "CIFAR-10 that is not there": (
        [str(ROOT / "search_spaces" / "development.yaml"), "--set", "dataset=cifar10"],
        "cifar-10-python.tar.gz",
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), OPTIONS.values(), ids=OPTIONS)
def test_a_wrong_option_is_refused(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PCSEARCH_CIFAR10_URL", "http://127.0.0.1:1/cifar-10-python.tar.gz")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert "Traceback" not in err


def test_a_missing_data_set_names_directory_archive_and_alternative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PCSEARCH_CIFAR10_URL", "http://127.0.0.1:1/cifar-10-python.tar.gz")
    sweep = str(ROOT / "search_spaces" / "production_random.yaml")
    assert main([sweep, "--set", f"data_dir={tmp_path / 'images'}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for part in (str(tmp_path / "images"), "cifar-10-python.tar.gz", "digits"):
        assert part in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--datasett", "digits"], "--datasett: the model has no parameter 'datasett'; did you"),
        (["--epochs", "two"], "error: --epochs: should be a valid integer, got 'two'\n"),
        (["--epochs"], "error: --epochs: a value is missing\n"),
        (["digits"], "error: 'digits' is not an option; write --FIELD VALUE\n"),
        (["--config", "7block"], "error: --config: no preset '7block'"),
    ],
)
def test_a_wrong_single_run_is_refused(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main(arguments) == 2
    assert expected in capsys.readouterr().err


def test_the_command_itself_ends_with_status_2_and_no_traceback() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pcsearch", "nosuch.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "error: nosuch.yaml: no such file\n"
