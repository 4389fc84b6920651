"""What W&B's server has told of the runs of a sweep: which numbers are taken, which are free."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable
from random import SystemRandom

from pcsearch.engine.records.ledger import Claim
from pcsearch.tracking.server.sweep_runs import SweepRun

CRASHED = "crashed"
"""The state of a run whose process has given no sign of life for five minutes."""
ENDED = ("finished", "failed", "killed")
LIVELY_S = 75.0
"""A run moves at least this often: its process sends a sign of life every 30 s."""
SILENT_S = 360.0
"""Not later than this after the last sign of life, W&B's server knows that a run has crashed."""
LEAP = 1000
NAMED = r"(\d{4,})_"
"""How drivers name their runs: by the number, and more."""


class Entries:
    """The runs of a sweep, by the numbers of their trials; only one thread uses them.

    A number is free if all its runs have crashed, or it has none. Runs without a number, such as
    those of W&B's agents, are not entries.

    Args:
        sweep_id: of the sweep.
        own: the claims of this driver, also those of its earlier sessions.
    """

    def __init__(self, sweep_id: str, own: Iterable[Claim] = ()) -> None:
        self._prefix = re.sub(r"\W", "_", sweep_id)
        self._numbers: dict[str, int] = {}
        self._of_number: defaultdict[int, dict[str, SweepRun]] = defaultdict(dict)
        self._own: set[str] = set()
        self._gone: set[str] = set()
        # When a sign of life of a run was seen, and since when there was none.
        self._moved_at: dict[str, float] = {}
        self._seen_at: dict[str, float] = {}
        self._lowest = 1
        self._is_first = True
        for claim in own:
            self.add_own(claim)

    def update(self, runs: Iterable[SweepRun]) -> None:
        """Note what the server tells of runs."""
        now = time.monotonic()
        for run in runs:
            number = self._number(run)
            if number is None:
                continue
            before = self._of_number[number].get(run.id)
            is_new = before is None and not self._is_first
            if is_new or (before is not None and before.heartbeat != run.heartbeat):
                self._moved_at[run.id] = now
            self._seen_at.setdefault(run.id, now)
            self._numbers[run.id] = number
            self._of_number[number][run.id] = run
        self._is_first = False

    def remove(self, run_id: str) -> None:
        """Forget a run that the server does not have any more; its id cannot be used again."""
        self._gone.add(run_id)
        self._own.discard(run_id)
        number = self._numbers.pop(run_id, None)
        if number is not None:
            del self._of_number[number][run_id]
            self._lowest = min(self._lowest, number)

    def add_own(self, claim: Claim) -> None:
        """Note a claim of this driver."""
        self._own.add(claim.trial_id)
        self._numbers[claim.trial_id] = claim.number
        run = SweepRun(claim.trial_id, "", "running")
        self._of_number[claim.number].setdefault(claim.trial_id, run)

    def expect(self, run_id: str) -> None:
        """Note that a run of this id, should it appear, is of this driver."""
        self._own.add(run_id)

    def leave(self, run_id: str) -> None:
        """Note that a run of this driver is not its own any more: another has its number."""
        self._own.discard(run_id)

    def knows(self, run_id: str) -> bool:
        """Whether the server has told of a run of this id, and so of all that are older."""
        return run_id in self._seen_at

    def run(self, run_id: str) -> SweepRun | None:
        """A run, None where it is not known."""
        number = self._numbers.get(run_id)
        return None if number is None else self._of_number[number][run_id]

    def is_unmarked(self, run_id: str) -> bool:
        """Whether there is a run of this id that no driver has named."""
        run = self.run(run_id)
        return run is not None and not re.match(NAMED, run.name)

    def rivals(self, run_id: str) -> list[SweepRun]:
        """The other runs of a run's number that have not crashed."""
        runs = self._of_number[self._numbers[run_id]].values()
        return [run for run in runs if run.id != run_id and run.state != CRASHED]

    def all_of(self, number: int) -> set[str]:
        """The ids of a number's runs."""
        return set(self._of_number[number])

    @property
    def has_others(self) -> bool:
        """Whether other drivers have, or had, any run."""
        return not self._numbers.keys() <= self._own

    def others(self, *, ended: bool) -> list[SweepRun]:
        """The runs of other drivers that have ended, or that have not."""
        return [
            run
            for runs in self._of_number.values()
            for run in runs.values()
            if run.id not in self._own and (run.state in ENDED) == ended
        ]

    def next_free(self, limit: int | None) -> int | None:
        """One of the lowest numbers without a run, else the lowest whose runs have crashed, if any.

        It is the lowest where no other driver runs trials. Where others do, it is drawn from as
        many more, so that they seldom want the same.

        Args:
            limit: the highest number, None where there is none.
        """
        while self._of_number.get(self._lowest):
            self._lowest += 1
        running = sum(run.state != CRASHED for run in self.others(ended=False))
        end = self._lowest + running + 1
        if limit is None or self._lowest <= limit:
            numbers = range(self._lowest, end if limit is None else min(end, limit + 1))
            return SystemRandom().choice([n for n in numbers if not self._of_number.get(n)])
        crashed = (n for n, runs in self._of_number.items() if n <= limit and self._is_free(runs))
        return min(crashed, default=None)

    def guessed_free(self, limit: int | None) -> int | None:
        """A number that is free as far as is known, where the server cannot be asked.

        It is drawn, because other drivers may be cut off from the server too.
        """
        lowest = self.next_free(limit)
        if lowest is None or limit is None:
            return None if lowest is None else lowest + SystemRandom().randrange(LEAP)
        runs = self._of_number
        taken = [n for n in runs if 1 <= n <= limit and not self._is_free(runs[n])]
        # There may be billions of free ones: it is found by its place among them.
        guess = 1 + SystemRandom().randrange(limit - len(taken))
        for number in sorted(taken):
            guess += number <= guess
        return guess

    def next_id(self, number: int) -> str:
        """The id that the next run of a number gets: the same for all drivers that know as much."""
        attempt, run_id = 1, f"{self._prefix}_{number}"
        while run_id in self._numbers or run_id in self._gone:
            attempt += 1
            run_id = f"{self._prefix}_{number}_{attempt}"
        return run_id

    def unclear(self, since: float) -> list[SweepRun]:
        """The runs of other drivers of which it is not clear whether their processes are alive.

        They hold a number and gave no sign of life lately. Those that W&B's server should have
        found to be crashed by now are left out.

        Args:
            since: signs of life before this time, of `time.monotonic`, are too old.
        """
        now = time.monotonic()
        since = max(since, now - LIVELY_S)
        return [
            run
            for run in self.others(ended=False)
            if run.state != CRASHED
            and self._moved_at.get(run.id, since - 1) < since
            and now - max(self._seen_at[run.id], self._moved_at.get(run.id, 0.0)) < SILENT_S
        ]

    def all_have(self, limit: int, ended: Iterable[str]) -> bool:
        """Whether every number up to a limit has one of these runs."""
        numbers = {self._numbers[run_id] for run_id in ended if run_id in self._numbers}
        return sum(1 <= number <= limit for number in numbers) == limit

    def _is_free(self, runs: dict[str, SweepRun]) -> bool:
        return all(run.state == CRASHED and run.id not in self._own for run in runs.values())

    def _number(self, run: SweepRun) -> int | None:
        if run.id in self._numbers:
            return self._numbers[run.id]
        by_id = re.fullmatch(rf"{self._prefix}_(\d+)(?:_\d+)?", run.id)
        # The runs of drivers that could not ask, and of earlier versions, are named by number.
        by_name = re.match(NAMED, run.name)
        match = by_id or by_name
        return int(match[1]) if match else None
