"""Which images each evaluation of a run uses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from reference import random_hidden, random_weights
from torch import Tensor

from pcsearch.pc.config_values import model_config
from pcsearch.pc.data.images import Images, Splits
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.evaluation.linear_probe import LabelledBatches, probe
from pcsearch.pc.evaluation.split_evaluator import SplitEvaluator
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import fresh_learner
from pcsearch.pc.model.transformer import Architecture, Model
from pcsearch.pc.schedule.learning_rates import LearningRates

CPU = torch.device("cpu")
RATES = LearningRates(weights=0.01, hidden=0.05)
CONFIG = model_config(
    {
        "dataset": "synthetic",
        "image_shape": [2, 4, 4],
        "patch_size": 2,
        "hidden_size": 12,
        "num_heads": 3,
        "eval_inference_steps": [3],
        "reconstruction_steps": [1],
        "inference_steps": 2,
        "linear_probe_epochs": 3,
        "batch_size": 4,
        "num_images": 3,
    }
)
SHAPE = Architecture.of(CONFIG)


def images(count: int, seed: int) -> Images:
    random = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (count, 2, 4, 4), generator=random, dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 10, (0.5, 0.4), (0.25, 0.2))


SPLITS = Splits(train=images(9, 1), validation=images(6, 2), test=images(5, 3), classes=10)
MODEL = Model(SHAPE, CPU)
LEARNER = fresh_learner({name: w.float() for name, w in random_weights(SHAPE).items()})
HIDDEN = Hidden(*(state.float() for state in random_hidden(SHAPE, images=4).free()))


def evaluations(splits: Splits) -> tuple[Any, Any, Tensor]:
    """The results of all three evaluations on these splits."""
    evaluator = SplitEvaluator(CONFIG, MODEL, splits, CPU)
    return (
        evaluator.validate(LEARNER, HIDDEN, RATES),
        evaluator.probe(LEARNER, HIDDEN),
        evaluator.reconstruct(LEARNER, HIDDEN, RATES).frames,
    )


def normalised(split: Images) -> list[Tensor]:
    """The batches of a split: of four images, and the last of what is left."""
    mean, deviation = (torch.tensor(x).view(-1, 1, 1) for x in (split.mean, split.deviation))
    values = (split.pixels / 255 - mean) / deviation
    return [values[first : first + 4] for first in range(0, len(values), 4)]


def test_each_evaluation_is_of_the_whole_of_its_splits() -> None:
    metrics, accuracies, _ = evaluations(SPLITS)
    evaluator = Evaluator(CONFIG, MODEL, CPU)
    batches = iter(normalised(SPLITS.validation))
    assert metrics == evaluator.validate(LEARNER, HIDDEN, batches, RATES)
    train, test = (
        LabelledBatches(lambda split=split: iter(normalised(split)), split.labels)
        for split in (SPLITS.train, SPLITS.test)
    )
    assert accuracies == probe(CONFIG, evaluator, LEARNER, HIDDEN, train, test, 10)


@pytest.mark.parametrize(
    ("split", "changed"),
    [
        ("train", (False, True, False)),
        ("validation", (True, False, False)),
        ("test", (False, True, True)),
    ],
)
def test_no_evaluation_sees_another_split(split: str, changed: tuple[bool, ...]) -> None:
    other = replace(SPLITS, **{split: images(len(getattr(SPLITS, split)), 7)})
    before, after = evaluations(SPLITS), evaluations(other)
    assert (before[0] != after[0], torch.equal(before[2], after[2])) == (changed[0], not changed[2])
    # Of five test images, the accuracy may be the same: what the probe gets is not.
    seen = [evaluator_inputs(each) for each in (SPLITS, other)]
    assert (seen[0] != seen[1]) == changed[1]


def evaluator_inputs(splits: Splits) -> list[bytes]:
    """The images that the probe's inference is given."""
    evaluator = SplitEvaluator(CONFIG, MODEL, splits, CPU)
    inner, given = evaluator._evaluator, []
    represent = inner.represent

    def recorded(learner: Any, hidden: Any, patches: Tensor, *rest: Any) -> Any:
        given.append(patches.numpy().tobytes())
        return represent(learner, hidden, patches, *rest)

    inner.represent = recorded  # type: ignore[method-assign]
    evaluator.probe(LEARNER, HIDDEN)
    return given


@pytest.mark.parametrize("count", [1, 3, 4])
def test_the_reconstructed_images_are_the_first_of_the_test(count: int) -> None:
    config = CONFIG.model_copy(update={"num_images": count})
    evaluator = SplitEvaluator(config, MODEL, SPLITS, CPU)
    found = evaluator.reconstruct(LEARNER, HIDDEN, RATES).original
    torch.testing.assert_close(found, SPLITS.test.pixels[:count] / 255)


def test_of_a_small_test_set_all_are_reconstructed() -> None:
    small = replace(SPLITS, test=images(2, 3))
    evaluator = SplitEvaluator(CONFIG, MODEL, small, CPU)
    assert len(evaluator.reconstruct(LEARNER, HIDDEN, RATES).original) == 2
