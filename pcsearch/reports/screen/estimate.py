"""How many epochs, and how much time, a search still needs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """A running trial.

    Args:
        epoch: how many epochs it has trained.
        longest: how many it trains if nothing stops it, None where that is not known.
        seconds: the time of an epoch, None where that is not known.
    """

    epoch: int
    longest: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Estimate:
    """How far a search is.

    Args:
        epochs: that its trials have trained.
        expected: epochs of the whole search, None where nothing is known.
        seconds: that are left, None where nothing is known.
    """

    epochs: int
    expected: float | None = None
    seconds: float | None = None


class Lasting:
    """How long trials last, by those of the search so far.

    It is the product-limit estimate (Kaplan and Meier, 1958): after each epoch at which trials have
    ended, the share that goes on is multiplied by ``1 - ended / (all that came so far)``. So a
    trial that still runs counts as far as it is, and one that ASHA has stopped does not make the
    others look shorter than they are.

    Args:
        ended: how many trials have ended after each number of epochs.
        running: the epochs of the others.
    """

    def __init__(self, ended: Mapping[int, int], running: Sequence[int]) -> None:
        reached = sorted(
            [*running, *(epoch for epoch, count in ended.items() for _ in range(count))]
        )
        self.longest = reached[-1] if reached else 0
        self._epochs: list[int] = []
        self._shares = [1.0]
        self._sums: list[float] = []
        total, at = 0.0, 0
        for epoch in sorted(ended):
            came = len(reached) - (bisect_right(reached, epoch - 1))
            total, at = total + self._shares[-1] * (epoch - at), epoch
            self._epochs.append(epoch)
            self._sums.append(total)
            self._shares.append(self._shares[-1] * (1 - ended[epoch] / came))

    def left(self, epoch: int, longest: int) -> float:
        """How many more epochs a running trial is expected to train.

        Args:
            epoch: how many it has trained.
            longest: how many it trains if nothing stops it.
        """
        share = self._share(epoch)
        return (self._sum(longest) - self._sum(epoch)) / share if share and longest > epoch else 0.0

    def of_new(self, longest: int) -> float:
        """How many epochs a trial that has not begun is expected to train."""
        return self._sum(longest)

    def _share(self, epoch: int) -> float:
        """The share of trials that train longer than an epoch."""
        return self._shares[bisect_right(self._epochs, epoch)]

    def _sum(self, epoch: int) -> float:
        """The epochs up to this one that a trial is expected to train."""
        place = bisect_right(self._epochs, epoch)
        before = self._epochs[place - 1] if place else 0
        return (self._sums[place - 1] if place else 0.0) + self._shares[place] * (epoch - before)


def estimate(
    ended: Mapping[int, int],
    running: Sequence[Training],
    new: int,
    longest: int | None,
    trained: int,
    seconds: float,
) -> Estimate:
    """What a search still needs, by what ASHA has let through so far, not by all epochs.

    The epochs that are left are those that the running and the new trials are expected to train
    (`Lasting`): where most trials are stopped at the first rung, so will be most new ones. The time
    is these epochs at the rate of the session so far, but no less than the running trial with the
    most left needs by itself. Nothing is known before a trial has ended.

    Args:
        ended: how many trials have ended after each number of epochs.
        running: the trials that run.
        new: how many trials have not begun.
        longest: how many epochs a new trial trains if nothing stops it; None where that is not
            known: as many as the longest so far.
        trained: how many epochs the trials have trained in this session.
        seconds: since the session began.
    """
    epochs = sum(epoch * count for epoch, count in ended.items()) + sum(r.epoch for r in running)
    if not ended:
        return Estimate(epochs)
    lasting = Lasting(ended, [each.epoch for each in running])
    most = longest or lasting.longest
    lefts = [lasting.left(each.epoch, each.longest or most) for each in running]
    left = sum(lefts) + max(new, 0) * lasting.of_new(most)
    if not trained or not left:
        return Estimate(epochs, epochs + left)
    pairs = zip(lefts, running, strict=True)
    alone = max((more * (each.seconds or 0.0) for more, each in pairs), default=0.0)
    return Estimate(epochs, epochs + left, max(left * seconds / trained, alone))
