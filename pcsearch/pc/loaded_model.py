"""A trained model to use: it reconstructs images, infers their hidden states and is evaluated.

It computes what an evaluation of its training run computed: the same inference, from the hidden
states that training had left, with the learning rates of its epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.choice import compiled_blocks
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import check_value
from pcsearch.pc.data.datasets import load_splits, no_images
from pcsearch.pc.data.images import Splits
from pcsearch.pc.device import computing, moved, pick_device
from pcsearch.pc.evaluation.evaluator import Evaluator, InferenceStep
from pcsearch.pc.evaluation.linear_probe import features_of
from pcsearch.pc.evaluation.split_evaluator import SplitEvaluator
from pcsearch.pc.model.inference import Hidden
from pcsearch.pc.model.learning import Learner, fresh_learner
from pcsearch.pc.model.optimisers import AdamState
from pcsearch.pc.model.patches import patchify, unpatchify
from pcsearch.pc.model.transformer import Model
from pcsearch.pc.model_file import TrainedModel
from pcsearch.pc.model_places import read

Item = TypeVar("Item")


def load(path: Path, device: str = "auto", threads: int = 1) -> LoadedModel:
    """Load a model; `pcsearch.load_model` has the arguments.

    Raises:
        PcsearchError: there is no model, its file is damaged, there is no such device, or there
            are no threads.
    """
    problem = check_value("device", device)
    if problem is not None:
        raise PcsearchError(Problem(problem, "device"))
    if threads < 1:
        raise PcsearchError(Problem(f"give 1 or more, got {threads}", "threads"))
    return LoadedModel(read(path), pick_device(device), threads)


class LoadedModel:
    """A trained PC transformer on a device.

    Images are (M, C, S, S), any number of them, with C channels and sides of S pixels as its
    ``image_shape`` says: floats in [0, 1], or bytes (uint8) in 0 to 255; a tensor or an array. They
    are taken in batches of at most ``batch_size``. The results are on the model's device.

    Image i of a batch starts from the hidden states of image i of the last batch in training,
    unless ``use_status_init_in_unmasking`` is true: so the result for an image depends a little on
    its place.

    Args:
        trained: the model.
        device: where it computes.
        threads: of torch, on a CPU.
        config: that of the evaluation, where it differs from that of the training.
        compiled: whether compiled code may compute the blocks, as it did in training.
    """

    def __init__(
        self,
        trained: TrainedModel,
        device: torch.device,
        threads: int = 1,
        config: ModelConfig | None = None,
        compiled: bool = True,
    ) -> None:
        self.config = config or trained.config
        """The configuration of its training run."""
        self.metrics: Mapping[str, Any] = trained.metrics
        """The metrics of its epoch, by name."""
        self.weights = moved(trained.weights, device)
        """The weights by name, on the device."""
        self._device, self._threads = device, threads
        shape = Architecture.of(self.config)
        is_compiled = compiled and trained.compiled
        blocks = compiled_blocks(shape, device, float("inf")) if is_compiled else None
        self._model = Model(shape, device, blocks)
        self._learner = fresh_learner(self.weights)
        if trained.moments is not None:
            first, second, step = trained.moments
            moments = AdamState(moved(first, device), moved(second, device), step)
            self._learner = Learner(self.weights, moments)
        self._hidden = Hidden(*moved([trained.hidden.top, trained.hidden.states], device))
        self._rates = trained.evaluation_rates(self.config)
        self._evaluator = Evaluator(self.config, self._model, device)
        self._source = no_images(self.config)

    def reconstruct(self, images: Tensor | np.ndarray) -> Tensor:
        """What the model makes of images, after the inference of its evaluation.

        With ``use_corruption`` a part of each image is hidden, and the model fills it in.

        Args:
            images: (M, C, S, S).

        Returns:
            (M, C, S, S) float32 in [0, 1].

        Raises:
            PcsearchError: the images have another shape, type or range.
        """

        def reconstructed(step: InferenceStep, _: Tensor) -> Tensor:
            patches = self._model.reconstruct(step.learner.weights, step.update.hidden.top)
            normalised = unpatchify(patches, self.config.patch_size, self.config.image_shape[0])
            return self._source.denormalise(normalised).clamp(0, 1)

        return torch.cat(self._evaluated(images, reconstructed))

    def infer(self, images: Tensor | np.ndarray) -> list[Tensor]:
        """The hidden states of every vode, after the inference of the model's evaluation.

        Args:
            images: (M, C, S, S).

        Returns:
            For vode 0, the top latent, (M, N, D) float32; for the vodes 1 to L+1 (M, N, H); for
            vode L+2, the image itself, (M, N, D). N is the number of patches, in the order of rows;
            D is the number of values in a patch, H is ``hidden_size``. The values have no bounds;
            those of the image are normalised as in training.

        Raises:
            PcsearchError: the images have another shape, type or range.
        """

        def states(step: InferenceStep, patches: Tensor) -> list[Tensor]:
            top, states, sensory = step.update.hidden
            return [top, *states, patches if sensory is None else sensory]

        vodes = zip(*self._evaluated(images, states), strict=True)
        return [torch.cat(batches) for batches in vodes]

    def features(self, images: Tensor | np.ndarray) -> Tensor:
        """The inputs of the linear probe: the states of the vodes that it reads, side by side.

        The fields ``linear_probe_vode_indices``, ``linear_probe_use_gap``, ``linear_probe_h_lr``
        and ``linear_probe_inference_steps`` say which vodes, whether they are averaged over the
        patches, and how they are inferred. They are not standardised, and nothing is hidden.

        Args:
            images: (M, C, S, S).

        Returns:
            (M, F) float32, without bounds. Averaged, vode 0 gives D features and another vode H;
            else N times as many.

        Raises:
            PcsearchError: the images have another shape, type or range.
        """
        with computing(self._device, self._threads):
            return torch.cat(
                [
                    torch.cat(
                        features_of(
                            self.config, self._evaluator, self._learner, self._hidden, batch
                        ),
                        dim=1,
                    )
                    for batch in self._batches(images)
                ]
            )

    def evaluate(self, splits: Splits | None = None) -> dict[str, float]:
        """The metrics of the model on a data set: those of a validation, and of the linear probe.

        Where all images are of one class there is no probe. The values are those that the training
        run reported for this epoch, to the last bit, if the data and the number of threads are the
        same.

        Args:
            splits: the images; loaded as the configuration says when left out. Relative paths in
                it start in the current folder.

        Raises:
            PcsearchError: the images cannot be loaded.
        """
        splits = splits or load_splits(self.config.with_paths_from(Path.cwd()))
        evaluator = SplitEvaluator(self.config, self._model, splits, self._device)
        with computing(self._device, self._threads):
            metrics = evaluator.validate(self._learner, self._hidden, self._rates)
            if self.config.target_class is None and splits.classes > 1:
                metrics |= evaluator.probe(self._learner, self._hidden)
        return metrics

    def _evaluated(
        self, images: Tensor | np.ndarray, use: Callable[[InferenceStep, Tensor], Item]
    ) -> list[Item]:
        """For each batch: what is made of the last step of its inference and of its patches."""
        found = []
        with computing(self._device, self._threads):
            for number, batch in enumerate(self._batches(images)):
                patches = patchify(batch, self.config.patch_size)
                step, _ = self._evaluator.last_step(
                    self._learner, self._hidden, patches, number, self._rates
                )
                found.append(use(step, patches))
        return found

    def _batches(self, images: Tensor | np.ndarray) -> Iterator[Tensor]:
        """Images of the user in batches, normalised, on the device."""
        for batch in torch.split(_checked(images, self.config), self.config.batch_size):
            moved_batch = batch.to(self._device)
            unit = moved_batch.float() / 255 if batch.dtype == torch.uint8 else moved_batch.float()
            yield self._source.normalise(unit)


def _checked(images: Any, config: ModelConfig) -> Tensor:
    """Images of the user as a tensor.

    Raises:
        PcsearchError: they have another shape, type or range.
    """
    if isinstance(images, np.ndarray):
        try:
            images = torch.from_numpy(np.array(images))
        # Objects and texts; numbers in another machine's order of bytes.
        except (TypeError, ValueError):
            raise PcsearchError(
                f"images: give floats or bytes (uint8), got {images.dtype}"
            ) from None
    if not isinstance(images, Tensor):
        raise PcsearchError(f"images: give a tensor or an array, got {type(images).__name__}")
    shape = tuple(config.image_shape)
    if images.ndim != 1 + len(shape) or tuple(images.shape[1:]) != shape or not len(images):
        raise PcsearchError(
            f"images: the model takes (M, {', '.join(map(str, shape))}), got {tuple(images.shape)}"
        )
    if images.dtype != torch.uint8:
        if not images.is_floating_point():
            raise PcsearchError(f"images: give floats or bytes (uint8), got {images.dtype}")
        low, high = images.min().item(), images.max().item()
        if not (low >= 0 and high <= 1):
            raise PcsearchError(
                f"images: floats lie between 0 and 1, got {low:g} to {high:g}; for values up to "
                "255 give bytes (uint8)"
            )
    return images
