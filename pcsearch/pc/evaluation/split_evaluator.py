"""The evaluations of a run on the splits of its data set."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.data.images import Images, Splits
from pcsearch.pc.evaluation.evaluator import Evaluator
from pcsearch.pc.evaluation.linear_probe import LabelledBatches, probe
from pcsearch.pc.evaluation.pictures import Reconstructions
from pcsearch.pc.evaluation.reconstruction import reconstruct
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import Learner
from pcsearch.pc.model.transformer import Model
from pcsearch.pc.schedule.learning_rates import LearningRates


class SplitEvaluator:
    """Validates and probes a model, and reconstructs images, all from the same splits.

    Args:
        config: the configuration of the run.
        model: the layers.
        splits: the images.
        device: where the model is.
    """

    def __init__(
        self, config: ModelConfig, model: Model, splits: Splits, device: torch.device
    ) -> None:
        self._config = config
        self._model = model
        self._splits = splits
        self._device = device
        self._evaluator = Evaluator(config, model, device)

    def validate(self, learner: Learner, hidden: Hidden, rates: LearningRates) -> dict[str, float]:
        """The metrics of `Evaluator.validate` on the validation images."""
        batches = self._batches(self._splits.validation)
        return self._evaluator.validate(learner, hidden, batches, rates)

    def probe(self, learner: Learner, hidden: Hidden) -> dict[str, float]:
        """The accuracies of the linear `probe`, trained on the training images."""

        def labelled(images: Images) -> LabelledBatches:
            return LabelledBatches(lambda: self._batches(images), images.labels)

        train, test = labelled(self._splits.train), labelled(self._splits.test)
        classes = self._splits.classes
        return probe(self._config, self._evaluator, learner, hidden, train, test, classes)

    def reconstruct(
        self, learner: Learner, hidden: Hidden, rates: LearningRates
    ) -> Reconstructions:
        """The reconstructions of the first test images."""
        test = self._splits.test
        first = torch.arange(min(self._config.num_images, len(test)))
        return reconstruct(
            self._config,
            self._model,
            self._evaluator,
            learner,
            hidden,
            test.unit(first, self._device),
            test,
            rates,
        )

    def _batches(self, images: Images) -> Iterator[Tensor]:
        for indices in torch.split(torch.arange(len(images)), self._config.batch_size):
            yield images.batch(indices, self._device)
