from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
import torch
from reference import architecture, random_weights
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.evaluation.linear_probe import LabelledBatches, probe
from pcsearch.pc.metrics import PROBE_ACCURACY
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import Learner, fresh_learner
from pcsearch.pc.model.patches import patchify

States = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From images as patches, (B, N, D), to h_0 and the stacked h_1 .. h_{L+1}."""


class Given:
    """Stands for the evaluator: the hidden states are a given function of the images."""

    def __init__(self, states: States) -> None:
        self.states = states
        self.asked: list[tuple[int, float, int]] = []

    def represent(
        self, learner: Learner, training_hidden: Hidden, images: Tensor, lr: float, steps: int
    ) -> Hidden:
        self.asked.append((len(images), lr, steps))
        return Hidden(*self.states(images))


def config(**changes: Any) -> ModelConfig:
    values = {
        "dataset": "synthetic",
        "image_shape": [1, 4, 4],
        "patch_size": 2,
        "num_blocks": 1,
        "linear_probe_every_n_epochs": 1,
        "linear_probe_epochs": 40,
        "linear_probe_batch_size": 32,
        "linear_probe_lr": 0.05,
    }
    return model_config(values | changes)


def labelled(images: Tensor, labels: Tensor) -> LabelledBatches:
    return LabelledBatches(lambda: iter(torch.split(images, 50)), labels)


def run(
    chosen: ModelConfig,
    states: States,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
) -> dict[str, float]:
    shape = architecture()
    nothing = Hidden(torch.empty(0), torch.empty(0))
    return probe(
        chosen,
        cast(Evaluator, Given(states)),
        fresh_learner(random_weights(shape)),
        nothing,
        labelled(*train),
        labelled(*test),
        classes=10,
    )


def draw(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise images, and labels 0 to 9 in equal numbers."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(count, 1, 4, 4, generator=random), torch.arange(count) % 10


def marked(count: int, seed: int, where: Callable[[int], tuple[int, float]]) -> Any:
    """Images of weak noise; ``where`` says which of the 16 values a class sets, and to what."""
    noise, labels = draw(count, seed)
    flat = 0.1 * noise.flatten(1)
    for row, label in zip(flat, labels.tolist(), strict=True):
        place, value = where(label)
        row[place] += value
    return flat.view(count, 1, 4, 4), labels


def tops(patches: Tensor) -> tuple[Tensor, Tensor]:
    """h_0 is the image itself; the other vodes hold nothing."""
    return patches, torch.zeros(2, *patches.shape)


def test_classes_that_a_plane_separates_are_all_told_apart() -> None:
    def where(label: int) -> tuple[int, float]:
        return label, 1.0

    flat = config(linear_probe_use_gap=False)
    assert run(flat, tops, marked(400, 0, where), marked(200, 1, where)) == {PROBE_ACCURACY: 1.0}


def test_labels_that_the_states_do_not_hold_are_guessed() -> None:
    """The best of the epochs is a little above one in ten, and nowhere near two."""
    found = run(config(linear_probe_use_gap=False), tops, draw(400, 0), draw(1000, 1))
    assert 0.08 < found[PROBE_ACCURACY] < 0.16


def test_the_probe_does_not_learn_the_test_labels() -> None:
    """Separable training images, test labels shifted by one: nothing is right."""
    images, labels = marked(200, 1, lambda label: (label, 1.0))
    train = marked(400, 0, lambda label: (label, 1.0))
    found = run(config(linear_probe_use_gap=False), tops, train, (images, (labels + 1) % 10))
    assert found[PROBE_ACCURACY] < 0.4


def half_each(patches: Tensor) -> tuple[Tensor, Tensor]:
    """h_0 tells even labels from odd ones, h_1 and h_2 hold the label's half, five a half."""
    flat = patches.flatten(1)
    empty = torch.zeros_like(flat)
    parity, tens = empty.clone(), empty.clone()
    parity[:, 0] = flat[:, 0]
    tens[:, 1:6] = flat[:, 1:6]
    shape = patches.shape
    return parity.view(shape), torch.stack([tens.view(shape), empty.view(shape)])


