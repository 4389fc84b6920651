"""The events of a search, each of which is a line of its journal."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, get_args

from pydantic import TypeAdapter

from pcsearch.engine.records.journal.changes import Edited, Enqueued, LeftOut


class Replicate(NamedTuple):
    """Which run of which configuration a trial is, where seeds are replicates.

    Args:
        configuration: its number, from 1.
        seed: the position of its seed, from 0; those after the last of the file are fresh seeds.
    """

    configuration: int
    seed: int

    def is_fresh(self, seeds: int) -> bool:
        """Whether its seed is one of ``--confirm``: a race has ``seeds`` seeds, from 0."""
        return self.seed >= seeds


def is_same_configuration(one: Replicate | None, other: Replicate | None) -> bool:
    """Whether two trials are runs of one configuration; not where seeds are no replicates."""
    return one is not None and other is not None and one.configuration == other.configuration


@dataclass(frozen=True)
class Suggested:
    """A trial has been suggested; it has not started before this is written.

    Args:
        trial: its id.
        number: its number, from 1.
        point: the values that Optuna chose, None where the number gives the configuration.
        config: the configuration, where neither the number nor the point gives it: in a grid or
            random search that was edited, or that had configurations to try first.
        enqueued: which of all enqueued configurations it is, from 0; None for another.
        replicate: of which configuration it is a run; None where seeds are no replicates.
    """

    name: ClassVar[str] = "suggested"
    trial: str
    number: int
    point: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    enqueued: int | None = None
    replicate: Replicate | None = None


@dataclass(frozen=True)
class Decided:
    """A search whose seeds are replicates has ended: no run is left that could change its result.

    Args:
        fresh: with how many fresh seeds its best configurations have run; None where an earlier
            version has written it.
        samples: how many other runs it could have at most; None where an earlier version has
            written it.
    """

    name: ClassVar[str] = "decided"
    fresh: int | None = None
    samples: int | None = None


@dataclass(frozen=True)
class Claimed:
    """This driver is about to claim a trial's number in the ledger that several drivers share.

    The trial is suggested later, or the claim is `Released`. A kill may leave neither.

    Args:
        trial: the id that the trial gets.
        number: the trial's number.
        mark: of the claim.
    """

    name: ClassVar[str] = "claimed"
    trial: str
    number: int
    mark: str = ""


@dataclass(frozen=True)
class Released:
    """A claim failed, or this driver gave it back before the trial was suggested."""

    name: ClassVar[str] = "released"
    trial: str


@dataclass(frozen=True)
class Compared:
    """A trial was compared with others at a rung, or was stopped after one.

    Args:
        trial: its id.
        rung: on the axis of its learning curve, `TrialOutcome.progress`; of a trial that was
            stopped between two rungs, where it was on that axis.
        loss: its value, negated where more is better; None if it is not finite.
        stopped: whether the comparison stopped it.
        epoch: of its report; 0 in journals of earlier versions, where it was the rung.
    """

    name: ClassVar[str] = "compared"
    trial: str
    rung: int
    loss: float | None
    stopped: bool
    epoch: int = 0

    @property
    def stopped_at(self) -> int:
        """The epoch at which it was stopped, if it was."""
        return self.epoch or self.rung


@dataclass(frozen=True)
class ReachedTarget:
    """A trial has reached the targets of the metrics, which ends the search.

    Args:
        trial: its id.
        values: of the metrics that have a target.
        epoch: of the report, as Tune counts.
    """

    name: ClassVar[str] = "reached target"
    trial: str
    values: list[float | None]
    epoch: int = 0


@dataclass(frozen=True)
class TrialEnded:
    """A trial has ended.

    Args:
        trial: its id.
        failed: whether it failed.
        values: the best of each metric, None where there is none.
        by_target: whether it was ended because another reached the target.
        error: the first lines of its error, empty where it did not fail.
        by_hand: whether the user stopped it, from W&B or a second terminal.
        elsewhere: whether another driver has taken its number over meanwhile.
        reports: how many reports it has made, 0 where that is not known.
    """

    name: ClassVar[str] = "ended"
    trial: str
    failed: bool
    values: list[float | None]
    by_target: bool = False
    error: str = ""
    by_hand: bool = False
    elsewhere: bool = False
    reports: int = 0


@dataclass(frozen=True)
class Retried:
    """A failed trial is to be retried, because of ``--rerun-failed``."""

    name: ClassVar[str] = "again"
    trial: str


@dataclass(frozen=True)
class WarmStartResult:
    """A result of an older search from which this search's searcher starts.

    Args:
        source: the directory of the older search.
        trial: the id of its trial.
        point: the trial's values in this search's space, as Optuna has them.
        values: of this search's metrics.
        deviation: the standard deviation of a value that is predicted, because its trial was
            stopped early; 0 for measured ones.
    """

    name: ClassVar[str] = "known"
    source: str
    trial: str
    point: dict[str, Any]
    values: list[float]
    deviation: float = 0.0


@dataclass(frozen=True)
class RunCompleted:
    """The W&B run of a trial is closed, and has everything.

    Args:
        trial: its id.
        step: of the run's last row.
    """

    name: ClassVar[str] = "tracked"
    trial: str
    step: int


@dataclass(frozen=True)
class AlertSent:
    """The user was sent the alert about the end of the search.

    Args:
        online: whether W&B's server has it; otherwise it is in the file of an offline run.
    """

    name: ClassVar[str] = "alerted"
    online: bool


@dataclass(frozen=True)
class Heeded:
    """This driver does what a second terminal has asked for, or says why it cannot.

    Args:
        request: the name of the request's file.
        answer: what it does, in words, where the request alone does not say it.
        problem: why it does nothing, a line; empty where it does it.
    """

    name: ClassVar[str] = "heeded"
    request: str
    answer: str = ""
    problem: str = ""


Event = (
    Claimed
    | Released
    | Suggested
    | Decided
    | Compared
    | ReachedTarget
    | TrialEnded
    | Retried
    | WarmStartResult
    | RunCompleted
    | AlertSent
    | Heeded
    | Edited
    | Enqueued
    | LeftOut
)


def line_of(event: Event) -> bytes:
    """The line of an event, with its end."""
    return json.dumps({"event": event.name, **asdict(event)}).encode() + b"\n"


def event_of(line: bytes) -> Event:
    """The event of a line without its end.

    Raises:
        ValueError: it is not the line of an event.
    """
    try:
        values = json.loads(line)
        event: Event = _adapters()[values.pop("event")].validate_python(values)
    # Also pydantic's errors are ValueErrors.
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("not the line of an event") from error
    return event


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    return {kind.name: TypeAdapter(kind) for kind in get_args(Event)}
