"""The error of a program is told from what its launcher says after it."""

from __future__ import annotations

import pytest

from pcsearch.engine.workloads.programs.launchers import without_launcher

TORCHRUN = """\
W1130 19:01:40.102000 32011 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process
E1130 19:01:40.220000 32011 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode
Traceback (most recent call last):
  File "bin/torchrun", line 8, in <module>
    raise ChildFailedError(
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[1]:
  rank      : 0 (local_rank: 0)
  traceback : Signal 15 (SIGTERM) received by PID 32080
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  traceback : %s
============================================================"""
ADVICE = "To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html"
RANKS = """\
epoch 1
[rank1]: Traceback (most recent call last):
[rank1]:   File "train.py", line 3, in <module>
[rank1]: ValueError: on purpose
[rank0]: Traceback (most recent call last):
[rank0]: RuntimeError: Connection closed by peer"""
ACCELERATE = """\
Traceback (most recent call last):
  File "bin/accelerate", line 8, in <module>
subprocess.CalledProcessError: Command '['python', 'train.py']' returned non-zero exit status 1."""
GIT = """\
Traceback (most recent call last):
  File "train.py", line 2, in <module>
subprocess.CalledProcessError: Command '['git', 'rev-parse']' returned non-zero exit status 128."""
NCCL = (
    "[rank1]:[W1130 19:01:39.995 ProcessGroupNCCL.cpp:1250] Warning: process group has NOT been "
    "destroyed before we destruct ProcessGroupNCCL."
)
OWN = """\
Traceback (most recent call last):
  File "train.py", line 3, in <module>
ValueError: on purpose"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (f"{RANKS}\n{TORCHRUN % ADVICE}", OWN),
        (f"{OWN}\n{TORCHRUN % ADVICE}", OWN),
        (f"{OWN}\n{ACCELERATE}", OWN),
        (
            f"epoch 1\n{TORCHRUN % 'Signal 9 (SIGKILL) received by PID 7'}",
            "epoch 1\nSignal 9 (SIGKILL) has ended a process of the program",
        ),
        (ACCELERATE, ACCELERATE),
        (f"epoch 1\n{GIT}", f"epoch 1\n{GIT}"),
        (f"{GIT}\n{OWN}", f"{GIT}\n{OWN}"),
        (f"{GIT}\n{OWN}\n{ACCELERATE}", f"{GIT}\n{OWN}"),
        (f"{RANKS}\n{NCCL}\n{TORCHRUN % ADVICE}", OWN),
        (OWN, OWN),
        ("", ""),
    ],
)
def test_the_error_of_the_program_is_last(output: str, expected: str) -> None:
    assert without_launcher(output.splitlines()) == expected.splitlines()
