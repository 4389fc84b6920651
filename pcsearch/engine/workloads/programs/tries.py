"""What the tries of a trial have logged, and how much of it has been handed on to Tune.

A report on its way to the driver is lost when the trial's process or the search is killed, and so
is what the program logs until it has ended, too. All of it is in a file before the program goes on,
and the next try hands on from there what Tune has not got.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pcsearch.engine.workloads.programs.follower import WANDB, read_messages
from pcsearch.engine.workloads.programs.report_positions import ITERATION, Report, reports_before
from pcsearch.engine.workloads.programs.rows import ProgramReport, Rows
from pcsearch.engine.workloads.reported_values import (
    EARLIER_REPORTS,
    STOPPED_BY_USER,
    TUNE_NAMES,
    own_names,
)

LEDGER = "tries.jsonl"
"""Has a line for each try, and one for each report that was handed on to Tune."""
START = "from"
"""In the line of a try: the position in its file at which it begins, in bytes."""
TRY, TO, PROCESS = "try", "to", "pid"
"""In the line of a report, which also has Tune's `ITERATION`: the number of its try, the position
in the try's file at which the report ends, and the process that has handed it on."""


class EarlierReport(NamedTuple):
    """A report of an earlier try.

    Args:
        report: with its `ITERATION`.
        source: the number of its try, and the position in the try's file at which it ends; None
            where Tune has the report.
    """

    report: dict[str, Any]
    source: tuple[int, int] | None


class Tries:
    """The tries of a trial, of which the last begins now.

    Args:
        folder: where all this is written, which is there.
        source: of messages, as of `follower.reader`.
        metrics: the names of the search's metrics.
        epoch_key: the name in a report by which programs say their epoch.
        hand_on: gives Tune a report, and returns when the driver has taken the one before.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        metrics: Collection[str],
        epoch_key: str | None,
        hand_on: Callable[[dict[str, Any]], None],
    ) -> None:
        self._folder, self._source, self._metrics = folder, source, metrics
        self._epoch_key, self._hand_on = epoch_key, hand_on
        ledger = folder / LEDGER
        lines = _read(ledger) if ledger.exists() else []
        self._starts = [int(line[START]) for line in lines if START in line]
        self._handed_on = [line for line in lines if TO in line]
        self._ledger = ledger.open("ab", buffering=0)
        self._earlier: list[EarlierReport] = []
        self._count, self._is_first = 0, True
        self._last: dict[str, Any] = {}

    def file(self, number: int | None = None) -> Path:
        """The file with what a program logs to W&B, of the new try where no number is given."""
        return self._folder / f"{len(self._starts) if number is None else number:04}.jsonl"

    def begin(self, file: Path, start: int, written: Sequence[Report]) -> list[dict[str, Any]]:
        """Begin the new try.

        Args:
            file: what the messages of tries are read from, where that is not a file of each try.
            start: how many bytes of the file are older.
            written: the reports that Tune has, oldest first; none where the program begins anew.

        Returns:
            All reports of earlier tries, also those that Tune has not got, oldest first.
        """
        self._earlier = self._find(file, written)
        if written and not self._starts:
            # A version of pcsearch that had no ledger has made them.
            self._note(written[-1][ITERATION], written[-1].get(PROCESS), 0, start)
        self._write({START: start})
        self._starts.append(start)
        return [each.report for each in self._earlier]

    def report(self, made: ProgramReport) -> None:
        """Hand a report of the new try on, and before the first one what comes before it."""
        report = own_names(made.values)
        if self._is_first:
            self._report_earlier(report)
        self._give(report, len(self._starts) - 1, made.to)

    def end(self) -> None:
        """Hand on what Tune has not got of earlier tries, if the new one has reported nothing."""
        if self._is_first:
            self._report_earlier({})

    def stop(self) -> bool:
        """Tell the driver that the user has stopped the trial, with the newest report once more.

        Returns:
            False where there is no report.
        """
        if not self._count:
            return False
        told = {EARLIER_REPORTS: self._count - 1, STOPPED_BY_USER: True}
        self._hand_on(self._last | told)
        return True

    def close(self) -> None:
        """Close the file."""
        self._ledger.close()

    def _report_earlier(self, first: Report) -> None:
        """Hand on what Tune has not got, of that which comes before the first new report."""
        reports = [each.report for each in self._earlier]
        kept = reports_before(reports, first, self._epoch_key)
        for report, source in self._earlier:
            if report[ITERATION] > kept:
                break
            own = {name: value for name, value in report.items() if name not in TUNE_NAMES}
            if source is None:
                self._count, self._last = report[ITERATION], own
            else:
                self._give(own, *source)

    def _give(self, report: dict[str, Any], number: int, place: int) -> None:
        before = {EARLIER_REPORTS: self._count} if self._is_first else {}
        self._count, self._is_first, self._last = self._count + 1, False, report
        self._note(self._count, os.getpid(), number, place)
        self._hand_on(report | before)

    def _find(self, file: Path, written: Sequence[Report]) -> list[EarlierReport]:
        notes = {_identity(each): each for each in self._handed_on}
        known = [i for i, each in enumerate(written) if _identity(each) in notes]
        handed_on = notes[_identity(written[known[-1]])] if known else None
        # A machine that died may have had more on the driver's disk than on its own.
        there = len(written) - 1 - known[-1] if known else 0
        # Where Tune's newest reports are of none of these tries, the first of them has begun anew.
        is_of_tries = handed_on is not None or not self._starts
        found = [EarlierReport(dict(report), None) for report in written if is_of_tries]
        first = 0 if handed_on is None else int(handed_on[TRY])
        for number in range(first, len(self._starts)):
            start = self._starts[number]
            done = int(handed_on[TO]) if handed_on is not None and number == first else start
            made = self._made(file, number, done)
            again = min(there, len(made))
            made, there = made[again:], there - again
            if made and done == start and not again:
                reports = [each.report for each in found]
                kept = reports_before(reports, own_names(made[0].values), self._epoch_key)
                found = [each for each in found if each.report[ITERATION] <= kept]
            count = found[-1].report[ITERATION] if found else 0
            for iteration, each in enumerate(made, count + 1):
                report = {**own_names(each.values), ITERATION: iteration}
                found.append(EarlierReport(report, (number, each.to)))
        return found

    def _made(self, file: Path, number: int, done: int) -> list[ProgramReport]:
        """The reports of an earlier try, from a place in its file on."""
        has_own = self._source == WANDB
        ends = self._starts[number + 1 : number + 2]
        end = ends[0] if ends and not has_own else None
        rows = Rows(self._metrics, lambda: 0.0)
        rows.has_reported = done > self._starts[number]
        messages = read_messages(self.file(number) if has_own else file, self._source, done, end)
        made = [report for message, place in messages for report in rows.add(message, place)]
        return made + rows.rest()

    def _note(self, iteration: int, process: Any, number: int, place: int) -> None:
        self._write({ITERATION: iteration, PROCESS: process, TRY: number, TO: place})

    def _write(self, line: dict[str, Any]) -> None:
        # One that was killed while it wrote has left a line without an end.
        self._ledger.write(b"\n" + json.dumps(line).encode() + b"\n")


def _read(ledger: Path) -> list[dict[str, Any]]:
    lines = []
    for text in filter(None, ledger.read_bytes().split(b"\n")):
        with suppress(ValueError):
            lines.append(json.loads(text))
    return lines


def _identity(line: Report) -> tuple[Any, Any]:
    """By which a line of the ledger and a report of Tune's are known to be of the same report."""
    return line.get(ITERATION), line.get(PROCESS)
