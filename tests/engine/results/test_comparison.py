"""Searches beside each other: the best value after the same training, and what seeds say of it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from made_findings import made_findings, made_race, made_trial

from pcsearch.engine.results.comparison import compared, progress_of
from pcsearch.engine.results.findings import Findings
from pcsearch.errors import PcsearchError

TEXT = (
    "method: grid\nmetric: {name: loss, goal: GOAL}\nparameters:\n"
    "  x: {values: [1, 2, 3]}\n  seed: {values: [1, 2, 3, 4, 5]}\n"
)


def search(*values: float | None, goal: str = "minimize", x: int = 1) -> Findings:
    """Trials of one configuration with several seeds, each of five epochs and ten seconds."""
    trials = [
        made_trial(
            *(number, {"x": x, "seed": number}, value),
            status="failed" if value is None else "finished",
        )
        for number, value in enumerate(values, start=1)
    ]
    return made_findings(TEXT.replace("GOAL", goal), trials)


def test_the_best_so_far_gets_better_when_a_better_trial_ends() -> None:
    progress = progress_of(search(0.5, 0.7, None, 0.3, 0.4))
    assert progress.epochs == (5, 20)
    assert progress.seconds == (10.0, 3010.0)
    assert progress.values == (0.5, 0.3)
    assert [progress.at(epochs) for epochs in (4, 5, 19, 20, 99)] == [None, 0.5, 0.5, 0.3, 0.3]
    assert progress_of(search(0.5, 0.7, goal="maximize")).values == (0.5, 0.7)
    assert progress_of(search(None)).values == ()


def test_searches_are_compared_at_what_all_have_spent() -> None:
    found = compared([search(0.5, 0.4, 0.3, 0.2), search(0.6, 0.1)], ["seed"])
    assert found.budgets == (2, 5, 10)
    assert [[each.at(budget) for budget in found.budgets] for each in found.progress] == [
        [None, 0.5, 0.4],
        [None, 0.6, 0.1],
    ]


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_a_difference_is_sure_where_the_spread_does_not_explain_it(goal: str) -> None:
    chance = random.Random(1)
    near = [[0.5 + 0.1 * chance.gauss(0, 1) for _ in range(5)] for _ in range(2)]
    far = [value + 2.0 for value in near[0]]
    found = compared([search(*each, goal=goal) for each in (*near, far)], ["seed"])
    by_pair = {frozenset((each.better, each.worse)): each for each in found.differences}
    assert not by_pair[frozenset((0, 1))].is_sure
    sure = by_pair[frozenset((0, 2))]
    assert sure.is_sure
    assert (sure.better, sure.worse) == ((0, 2) if goal == "minimize" else (2, 0))
    assert sure.size == pytest.approx(2.0)


def test_chance_alone_is_seldom_called_sure() -> None:
    chance = random.Random(2)
    draws = [[chance.gauss(0, 1) for _ in range(5)] for _ in range(200)]
    sure = [
        compared([search(*one), search(*other)], ["seed"]).differences[0].is_sure
        for one, other in zip(draws[::2], draws[1::2], strict=True)
    ]
    assert sum(sure) <= 12


def test_one_lucky_seed_does_not_win() -> None:
    trials = [
        made_trial(number, {"x": x, "seed": seed}, value)
        for number, (x, seed, value) in enumerate([(1, 1, 0.5), (1, 2, 0.6), (2, 1, 0.1)], start=1)
    ]
    lucky = made_findings(TEXT.replace("GOAL", "minimize"), trials)
    best, alone = compared([lucky, search(0.5)], ["seed"]).best
    assert best is not None
    assert (best.config, best.count) == ({"x": 1}, 2)
    assert alone is not None
    assert alone.count == 1


def test_replicates_are_compared_by_the_best_configuration_of_the_race() -> None:
    """Neither by a lucky run, nor by the mean of a configuration that the race has dropped."""
    race = made_race({1: [0.1, 9.0], 2: [2.0, 2.2], 3: [0.5]}, "fold")
    dropped = [
        replace(each, result=replace(each.result, status="failed"))
        if each.result.config == {"x": 3, "fold": 1}
        else each
        for each in race.trials
    ]
    race = replace(race, trials=tuple(dropped))
    confirmed = made_race({1: [1.0, 1.2, 3.0, 3.4]})
    found = compared([race, confirmed], ["seed"])
    first, second = found.best
    assert first is not None
    assert (first.config, first.means) == ({"x": 2}, (pytest.approx(2.1),))
    assert second is not None
    assert (second.count, second.means) == (2, (pytest.approx(3.2),)), "the fresh seeds alone"
    assert found.by == ("fold", "seed")
    assert found.differences[0].better == 0
    assert found.differences[0].chance is not None
    assert compared([made_race({}), confirmed], ["seed"]).best[0] is None


def test_what_repeats_in_one_search_only_may_differ() -> None:
    race = made_race({1: [0.1, 0.2]}, "fold")
    text = (
        "method: grid\nmetric: {name: loss, goal: minimize}\n"
        "parameters:\n  x: {values: [1, 2]}\n  fold: {values: [1, 2]}\n"
    )
    trials = [made_trial(1, {"x": 1, "fold": 1}, 0.5), made_trial(2, {"x": 1, "fold": 2}, 0.4)]
    assert compared([race, made_findings(text, trials)], ["seed"]).by == ("seed",)


def test_a_seed_in_a_nested_mapping_repeats_too() -> None:
    text = (
        "method: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n  x: {values: [1, 2]}\n"
        "  training: {parameters: {seed: {values: [1, 2]}}}\n"
    )
    runs = [(1, 1, 0.5), (1, 2, 0.7), (2, 1, 0.8)]
    trials = [
        made_trial(number, {"x": x, "training": {"seed": seed}}, value)
        for number, (x, seed, value) in enumerate(runs, start=1)
    ]
    found = compared([made_findings(text, trials), search(0.9, 0.8)], ["seed"])
    assert found.best[0] is not None
    assert (found.best[0].config, found.best[0].count) == ({"x": 1}, 2)
    assert found.by == ("training.seed", "seed")
    assert found.differences[0].chance is not None


def test_without_seeds_nothing_is_sure() -> None:
    found = compared([search(0.5), search(0.1)], ["seed"])
    (difference,) = found.differences
    assert (difference.chance, difference.is_sure) == (None, False)
    assert (difference.better, difference.size) == (1, pytest.approx(0.4))
    assert compared([search(None), search(0.1)], ["seed"]).differences == ()


def test_equal_values_without_spread_are_no_difference() -> None:
    (difference,) = compared([search(0.5, 0.5), search(0.5, 0.5)], ["seed"]).differences
    assert (difference.size, difference.chance) == (0, 1.0)
    (difference,) = compared([search(0.5, 0.5), search(0.4, 0.4)], ["seed"]).differences
    assert (difference.chance, difference.is_sure) == (0.0, True)


@pytest.mark.filterwarnings("error")
def test_values_whose_squares_are_no_numbers_are_compared() -> None:
    near = [search(*(each * scale for each in (1.0, 1.5))) for scale in (1.0, 1e300)]
    far = [search(*(each * scale for each in (4.0, 5.0))) for scale in (1.0, 1e300)]
    (one,), (other,) = (
        compared(list(pair), ["seed"]).differences for pair in zip(near, far, strict=True)
    )
    assert other.chance == pytest.approx(one.chance)
    assert other.error == pytest.approx(1e300 * one.error)
    (huge,) = compared([search(1.7e308, -1.7e308), search(1e308, 1e308)], ["seed"]).differences
    assert (huge.error, huge.chance, huge.is_sure) == (math.inf, None, False)


def test_searches_with_different_metrics_are_refused() -> None:
    with pytest.raises(PcsearchError, match="it is to maximize loss, and /results/here to minim"):
        compared([search(0.5), search(0.5, goal="maximize")], ["seed"])
    none = made_findings("method: grid\nparameters: {x: {values: [1]}}\n", [])
    with pytest.raises(PcsearchError, match="its sweep has no metric"):
        compared([search(0.5), none], [])


def test_a_parameter_that_no_search_has_is_refused() -> None:
    with pytest.raises(PcsearchError, match="--by: no search has 'sed' to search; did you mean 's"):
        compared([search(0.5), search(0.4)], ["sed"])


def test_a_search_that_has_just_begun_has_no_budget() -> None:
    assert (
        compared([search(0.5), made_findings(TEXT.replace("GOAL", "minimize"), [])], []).budgets
        == ()
    )
