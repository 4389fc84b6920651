"""The race: paired differences, who gets the next seed, and when it is over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.engine.search.replicates.racing import (
    FINALE,
    FINALISTS,
    KEPT,
    LEAST_CHANCE,
    NEW,
    Entrant,
    NextRun,
    Race,
    standings,
)

SEEDS = 5


def entrants(losses: Sequence[Sequence[float]]) -> list[Entrant]:
    """Configurations whose runs have ended, with the first seeds."""
    return [Entrant(dict(enumerate(each)), set(range(len(each)))) for each in losses]


def design(configurations: int, seeds: int, noise: float, effects: float, seed: int) -> np.ndarray:
    """Losses of every configuration with every seed."""
    random = np.random.default_rng(seed)
    losses = random.standard_normal((configurations, 1)) + effects * random.standard_normal(seeds)
    return np.asarray(losses + noise * random.standard_normal((configurations, seeds)))


def raced(losses: np.ndarray, race: Race) -> list[NextRun]:
    """The runs of a race over a design, one after the other."""
    found: list[Entrant] = []
    runs = []
    while run := race.next_run(found, can_begin=len(found) < len(losses)):
        if run.configuration is None:
            found.append(Entrant())
        place = len(found) - 1 if run.configuration is None else run.configuration
        found[place].begun.add(run.seed)
        found[place].losses[run.seed] = float(losses[place, run.seed])
        runs.append(NextRun(place, run.seed))
    return runs


def winner(losses: np.ndarray, runs: Sequence[NextRun]) -> int:
    """The place of the configuration that leads after the runs of a race."""
    found = [Entrant() for _ in losses]
    for place, seed in runs:
        found[place or 0].losses[seed] = float(losses[place or 0, seed])
    placed = standings(found, losses.shape[1])
    return min(range(len(losses)), key=lambda i: placed[i].expected)


def test_a_race_finds_the_winner_of_the_full_design_with_half_of_the_runs() -> None:
    """The figures of the docs have more designs of more kinds."""
    found, share = [], []
    for seed in range(50):
        losses = design(24, SEEDS, 1.0, 1.0, seed)
        runs = raced(losses, Race(SEEDS, is_open=False))
        found.append(winner(losses, runs) == losses.mean(axis=1).argmin())
        share.append(len(runs) / losses.size)
    assert np.mean(found) >= 0.9
    assert np.mean(share) <= 0.5
    assert max(share) < 1


@pytest.mark.parametrize("loss", [20.0, 1e4, 1e30, 1e160])
def test_one_that_has_nearly_diverged_does_not_blind_the_race(loss: float) -> None:
    found, share = [], []
    for seed in range(12):
        losses = design(24, SEEDS, 0.5, 0.0, seed)
        losses[(seed + 3) % 24] = loss
        runs = raced(losses, Race(SEEDS, is_open=False))
        found.append(winner(losses, runs) == losses.mean(axis=1).argmin())
        share.append(len(runs) / losses.size)
    assert np.mean(found) >= 0.9
    assert np.mean(share) <= 0.5


def test_every_configuration_of_a_grid_begins_before_any_gets_a_second_seed() -> None:
    runs = raced(design(6, SEEDS, 0.5, 0.0, 1), Race(SEEDS, is_open=False))
    assert runs[:6] == [NextRun(place, 0) for place in range(6)]
    for place in range(6):
        seeds = [run.seed for run in runs if run.configuration == place]
        assert seeds == list(range(len(seeds)))


def test_the_winner_gets_all_seeds() -> None:
    losses = design(6, SEEDS, 0.3, 0.0, 2)
    runs = raced(losses, Race(SEEDS, is_open=False))
    assert sum(run.configuration == winner(losses, runs) for run in runs) == SEEDS


def test_what_a_seed_does_to_every_configuration_decides_nothing() -> None:
    """The second seed is bad for all: those without it are not better for that."""
    hard = [[0.0, 10.0], [1.0, 11.0], [2.0, 12.0], [1.1]]
    placed = standings(entrants(hard), SEEDS)
    means = [each.expected for each in placed]
    assert means[0] < means[1] < means[2]
    assert means[0] < means[3] < means[2]
    assert placed[2].chance < 0.05


def test_two_seeds_decide_where_the_noise_is_small_and_not_where_it_is_large() -> None:
    small = standings(entrants([[3.0 * i, 3.0 * i + 0.1 * (i % 3)] for i in range(12)]), SEEDS)
    assert sum(each.chance > LEAST_CHANCE for each in small) <= 6
    random = np.random.default_rng(0)
    large = standings(entrants(random.standard_normal((12, 2)).tolist()), SEEDS)
    assert sum(each.chance > LEAST_CHANCE for each in large) >= 7


def test_with_all_seeds_nothing_is_uncertain() -> None:
    losses = design(4, SEEDS, 1.0, 1.0, 3)
    placed = standings(entrants(losses.tolist()), SEEDS)
    assert [each.chance for each in placed] == [
        float(place == losses.mean(axis=1).argmin()) for place in range(4)
    ]
    best = min(placed, key=lambda each: each.expected)
    assert best.mean == pytest.approx(losses.mean(axis=1).min())


def test_a_configuration_that_is_out_gets_no_seed_and_cannot_lead() -> None:
    known = entrants([[0.0, 0.1], [1.0, 1.1], [1.2]])
    known[0].is_out = True
    placed = standings(known, SEEDS)
    assert placed[0].chance == 0
    assert placed[1].chance == 1
    run = Race(SEEDS, is_open=False).next_run(known, can_begin=False)
    assert run is not None
    assert run.configuration != 0
    for each in known:
        each.is_out = True
    assert Race(SEEDS, is_open=False).next_run(known, can_begin=False) is None


def test_a_configuration_waits_for_its_own_run_while_others_are_in_the_race() -> None:
    race = Race(SEEDS, is_open=False)
    known = entrants([[0.0], [0.1]])
    for place in (0, 1):
        assert race.next_run(known, can_begin=False) == NextRun(place, 1)
        known[place].begun.add(1)
        known[place].running = 1
    assert race.next_run(known, can_begin=False) is None


def test_the_last_in_the_race_runs_its_seeds_side_by_side() -> None:
    race = Race(SEEDS, is_open=False)
    known = entrants([[0.0, 0.1, 0.0], [50.0, 50.1, 50.0]])
    for seed in (3, 4):
        assert race.next_run(known, can_begin=False) == NextRun(0, seed)
        known[0].begun.add(seed)
        known[0].running += 1
    assert race.next_run(known, can_begin=False) is None


@pytest.mark.parametrize("runs_all", [True, False])
def test_one_whose_mean_is_as_good_as_the_target_so_far_comes_first(runs_all: bool) -> None:
    race = Race(SEEDS, is_open=False, runs_all=runs_all, target=0.5)
    known = entrants([[0.8], [0.5, 0.6], [0.4, 0.5], [0.4]])
    known[3].is_out = True
    assert race.next_run(known, can_begin=True) == NextRun(2, 2)
    known[2].losses[1] = 0.7
    assert race.next_run(known, can_begin=True) == NEW
    known[2].losses[1], known[2].running = 0.5, 1
    assert race.next_run(known, can_begin=True) == NEW


def test_without_racing_every_configuration_runs_with_every_seed() -> None:
    losses = design(3, SEEDS, 0.1, 0.0, 4)
    grid = raced(losses, Race(SEEDS, is_open=False, runs_all=True))
    assert sorted(grid) == [NextRun(place, seed) for place in range(3) for seed in range(SEEDS)]
    assert [run.seed for run in grid[:3]] == [0, 0, 0]
    drawn = raced(losses, Race(SEEDS, is_open=True, runs_all=True))
    assert drawn == sorted(grid), "a configuration has all its seeds before another begins"


def test_where_configurations_come_without_end_the_better_ones_get_more_seeds() -> None:
    losses = design(300, SEEDS, 1.0, 0.0, 5)
    race, known, runs = Race(SEEDS, is_open=True), list[Entrant](), 0
    while runs < 200:
        run = race.next_run(known, can_begin=True)
        assert run is not None, "there is always a new configuration"
        if run == NEW:
            known.append(Entrant())
        place = len(known) - 1 if run.configuration is None else run.configuration
        known[place].begun.add(run.seed)
        known[place].losses[run.seed] = float(losses[place, run.seed])
        runs += 1
    counts = np.array([len(each.losses) for each in known])
    assert counts.max() >= 4
    for seeds in range(1, SEEDS):
        assert (counts > seeds).sum() <= (counts >= seeds).sum() / KEPT
    true = losses.mean(axis=1)[: len(known)]
    assert true[counts > 2].mean() < true[counts == 1].mean()


def test_the_last_runs_are_for_the_finalists() -> None:
    race = Race(SEEDS, is_open=True)
    known = entrants([[float(i)] for i in range(9)])
    known[0].is_out = True
    begun = []
    for _ in range(FINALISTS + 1):
        run = race.next_run(known, can_begin=True, left=FINALE)
        assert run is not None
        known[run.configuration or 0].begun.add(run.seed)
        begun.append(run)
    assert begun[:FINALISTS] == [NextRun(place, 1) for place in range(1, FINALISTS + 1)]
    assert begun[-1] == NextRun(1, 2), "not in order to wait"
    new = race.next_run([Entrant(begun={0}, running=1)], can_begin=True, left=0.1)
    assert new == NEW, "nothing is known yet"


def test_one_configuration_alone_and_equal_losses_are_no_problem() -> None:
    assert standings([], SEEDS) == []
    assert standings(entrants([[1.0]]), SEEDS)[0].chance == 1
    equal = standings(entrants([[1.0, 1.0], [1.0, 1.0], [1.0]]), SEEDS)
    assert [each.expected for each in equal] == [1.0] * 3


FAR = st.sampled_from([0.0, 0.0, 0.0, 5.0, 1e3, 1e9])


@given(st.data())
def test_where_every_seed_has_run_the_least_mean_leads_however_far_out_a_loss_is(
    data: st.DataObject,
) -> None:
    seeds = data.draw(st.integers(2, 6))
    loss = st.builds(lambda near, far: near + far, st.floats(0, 1), FAR)
    rows = data.draw(st.lists(st.lists(loss, min_size=seeds, max_size=seeds), min_size=2))
    placed = standings(entrants(rows), seeds)
    means = [sum(row) / seeds for row in rows]
    leader = min(range(len(rows)), key=lambda i: placed[i].expected)
    assert means[leader] <= min(means) * (1 + 1e-6) + 1e-9
    assert placed[leader].chance == 1.0


def test_one_run_that_has_nearly_diverged_hides_no_difference_between_the_others() -> None:
    rows = [[0.1, 0.2, 0.15], [0.5, 0.6, 0.55], [0.3, 900.0]]
    placed = standings(entrants(rows), SEEDS)
    assert placed[0].chance == 1.0
    assert placed[1].chance < 0.2
    assert placed[2].chance < LEAST_CHANCE
