"""The ledger of a search, kept at W&B's server by a thread of its own."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from pcsearch.engine.records.journal.events import Claimed, Released
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Access, Claim
from pcsearch.engine.storage.files import StorageError
from pcsearch.tracking.ledger.claims import claim_number, got, keep, taken_over
from pcsearch.tracking.ledger.entries import Entries
from pcsearch.tracking.ledger.offers import Offers
from pcsearch.tracking.ledger.other_runs import OtherRuns
from pcsearch.tracking.ledger.outage import PATIENCE_S, Outage
from pcsearch.tracking.ledger.results import is_whole
from pcsearch.tracking.ledger.terms import ACCESS, LINES, WAITS, Terms
from pcsearch.tracking.server.api import NoAnswer
from pcsearch.tracking.server.sweep_runs import SweepRuns

POLL_S = 10.0
"""How often the server is asked for the state of the sweep and for the runs of other drivers."""
FIRST_POLL_S = 1.0
"""The first time, of a sweep that is new."""
WAIT_POLL_S = 3.0
"""The same while this driver waits for a trial."""
FRESH_S = 1.0
"""What is known of the runs is asked for again, before a claim, if it is older."""
RETRY_S = 2.0
END_S = 4.0
"""How long the end of a search waits for the thread; it has an answer by then, if there is one."""
SIGN_S = 60.0
"""So often the trials that wait for a slot give a sign of life; without one for five minutes, W&B
lets others have them."""
UNUSED_S = 120.0
"""A claim that was made ahead is given back if no trial asks for it."""
LONG_WAIT_S = 30.0
"""The user is told of a wait that is longer."""


class SweepLedger:
    """The ledger of a search that is a W&B sweep.

    An error of W&B does not end the search. Where the server does not answer, trials start without
    asking it.

    Args:
        runs: the sweep's, at the server.
        terms: what this driver may claim.
        own: the claims of this driver in earlier sessions whose trials have been suggested.
        journal: gets a line for each claim.
        tell: prints a line.
    """

    def __init__(
        self,
        runs: SweepRuns,
        terms: Terms,
        own: Iterable[Claim],
        journal: Journal,
        tell: Callable[[str], None],
    ) -> None:
        self.offers = Offers(terms.budget)
        """What the engine sees."""
        self._runs, self._terms, self._journal, self._tell = runs, terms, journal, tell
        self._entries = Entries(runs.sweep_id, own)
        self._thread = threading.Thread(target=self._work, name="ledger", daemon=True)
        self._told: set[str] = set()
        self._others = OtherRuns(runs, self._entries, terms)
        self._polled_at = self._retry_at = self._signed_at = -POLL_S
        self._outage = Outage(runs.state)
        self._is_answered = True

    def begin(self, unfinished: Collection[str], claims: Sequence[Claim]) -> list[str]:
        """Look at the sweep before a resumed search goes on, and let it run again.

        Args:
            unfinished: the ids of the search's unfinished trials.
            claims: those of earlier sessions whose trials have not been suggested.

        Returns:
            The ids of the unfinished trials that other drivers have taken over.
        """
        lost: set[str] = set()
        mine: list[Claim] = []
        try:
            if ACCESS.get(self._runs.state()) in ("closed", "cancelled"):
                self._runs.set_state("RUNNING")
            self._poll()
            mine = got(self._runs, self._entries, claims)
            own = {*unfinished, *(each.trial_id for each in mine)}
            if not self._terms.has_one_driver:
                lost = taken_over(self._runs, self._entries, own)
        except NoAnswer as problem:
            self._tell(f"W&B: the server does not say what other drivers run ({problem})")
            claims = mine
        self.offers.let_wait({*unfinished} - lost)
        kept = [each for each in mine if each.trial_id not in lost]
        for claim in claims:
            if claim in kept:
                self.offers.hand_over(claim)
            else:
                self._note(Released(claim.trial_id))
        return sorted(lost & set(unfinished))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask the server in a thread of its own until the block ends."""
        if self._terms.is_new:
            # Nothing is to be learned yet, and the first trials need not wait for it.
            self._others.skip()
            self._polled_at = time.monotonic() + FIRST_POLL_S - POLL_S
        self._thread.start()
        try:
            yield
        except Exception:
            # The thread writes into the directory, which is locked no longer than until then.
            self.offers.stop()
            self._thread.join(END_S)
            raise
        finally:
            # Without a wait: an answer may take seconds, and the results of the search are there.
            self.offers.stop()

    def finish(self, ended: Sequence[str], *, is_over: bool, reached_target: bool) -> None:
        """End the thread, and let W&B show the sweep as finished if all its trials have ended.

        Args:
            ended: the ids of this driver's trials that have ended.
            is_over: whether this driver has nothing left to do.
            reached_target: whether a trial has reached the target, which ends the search.
        """
        self._thread.join(END_S)
        is_cut_off = self._thread.is_alive() or not self._is_answered
        if not is_over or is_cut_off or self.offers.access != "open":
            return
        with suppress(NoAnswer):
            if reached_target or is_whole(self._runs, self._entries, self._terms, ended):
                self._runs.state()
                self._runs.set_state("FINISHED")

    def _work(self) -> None:
        """What the thread does. No error may end it, because the search would wait without end."""
        while self.offers.await_work(self._claims_now, self._pause()):
            if not self._rest():
                self._poll_in_time()
            try:
                if self._claims_now():
                    self._claim()
            except Exception as problem:
                self._claim_failed(problem)
            self._give_back(UNUSED_S)
        self._outage.stop()
        self._give_back()

    def _rest(self) -> float:
        """How many seconds are left until the server is asked again; 0 where it is time."""
        pause = POLL_S if self.offers.idle_since is None else WAIT_POLL_S
        return max(0.0, self._polled_at + pause - time.monotonic())

    def _pause(self) -> float:
        """How many seconds the thread has nothing to do, unless a claim is wanted."""
        retry = self._retry_at - time.monotonic() if self.offers.are_wanted else math.inf
        return max(0.0, min(self._rest(), retry))

    def _claims_now(self) -> bool:
        return self.offers.are_wanted and time.monotonic() >= self._retry_at

    @property
    def _is_alone(self) -> bool:
        """Whether this driver has made the sweep, and no other was seen."""
        terms = self._terms
        return terms.has_one_driver or (terms.owns_sweep and not self._entries.has_others)

    def _poll_in_time(self) -> None:
        self._polled_at, self._is_answered = time.monotonic(), False
        if self._outage.is_on:
            return
        try:
            self._poll()
            self._is_answered = True
        except Exception:
            if self._is_alone:
                self._outage.begin()

    def _poll(self) -> None:
        """Ask for the state of the sweep, for new runs, and for those of others that go on.

        Raises:
            NoAnswer: the server does not answer.
        """
        state = self._runs.state()
        if state == "PENDING":
            with suppress(NoAnswer):
                self._runs.set_state("RUNNING")
        try:
            self._others.list_new()
            self._others.look_at_running()
        finally:
            # Also where the server does not list its runs.
            self._follow(ACCESS.get(state, "open"))
        if time.monotonic() - self._signed_at > SIGN_S:
            self._signed_at = time.monotonic()
            keep(self._runs, self._entries, self.offers.waiting)
        self.offers.add_results(self._others.new_results())

    def _follow(self, access: Access) -> None:
        """Let trials start, or not, as the state of the sweep says; tell where that changes."""
        if access == "closed" and self._entries.next_free(self._terms.limit) is None:
            self.offers.has_nothing_left = True
        if self.offers.allow(access):
            self._tell(LINES[access])

    def _claim(self) -> None:
        if self._outage.is_on:
            self._guess()
            return
        if self._others.age > FRESH_S:
            self._others.list_new()
        claim = claim_number(self._runs, self._entries, self._terms.limit, self._note)
        self._outage.answered()
        if claim is not None:
            self.offers.hand_over(claim)
            return
        self._retry_at = time.monotonic() + WAIT_POLL_S
        since = self.offers.idle_since
        if since is not None and self._entries.next_free(self._terms.limit) is None:
            is_clear = not self._entries.unclear(since)
            self.offers.has_nothing_left = is_clear
            if not is_clear and time.monotonic() - since > LONG_WAIT_S:
                self._tell_once(WAITS)

    def _claim_failed(self, problem: Exception) -> None:
        """Let trials start without asking; ask again for a while if there may be other drivers."""
        self._is_answered = False
        if self._is_alone:
            self._outage.begin()
            self._forget_asked()
        elif self._outage.failed(PATIENCE_S):
            self._tell_once(
                "W&B: the server does not say which trials other drivers run; trials start "
                f"without asking, and a few may run twice ({problem})"
            )
        else:
            self._retry_at = time.monotonic() + RETRY_S
            return
        self._guess()

    def _forget_asked(self) -> None:
        """Ask no more for the lowest number: the request may have come, and its answer was lost."""
        number = self._entries.next_free(self._terms.limit)
        if number is not None:
            lost = self._entries.next_id(number)
            self._entries.expect(lost)
            self._note(Released(lost))

    def _guess(self) -> None:
        """Make a claim without the server: a search does not wait for it."""
        entries, limit = self._entries, self._terms.limit
        number = entries.next_free(limit) if self._is_alone else entries.guessed_free(limit)
        self._retry_at = time.monotonic() + RETRY_S
        self.offers.has_nothing_left = number is None
        if number is not None:
            claim = Claim(number, secrets.token_hex(4))
            self._note(Claimed(claim.trial_id, number))
            self._entries.add_own(claim)
            self.offers.hand_over(claim)
            self._retry_at = 0.0

    def _give_back(self, age: float = 0.0) -> None:
        """Give back the claims that no trial has asked for, if they are so old."""
        for claim in self.offers.take_back(age):
            if self._is_answered:
                with suppress(NoAnswer):
                    self._runs.delete(claim.trial_id)
            self._entries.remove(claim.trial_id)
            self._note(Released(claim.trial_id))

    def _note(self, event: Claimed | Released) -> None:
        """Write an event; where the storage has failed, the search itself says so."""
        with suppress(StorageError):
            self._journal.add(event)

    def _tell_once(self, line: str) -> None:
        kind = line.partition(";")[0]
        if kind not in self._told:
            self._told.add(kind)
            self._tell(line)
