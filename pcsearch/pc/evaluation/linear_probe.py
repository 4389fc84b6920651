"""The linear probe: how well a linear classifier tells the classes from the hidden states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.metrics import PROBE_ACCURACY
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import Learner
from pcsearch.pc.model.optimisers import adamw, fresh_adam
from pcsearch.pc.model.patches import patchify
from pcsearch.pc.seeds import generator

SMALLEST_DEVIATION = 1e-6

Batches = Callable[[], Iterator[Tensor]]


class LabelledBatches(NamedTuple):
    """Images in batches of (B, C, S, S), normalised, and the labels of all of them, (M,)."""

    batches: Batches
    labels: Tensor


def probe(
    config: ModelConfig,
    evaluator: Evaluator,
    learner: Learner,
    hidden: Hidden,
    train: LabelledBatches,
    test: LabelledBatches,
    classes: int,
) -> dict[str, float]:
    """Train the probe on the training images' hidden states and test it on the test images'.

    Args:
        config: the configuration of the run.
        evaluator: runs the inference.
        learner: the model's weights.
        hidden: training's hidden states; inference starts from them, unless the configuration has
            fresh states in evaluation.
        train: the images that the probe is trained on.
        test: the images that it is tested on.
        classes: the number of classes, at least as many as the labels have.

    Returns:
        ``Metrics/LinearProbe_Accuracy``, the best test accuracy in [0, 1]: of the concatenated
        states, or of the best vode. With several vodes one by one, also
        ``Metrics/LinearProbe_Accuracy/vode_i`` for each.
    """

    def features(batches: Batches) -> list[Tensor]:
        return _features(config, evaluator, learner, hidden, batches())

    inputs = list(zip(features(train.batches), features(test.batches), strict=True))
    if config.linear_probe_concatenate_features:
        train_vodes, test_vodes = zip(*inputs, strict=True)
        inputs = [(torch.cat(train_vodes, dim=1), torch.cat(test_vodes, dim=1))]
    accuracies = [
        _best_accuracy(config, *_standardise(*pair), train.labels, test.labels, classes)
        for pair in inputs
    ]
    metrics = {PROBE_ACCURACY: max(accuracies)}
    if len(accuracies) > 1:
        for vode, accuracy in zip(config.probe_vodes, accuracies, strict=True):
            metrics[f"{PROBE_ACCURACY}/vode_{vode}"] = accuracy
    return metrics


def _features(
    config: ModelConfig,
    evaluator: Evaluator,
    learner: Learner,
    hidden: Hidden,
    batches: Iterator[Tensor],
) -> list[Tensor]:
    """The inputs of the probe, (M, features) for each probed vode."""
    features = [features_of(config, evaluator, learner, hidden, batch) for batch in batches]
    return [torch.cat(vode) for vode in zip(*features, strict=True)]


def features_of(
    config: ModelConfig, evaluator: Evaluator, learner: Learner, hidden: Hidden, batch: Tensor
) -> list[Tensor]:
    """The states of each probed vode after inference, (B, features): the inputs of the probe.

    Args:
        config: the configuration of the run.
        evaluator: runs the inference.
        learner: the model's weights.
        hidden: training's hidden states.
        batch: the images, (B, C, S, S), normalised.
    """
    images = patchify(batch, config.patch_size)
    inferred = evaluator.represent(learner, hidden, images, *probe_inference(config))
    vodes = [inferred.top, *inferred.states]
    chosen = [vodes[i] for i in config.probe_vodes]
    if config.linear_probe_use_gap:
        return [states.mean(dim=1) for states in chosen]
    return [states.flatten(1) for states in chosen]


def probe_inference(config: ModelConfig) -> tuple[float, int]:
    """The learning rate of the hidden states, and the steps, of the inference for the probe."""
    lr = config.linear_probe_h_lr or config.hidden_lr_inference
    return lr, config.linear_probe_inference_steps or config.inference_steps


def _standardise(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    mean = train.mean(dim=0)
    deviation = train.std(dim=0).clamp(min=SMALLEST_DEVIATION)
    return (train - mean) / deviation, (test - mean) / deviation


def _best_accuracy(
    config: ModelConfig,
    train: Tensor,
    test: Tensor,
    train_labels: Tensor,
    test_labels: Tensor,
    classes: int,
) -> float:
    device = train.device
    train_labels, test_labels = train_labels.to(device), test_labels.to(device)
    random = generator(config.linear_probe_seed, "probe")
    bound = train.shape[1] ** -0.5
    weight = ((torch.rand(classes, train.shape[1], generator=random) * 2 - 1) * bound).to(device)
    # AdamW of torch would load its compiler, which takes seconds.
    learned = [weight, torch.zeros(classes, device=device)]
    moments = fresh_adam(learned)
    lr, decay = config.linear_probe_lr, config.linear_probe_wd
    best = torch.zeros((), device=device)
    for _ in range(config.linear_probe_epochs):
        order = torch.randperm(len(train), generator=random)
        for chosen in torch.split(order.to(device), config.linear_probe_batch_size):
            leaves = [each.requires_grad_() for each in learned]
            loss = F.cross_entropy(F.linear(train[chosen], *leaves), train_labels[chosen])
            gradients = torch.autograd.grad(loss, leaves)
            with torch.no_grad():
                learned, moments = adamw(leaves, gradients, moments, lr=lr, weight_decay=decay)
        with torch.no_grad():
            predicted = F.linear(test, *learned).argmax(dim=1)
            best = torch.maximum(best, (predicted == test_labels).float().mean())
    return float(best)
