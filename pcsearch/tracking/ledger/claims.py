"""How drivers agree on who runs a number: by the runs that W&B's server has made, and for whom.

Two things must not happen: that two drivers run a number, and that none does. The server makes a
run of an id once and tells who has made it, so of the drivers that claim a free number one gets it.
A number whose run has crashed is claimed with another id, and here the driver of that run may come
back at the same time. Each of the two first writes (one makes a new run, the other gives the old
one a sign of life) and then reads, and gives way if it reads what the other has written. At least
one of them does; where both do, their runs crash, and the number is free again.

A driver that gets a run names it by the claim's mark, until the trial starts, where other drivers
could take it for their own. A driver that is killed before it starts the trial, possibly before it
has read the answer, is resumed with the mark in its journal, and so finds whether the run is its
own.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress

from pcsearch.engine.records.journal.events import Claimed, Released
from pcsearch.engine.records.ledger import Claim
from pcsearch.tracking.ledger.entries import ENDED, Entries
from pcsearch.tracking.server.api import NoAnswer
from pcsearch.tracking.server.sweep_runs import SweepRuns

TRIES = 20
MARK_S = 3.0
"""How long a driver may take to name a run that it has made."""


def claim_number(
    runs: SweepRuns,
    entries: Entries,
    limit: int | None,
    note: Callable[[Claimed | Released], None],
) -> Claim | None:
    """Claim a free number, None where there is none, or others were faster all the time.

    Args:
        runs: the sweep's.
        entries: what is known of them; it gets what is learned here.
        limit: the highest number, None where there is none.
        note: writes an event into the journal.

    Raises:
        NoAnswer: the server does not answer.
    """
    for _ in range(TRIES):
        number = entries.next_free(limit)
        if number is None:
            break
        run_id = entries.next_id(number)
        # To make a run that is there would be a sign of life of it, also if it has ended.
        found = runs.of_ids([run_id]) if entries.has_others else []
        if found:
            entries.update(found)
            continue
        claim = Claim(number, run_id, f"{number:04d}_claimed_{secrets.token_hex(4)}")
        note(Claimed(run_id, number, claim.mark))
        made = runs.make(run_id)
        if made is None:
            # It was deleted: the next id of the number is another.
            entries.remove(run_id)
        elif not made:
            entries.update(runs.newest(is_known=entries.knows))
            entries.update(runs.of_ids([run_id]))
        elif _stands(runs, entries, claim, note):
            if entries.others(ended=False):
                # Without the name only a kill before the trial starts would lose the number, until
                # its run counts as crashed.
                with suppress(NoAnswer):
                    runs.make(run_id, claim.mark)
            return claim
        note(Released(run_id))
    return None


def got(runs: SweepRuns, entries: Entries, claims: Sequence[Claim]) -> list[Claim]:
    """Those claims of a driver that was killed which the driver has got.

    Args:
        runs: the sweep's.
        entries: what is known of them; it gets what is learned here.
        claims: those of the driver whose trials have not been suggested.

    Raises:
        NoAnswer: the server does not answer.
    """
    if any(entries.is_unmarked(claim.trial_id) for claim in claims):
        # A driver that lives names its run at once.
        time.sleep(MARK_S)
        entries.update(runs.of_ids(claim.trial_id for claim in claims))
    own = []
    for claim in claims:
        run = entries.run(claim.trial_id)
        if run is not None and entries.is_unmarked(run.id):
            try:
                runs.make(run.id, claim.mark)
            except NoAnswer:
                continue
        elif run is None or run.name != claim.mark:
            continue
        entries.add_own(claim)
        own.append(claim)
    return own


def taken_over(runs: SweepRuns, entries: Entries, own: Collection[str]) -> set[str]:
    """Give this driver's unfinished runs a sign of life, and find those that others have.

    Args:
        runs: the sweep's.
        entries: what is known of them; it gets what is learned here.
        own: the ids of the unfinished runs.

    Raises:
        NoAnswer: the server does not answer.
    """
    keep(runs, entries, own)
    entries.update(runs.newest(is_known=entries.knows))
    lost = {run_id for run_id in own if entries.rivals(run_id)}
    for run_id in lost:
        entries.leave(run_id)
    return lost


def keep(runs: SweepRuns, entries: Entries, own: Iterable[str]) -> None:
    """Give this driver's unfinished runs a sign of life, unless others have their numbers.

    Raises:
        NoAnswer: the server does not answer.
    """
    for run_id in own:
        run = entries.run(run_id)
        if run is not None and run.state not in ENDED and not entries.rivals(run_id):
            runs.make(run_id)


def _stands(
    runs: SweepRuns,
    entries: Entries,
    claim: Claim,
    note: Callable[[Claimed | Released], None],
) -> bool:
    """Whether no earlier run of the number has come back while this one was made."""
    entries.add_own(claim)
    earlier = entries.all_of(claim.number) - {claim.trial_id}
    if earlier:
        try:
            entries.update(runs.of_ids(earlier))
        except NoAnswer:
            # As a claim of this driver, the number would be free for nobody.
            entries.remove(claim.trial_id)
            note(Released(claim.trial_id))
            raise
    if not entries.rivals(claim.trial_id):
        return True
    runs.delete(claim.trial_id)
    entries.remove(claim.trial_id)
    return False
