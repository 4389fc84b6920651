"""What a search still needs, by how long its trials last."""

from __future__ import annotations

import random

import pytest

from pcsearch.reports.screen.estimate import Estimate, Lasting, Training, estimate

pytestmark = pytest.mark.oldest


def test_a_running_trial_counts_as_far_as_it_is() -> None:
    """By hand: of four, two ended after an epoch, one runs after three, and one after six."""
    lasting = Lasting({1: 2}, [3, 6])
    # Half of the trials train more than one epoch, and no trial has ended later.
    assert lasting.of_new(9) == 1 + 0.5 * 8
    assert lasting.left(3, 9) == 6
    assert lasting.left(0, 9) == 1 + 0.5 * 8
    assert lasting.left(9, 9) == 0
    # One of the two that came so far ends at the fourth epoch.
    lasting = Lasting({1: 2, 4: 1}, [6])
    assert lasting.of_new(9) == 1 + 0.5 * 3 + 0.25 * 5
    assert lasting.left(3, 9) == pytest.approx(1 + 0.5 * 5)


def test_a_trial_that_fails_before_its_first_epoch_takes_none() -> None:
    lasting = Lasting({0: 1, 4: 1}, [])
    assert lasting.of_new(4) == 2
    assert lasting.left(0, 4) == 4


def asha_like(rng: random.Random) -> int:
    """The epochs of a trial of 27, of which a third goes on at each rung: 1, 3 and 9."""
    for rung in (1, 3, 9):
        if rng.random() > 1 / 3:
            return rung
    return 27


def test_the_epochs_that_are_left_are_those_that_asha_lets_through() -> None:
    """With a third of the trials run, and eight running, it is near to what the search takes."""
    rng = random.Random(5)
    lengths = [asha_like(rng) for _ in range(1500)]
    total, all_epochs = sum(lengths), 1500 * 27
    ended: dict[int, int] = {}
    for length in lengths[:500]:
        ended[length] = ended.get(length, 0) + 1
    running = [Training(rng.randrange(length), 27, 2.0) for length in lengths[500:508]]
    done = sum(lengths[:500]) + sum(each.epoch for each in running)
    found = estimate(ended, running, 992, 27, done, 2.0 * done)
    assert found.epochs == done
    assert found.expected == pytest.approx(total, rel=0.15)
    assert found.expected < all_epochs / 4
    assert found.seconds == pytest.approx(2.0 * (total - done), rel=0.15)


def test_running_trials_that_last_do_not_make_the_estimate_short() -> None:
    """Those that ASHA stops end first; the mean of the ended trials is far too low."""
    found = estimate({1: 6}, [Training(20, 27)] * 3, 0, 27, 66, 66.0)
    assert found.expected == 6 + 3 * 27
    assert found.seconds == pytest.approx(21)


def test_the_last_trial_takes_its_own_time() -> None:
    """Eight trials at once had trained eight epochs a second; the one that is left trains one."""
    found = estimate({10: 7}, [Training(5, 10, 1.0)], 0, 10, 75, 75 / 8)
    assert found.seconds == 5


@pytest.mark.parametrize(
    ("ended", "running", "longest", "expected"),
    [
        # Nothing is known before a trial has ended.
        ({}, [Training(3, 9)], 9, Estimate(3)),
        # How long a function trains is not known: as long as those before.
        ({4: 1, 6: 1}, [Training(2)], None, Estimate(12, 12 + 3 + 5, 8.0)),
        # Nothing was trained in this session.
        ({4: 1}, [], 4, Estimate(4, 8)),
    ],
)
def test_what_is_not_known_is_not_told(
    ended: dict[int, int], running: list[Training], longest: int | None, expected: Estimate
) -> None:
    trained = 12 if running else 0
    assert estimate(ended, running, 1, longest, trained, 12.0) == expected


def test_a_search_that_is_over_needs_nothing() -> None:
    assert estimate({4: 2}, [], 0, 4, 8, 8.0) == Estimate(8, 8)
