"""ModelConfig: every setting of a training run, with its default, type and range.

Imports no torch: a sweep is checked against it before anything heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    model_validator,
)

from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.dataset_checks import name_or_path, shape_conflicts, size_conflicts
from pcsearch.pc.dataset_sizes import DATASETS, OWN_IMAGE_SHAPE, OWN_PATCH_SIZE, is_path

Count = Annotated[int, Field(ge=1)]
CountOrOff = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Step = Annotated[StrictInt, Field(ge=0)]
Steps = Annotated[tuple[Step, ...], Field(min_length=1, strict=False)]

Dataset = Annotated[str, AfterValidator(name_or_path)]
Measure = Literal["train_mse", "val_mse", "probe_accuracy"]

PRESET_KEY = "config"


class ModelConfig(BaseModel):
    """The settings of one run of the PC transformer; checked when created, and then constant.

    Some fields take the value of their data set when they are left out: ``image_shape``,
    ``patch_size`` (2 on digits, else 4) and ``use_cifar10_norm`` (CIFAR-10 only).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    # Data
    dataset: Dataset = "cifar10"
    data_dir: str = "../datasets/"
    image_shape: Annotated[tuple[Count, Count, Count], Field(strict=False)] = (3, 32, 32)
    train_subset: Count = 50000
    test_subset: Count = 200
    validation_subset: Count = 2000
    target_class: Annotated[int, Field(ge=0)] | None = None
    use_ssl_augmentations: bool = True
    use_cifar10_norm: bool = True

    # Architecture
    hidden_size: Annotated[int, Field(ge=2, multiple_of=2)] = 48
    num_heads: Count = 6
    num_blocks: CountOrOff = 1
    mlp_ratio: Positive = 4.0
    patch_size: Count = 4
    theta: Positive = 100
    use_vode_state_layernorm: bool = False

    # Training
    seed: int = 42
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    batch_size: Count = 200
    epochs: Count = 75
    peak_lr_weights: Positive = 0.001
    weight_decay: NotNegative = 0.0002
    w_grad_clip_norm: Positive | None = 500.0
    use_lr_schedule_w: bool = True
    use_lr_schedule_h: bool = True
    warmup_steps: CountOrOff = 0
    lr_schedule_min_lr_factor: Fraction = 0.5
    update_weights_every_inference_step: bool = False

    # Inference of the hidden states
    inference_steps: Count = 20
    peak_lr_hidden: Positive = 0.1
    hidden_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.1
    use_adamw_for_hidden_optimizer: bool = False
    h_grad_clip_norm: Positive | None = 2000.0
    use_inference_lr_scaling: bool = True
    inference_lr_scale_base: Positive = 1.25
    use_vode_grad_norm: bool = False
    vode_grad_norm_target: Positive = 1.0
    intermediate_l1_coeff: NotNegative = 0.0
    intermediate_l2_coeff: NotNegative = 0.0
    use_status_init_in_training: bool = False
    use_noise: bool = True
    reinitialize_model_for_each_epoch: bool = False

    # Evaluation
    validation_every_n_epochs: Count = 5
    eval_inference_steps: Annotated[tuple[Count, ...], Field(min_length=1, strict=False)] = (20,)
    hidden_lr_inference: Positive = 0.1
    use_status_init_in_unmasking: bool = False
    update_weights_during_unmasking: bool = False
    use_corruption: bool = False
    corrupt_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.25
    use_lower_half_mask: bool = False
    inference_clamp_alpha: Fraction = 1.0

    # Pictures
    reconstruction_every_n_epochs: Count = 25
    num_images: Count = 1
    reconstruction_steps: Steps = (1, 2, 3, 4, 8, 12, 16, 20)
    save_reconstruction_images: bool = True
    save_reconstruction_video: bool = True
    video_fps: Annotated[int, Field(ge=1, le=100)] = 60

    # Early stopping and the saved model
    use_early_stopping: bool = True
    early_stopping_metric: Measure = "val_mse"
    early_stopping_patience: Count = 7
    early_stopping_min_delta: NotNegative = 0.001
    save_model_train_mse_threshold: NotNegative = 0.006
    model_saving_metric: Measure = "train_mse"

    # Linear probe
    linear_probe_every_n_epochs: CountOrOff = 0
    linear_probe_vode_indices: Annotated[str, Field(pattern=r"^\s*\d+(\s*,\s*\d+)*\s*$")] = "0"
    linear_probe_concatenate_features: bool = False
    linear_probe_use_gap: bool = True
    linear_probe_lr: Positive = 0.001
    linear_probe_wd: NotNegative = 0.0001
    linear_probe_epochs: Count = 100
    linear_probe_batch_size: Count = 256
    linear_probe_h_lr: Positive | None = None
    linear_probe_inference_steps: Count | None = None
    linear_probe_seed: int = 123

    @model_validator(mode="before")
    @classmethod
    def _fill_from_dataset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        dataset = values.get("dataset", cls.model_fields["dataset"].default)
        image_shape, patch_size = OWN_IMAGE_SHAPE, OWN_PATCH_SIZE
        if isinstance(dataset, str) and dataset in DATASETS:
            image_shape, patch_size, _, _ = DATASETS[dataset]
        filled: dict[str, Any] = {"image_shape": image_shape, "patch_size": patch_size}
        if dataset != "cifar10":
            filled["use_cifar10_norm"] = False
        if values.get("image_shape") is None:
            values = {key: value for key, value in values.items() if key != "image_shape"}
        return filled | values

    @model_validator(mode="after")
    def _check_together(self) -> ModelConfig:
        # pydantic wraps ValueErrors only, and lets this error with all problems through.
        problems = [Problem(message, key=key) for key, message in self._conflicts()]
        if problems:
            raise PcsearchError(problems)
        return self

    def _conflicts(self) -> Iterable[tuple[str, str]]:
        yield from shape_conflicts(
            self.dataset, self.image_shape, self.patch_size, self.use_cifar10_norm
        )
        yield from self.size_conflicts()
        if self.hidden_size % self.num_heads:
            yield (
                "num_heads",
                f"{self.num_heads} heads do not divide hidden_size {self.hidden_size}",
            )
        if int(self.hidden_size * self.mlp_ratio) < 1:
            yield (
                "mlp_ratio",
                f"{self.mlp_ratio} of hidden_size {self.hidden_size} leaves no feature of the MLP",
            )
        if self.probe_vodes and max(self.probe_vodes) > self.num_blocks + 1:
            yield (
                "linear_probe_vode_indices",
                f"with num_blocks {self.num_blocks} the hidden vodes are 0 to "
                f"{self.num_blocks + 1}, got {self.linear_probe_vode_indices!r}",
            )
        if self.num_images > self.batch_size:
            yield "num_images", f"{self.num_images} is more than batch_size {self.batch_size}"
        if not self.linear_probe_every_n_epochs:
            for key in ("early_stopping_metric", "model_saving_metric"):
                used = key != "early_stopping_metric" or self.use_early_stopping
                if used and getattr(self, key) == "probe_accuracy":
                    yield key, "probe_accuracy needs linear_probe_every_n_epochs of 1 or more"
        elif self.target_class is not None:
            yield (
                "linear_probe_every_n_epochs",
                "a probe has nothing to tell apart with one target_class",
            )

    def size_conflicts(self, sizes: tuple[int, int] | None = None) -> Iterable[tuple[str, str]]:
        """The fields that do not fit the sizes of the data set, and why.

        Args:
            sizes: the numbers of training images and classes of the user's own images, which are
                known only after a look at them; None before.
        """
        return size_conflicts(
            self.dataset,
            self.train_subset,
            self.batch_size,
            self.target_class,
            bool(self.linear_probe_every_n_epochs),
            sizes,
        )

    @property
    def probe_vodes(self) -> tuple[int, ...]:
        """The vodes that the linear probe reads, in the order of the field, each once."""
        return tuple(dict.fromkeys(int(part) for part in self.linear_probe_vode_indices.split(",")))

    @property
    def evaluation_steps(self) -> int:
        """T of the evaluation: hidden updates on every validation batch."""
        return max(self.eval_inference_steps)

    def with_paths_from(self, folder: Path, downloads: Path | None = None) -> ModelConfig:
        """The same settings, with relative paths made absolute.

        Args:
            folder: where the path of the user's own images starts.
            downloads: where ``data_dir`` starts; None for the same folder.
        """
        changes = {"data_dir": str(((downloads or folder) / self.data_dir).resolve())}
        if is_path(self.dataset):
            # The end of the path says what it is, and that of a link's target may be another.
            changes["dataset"] = str((folder / self.dataset).absolute())
        return self.model_copy(update=changes)


def _fields_of(*types: type) -> frozenset[str]:
    def holds(annotation: Any) -> bool:
        return annotation in types or (
            get_origin(annotation) is not tuple and any(map(holds, get_args(annotation)))
        )

    return frozenset(
        name for name, field in ModelConfig.model_fields.items() if holds(field.annotation)
    )


WHOLE_FIELDS = _fields_of(int)
"""The fields that hold one whole number (or null)."""
NUMERIC_FIELDS = _fields_of(int, float)
"""The fields that hold one number (or null)."""

CONFLICTING_FIELDS = frozenset(
    {
        PRESET_KEY,
        "batch_size",
        "dataset",
        "early_stopping_metric",
        "hidden_size",
        "image_shape",
        "linear_probe_every_n_epochs",
        "linear_probe_vode_indices",
        "mlp_ratio",
        "model_saving_metric",
        "num_blocks",
        "num_heads",
        "num_images",
        "patch_size",
        "target_class",
        "train_subset",
        "use_cifar10_norm",
        "use_early_stopping",
    }
)
"""The fields that can be in conflict with each other, and ``config``, which sets them."""
