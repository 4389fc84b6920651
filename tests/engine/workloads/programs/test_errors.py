"""How programs fail, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.workloads.programs.errors import (
    GpuMemoryError,
    ProgramError,
    check_end,
    last_lines,
    no_metric,
)
from pcsearch.engine.workloads.programs.process import ProgramEnd


def failure(ended: ProgramEnd, output: Path) -> list[str]:
    with pytest.raises(ProgramError) as caught:
        check_end(ended, output)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("ended", "how"),
    [
        (ProgramEnd(3), "the program failed with exit status 3"),
        (
            ProgramEnd(-9),
            "the program crashed: SIGKILL ended it (it was killed, or the machine's memory"
            " was short)",
        ),
        (
            ProgramEnd(137),
            "the program failed with exit status 137 (SIGKILL: it was killed, or the "
            "machine's memory was short)",
        ),
        (ProgramEnd(-99), "the program crashed: signal 99 ended it"),
        (ProgramEnd(error="x: No such file"), "the program could not be run: x: No such file"),
    ],
)
def test_the_end_is_told_with_the_last_lines(ended: ProgramEnd, how: str, tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    output.write_text("".join(f"line {n}\n\n" for n in range(20)) + "50 %\r100 %\n")
    lines = failure(ended, output)
    assert lines[0] == f"{how}: 100 %"
    assert lines[1:-1] == [f"line {n}" for n in range(13, 20)]
    assert lines[-1] == f"all that it has printed is in {output}"


FOOTER = """\
\x1b[1;34mwandb\x1b[0m: \r\x1b[1;34mwandb\x1b[0m: Run history:
\x1b[1;34mwandb\x1b[0m: loss \u2581\u2588
wandb: You can sync this run to the cloud by running:
\x1b[1;34mwandb\x1b[0m: Find logs at: \x1b[1;35mwandb/offline-run-1/logs\x1b[0m
"""


def test_what_wandb_prints_at_the_end_is_not_the_error(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    memory = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    output.write_text(f"\x1b[31m{memory}\x1b[0m\n{FOOTER * 3}")
    with pytest.raises(GpuMemoryError, match=f"exit status 1: {memory}\n"):
        check_end(ProgramEnd(1), output)
    output.write_text(f"wandb: ERROR no such entity\n{FOOTER}")
    assert last_lines(output) == ["wandb: ERROR no such entity"]
    output.write_text(FOOTER)
    assert last_lines(output)[-1] == "wandb: Find logs at: wandb/offline-run-1/logs"


def test_a_good_end_is_none(tmp_path: Path) -> None:
    check_end(ProgramEnd(0), tmp_path / "none")


def test_an_earlier_try_is_not_blamed(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    output.write_text("CUDA out of memory\n")
    before = output.stat().st_size
    with pytest.raises(ProgramError) as caught:
        check_end(ProgramEnd(-9), output, before)
    assert type(caught.value) is ProgramError
    assert str(caught.value).startswith("the program crashed: SIGKILL ended it (it was")


@pytest.mark.parametrize("after", ["", "cleaning up\n" * 20])
def test_memory_of_the_gpu_is_recognised(after: str, tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    output.write_text(f"OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB\n{after}")
    with pytest.raises(GpuMemoryError):
        check_end(ProgramEnd(1), output)


def test_long_and_broken_output_is_bounded(tmp_path: Path) -> None:
    output = tmp_path / "output.txt"
    output.write_bytes(b"\xff" * 500_000)
    (line,) = last_lines(output)
    assert len(line) < 400
    assert last_lines(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("wanted", "logged", "source", "message"),
    [
        (
            "val_loss",
            {"val_los", "a"},
            "wandb",
            "without the metric 'val_loss'; nearest is 'val_los'; it logged a, val_los",
        ),
        ("x", {f"n{i}" for i in range(10)}, "wandb", "the metric 'x'; it logged n0, n1, n2, n3"),
        ("x", set(), "wandb", "has ended, and logged nothing to W&B; a program that does not use"),
        ("x", set(), "stdout", "has ended, and stdout has no metrics"),
    ],
)
def test_a_program_without_the_metric_is_told(
    wanted: str, logged: set[str], source: str, message: str
) -> None:
    assert message in str(no_metric(wanted, logged, source, ""))


def test_a_program_that_may_have_logged_what_nobody_sees_is_told() -> None:
    assert str(no_metric("x", set(), "wandb", "why")).endswith("without the metric 'x'; why")
    assert str(no_metric("x", {"a"}, "wandb", "why")).endswith("'x'; it logged a; why")