def test_concatenated_vodes_tell_more_than_each_by_itself() -> None:
    """One vode holds the label's parity, the other the rest: 2, 5 and 10 classes of 10."""

    def pair(count: int, seed: int) -> tuple[Tensor, Tensor]:
        noise, labels = draw(count, seed)
        flat = 0.05 * noise.flatten(1)
        flat[:, 0] += (labels % 2) * 2 - 1
        flat[torch.arange(count), 1 + labels // 2] += 1
        return flat.view(count, 1, 4, 4), labels

    train, test = pair(400, 0), pair(200, 1)
    each = {"linear_probe_vode_indices": "0,1", "linear_probe_use_gap": False}
    apart = run(config(**each), half_each, train, test)
    assert set(apart) == {PROBE_ACCURACY, f"{PROBE_ACCURACY}/vode_0", f"{PROBE_ACCURACY}/vode_1"}
    assert 0.15 <= apart[f"{PROBE_ACCURACY}/vode_0"] <= 0.3
    assert 0.45 <= apart[f"{PROBE_ACCURACY}/vode_1"] <= 0.65
    assert apart[PROBE_ACCURACY] == apart[f"{PROBE_ACCURACY}/vode_1"]
    joined = config(**each, linear_probe_concatenate_features=True)
    assert run(joined, half_each, train, test) == {PROBE_ACCURACY: 1.0}


def test_each_probed_vode_is_named_by_its_index() -> None:
    """Given in any order: 2 holds the label here, 0 does not."""

    def states(patches: Tensor) -> tuple[Tensor, Tensor]:
        empty = torch.zeros_like(patches)
        return empty, torch.stack([empty, patches])

    chosen = config(linear_probe_vode_indices="2, 0", linear_probe_use_gap=False)
    train, test = (marked(400, seed, lambda label: (label, 1.0)) for seed in (0, 1))
    found = run(chosen, states, train, test)
    assert found[f"{PROBE_ACCURACY}/vode_2"] == 1.0
    assert found[f"{PROBE_ACCURACY}/vode_0"] == pytest.approx(0.1)


def test_averaging_over_patches_loses_the_place_and_keeps_the_feature() -> None:
    """A patch is two by two: value 5 is patch 0's fourth feature, value 2 patch 1's first."""
    in_patch, across = [0, 1, 4, 5], [0, 2, 8, 10]
    for places, averaged in ((in_patch, True), (across, False)):

        def where(label: int, places: list[int] = places) -> tuple[int, float]:
            return places[label % 4], 1.0

        train, test = marked(400, 0, where), marked(200, 1, where)
        four = (train[0], train[1] % 2), (test[0], test[1] % 2)
        gap = run(config(linear_probe_use_gap=True), tops, *four)[PROBE_ACCURACY]
        flat = run(config(linear_probe_use_gap=False), tops, *four)[PROBE_ACCURACY]
        assert flat == 1.0
        # Labels go by ten, so their place (of four) and their parity agree for all of them.
        assert (gap == 1.0) if averaged else (gap < 0.75)


def test_the_scale_of_a_state_does_not_matter() -> None:
    """States are standardised: a vode whose values are tiny is read as well as another."""
    train, test = (marked(300, seed, lambda label: (label, 0.4)) for seed in (0, 1))

    def scaled(patches: Tensor) -> tuple[Tensor, Tensor]:
        return tops(patches * 2.0**-10)

    few = config(linear_probe_epochs=3, linear_probe_use_gap=False)
    usual = run(few, tops, train, test)
    assert 0.2 < usual[PROBE_ACCURACY] < 1.0
    assert run(few, scaled, train, test)[PROBE_ACCURACY] == pytest.approx(
        usual[PROBE_ACCURACY], abs=0.02
    )


def test_test_images_are_standardised_with_the_mean_of_the_training_images() -> None:
    """Their own mean would put the images of one class astride the border between two."""

    def two(label: int) -> tuple[int, float]:
        return 0, 1.0 if label % 2 else -1.0

    (train, train_labels), (test, test_labels) = marked(400, 0, two), marked(200, 1, two)
    odd = test_labels % 2 == 1
    found = run(
        config(linear_probe_use_gap=False),
        tops,
        (train, train_labels % 2),
        (test[odd], test_labels[odd] % 2),
    )
    assert found == {PROBE_ACCURACY: 1.0}


def test_a_feature_without_spread_is_no_number_less() -> None:
    """Standardised by a deviation of 0 it would turn every prediction into NaN."""

    def states(patches: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([patches, torch.full_like(patches, 3.0)], dim=-1), torch.zeros(
            2, *patches.shape
        )

    train, test = (marked(400, seed, lambda label: (label, 1.0)) for seed in (0, 1))
    found = run(config(linear_probe_use_gap=False), states, train, test)
    assert found == {PROBE_ACCURACY: 1.0}


@pytest.mark.parametrize(
    ("changes", "lr", "steps"),
    [
        ({}, 0.3, 7),
        ({"linear_probe_h_lr": 0.02, "linear_probe_inference_steps": 3}, 0.02, 3),
    ],
)
def test_inference_for_the_probe_has_a_rate_and_a_number_of_steps_of_its_own(
    changes: dict[str, Any], lr: float, steps: int
) -> None:
    """Left out, they are ``hidden_lr_inference`` and ``inference_steps``."""
    chosen = config(hidden_lr_inference=0.3, inference_steps=7, linear_probe_epochs=1, **changes)
    given = Given(tops)
    train, test = draw(70, 0), draw(20, 1)
    probe(
        chosen,
        cast(Evaluator, given),
        fresh_learner(random_weights(architecture())),
        Hidden(torch.empty(0), torch.empty(0)),
        labelled(*train),
        labelled(*test),
        classes=10,
    )
    assert given.asked == [(50, lr, steps), (20, lr, steps), (20, lr, steps)]


def test_the_accuracy_follows_from_the_seed_of_the_probe() -> None:
    train, test = draw(300, 0), draw(500, 1)

    def accuracy(seed: int) -> float:
        chosen = config(linear_probe_seed=seed, linear_probe_epochs=2)
        return run(chosen, tops, train, test)[PROBE_ACCURACY]

    torch.manual_seed(1)
    first = accuracy(5)
    torch.manual_seed(2)
    assert accuracy(5) == first
    assert len({accuracy(seed) for seed in range(5)}) > 1


def test_the_accuracy_is_the_best_of_all_epochs() -> None:
    """The epochs of a shorter run are the first of a longer one, so more of them lose nothing."""
    train, test = draw(100, 0), draw(300, 1)
    found = [
        run(config(linear_probe_epochs=epochs), tops, train, test)[PROBE_ACCURACY]
        for epochs in range(1, 15)
    ]
    assert found == sorted(found)
    assert found[0] < found[-1]


def test_images_reach_inference_as_patches() -> None:
    images, labels = draw(30, 0)
    seen: list[Tensor] = []

    def states(patches: Tensor) -> tuple[Tensor, Tensor]:
        seen.append(patches)
        return tops(patches)

    run(config(linear_probe_epochs=1), states, (images, labels), (images, labels))
    assert torch.equal(seen[0], patchify(images, 2))
