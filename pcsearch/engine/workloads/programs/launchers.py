"""Removes what ``torchrun`` and ``accelerate launch`` print after a program's own error."""

from __future__ import annotations

import re
from collections.abc import Sequence

LOG = re.compile(r"[WEI]\d{4} .*torch/distributed/|(\[rank\d+\]: ?)?\[[WEI]\d{4} [^\]]*\.cpp:\d+\]")
"""How a line of torchrun's own log begins, or one that torch's C++ writes as a rank ends."""
TRACEBACK = "Traceback (most recent call last):"
OF_TORCHRUN = re.compile(r"torch\.distributed\.\S*ChildFailedError:")
"""The error that torchrun raises when a process of it has failed."""
OF_ACCELERATE = re.compile(r"subprocess\.CalledProcessError:")
"""That of ``accelerate launch``. A program may raise it too: only its traceback tells whose it is.
"""
FRAME_OF_ACCELERATE = re.compile(r'\s*File ".*\baccelerate\b')
ROOT_CAUSE = "Root Cause"
RANK = re.compile(r"\s*rank\s*: (\d+)")
SIGNAL = re.compile(r"\s*traceback : (Signal \d+ \(\w+\))")
OF_A_RANK = re.compile(r"\[rank(\d+)\]: ?")


def without_launcher(lines: Sequence[str]) -> list[str]:
    """The lines of a program that a launcher may have started, without those of the launcher.

    Of several ranks that have failed only the lines of the first one stay, where they say whose
    they are: the others fail because it did. A signal that has ended it is the last line.

    Args:
        lines: the end of the output. They come back as they are where nothing else would be left.
    """
    own = [line for line in lines if not LOG.match(line)]
    ends = [index for index, line in enumerate(own) if OF_TORCHRUN.match(line)]
    if not ends and own and OF_ACCELERATE.match(own[-1]):
        ends = [len(own) - 1]
    if not ends:
        return own or list(lines)
    begun = [index for index, line in enumerate(own[: ends[-1]]) if line == TRACEBACK]
    start = begun[-1] if begun else ends[-1]
    told, report = own[:start], own[ends[-1] :]
    if OF_ACCELERATE.match(report[0]) and not any(map(FRAME_OF_ACCELERATE.match, own[start:])):
        return own
    told = [*_of_first(told, report), *_signal(report)]
    return told or list(lines)


def _of_first(lines: list[str], report: list[str]) -> list[str]:
    found = next(filter(None, map(RANK.match, _root_cause(report))), None)
    if found is None:
        return lines
    ranks = [OF_A_RANK.match(line) for line in lines]
    of_first = [
        line[match.end() :]
        for line, match in zip(lines, ranks, strict=True)
        if match is not None and match[1] == found[1]
    ]
    return of_first or lines


def _signal(report: list[str]) -> list[str]:
    """What torchrun says of the signal that has ended the first rank."""
    found = next(filter(None, map(SIGNAL.match, _root_cause(report))), None)
    return [] if found is None else [f"{found[1]} has ended a process of the program"]


def _root_cause(report: list[str]) -> list[str]:
    places = [index for index, line in enumerate(report) if line.startswith(ROOT_CAUSE)]
    return report[places[-1] :] if places else []
