"""The workload whose trials train a PC transformer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pcsearch.engine.workloads import pc_checks
from pcsearch.engine.workloads.pc_requirements import (
    check_images,
    prepare_data,
    worker_packages,
    worker_paths,
)
from pcsearch.engine.workloads.workload import SearchContext, Trainable, Workload
from pcsearch.errors import Problem
from pcsearch.pc import metrics as names
from pcsearch.pc.checkpoint import MODEL_FILE as WEIGHTS_FILE
from pcsearch.pc.checkpoint import STATE_FILE, damage
from pcsearch.pc.compiled.build import NoCompilerError, load_library
from pcsearch.pc.config import NUMERIC_FIELDS, WHOLE_FIELDS
from pcsearch.pc.config_values import model_config
from pcsearch.pc.model_file import MODEL_FILE
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

DEFAULT_METRIC = Metric("best_val_mse", "minimize")


class PCTransformer(Workload):
    """Trials that train a PC transformer; every parameter is a field of ModelConfig."""

    time_attr: ClassVar[str] = names.EPOCH
    model_file: ClassVar[str | None] = MODEL_FILE
    artifact_files: ClassVar[tuple[str, ...]] = (WEIGHTS_FILE, MODEL_FILE, STATE_FILE)

    def numeric(self, name: str) -> bool:
        """Whether the field holds a number."""
        return name in NUMERIC_FIELDS

    def whole(self, name: str) -> bool:
        """Whether the field holds a whole number."""
        return name in WHOLE_FIELDS

    def check(self, sweep: Sweep) -> None:
        """Check a sweep against ModelConfig and the metrics that a run reports."""
        pc_checks.check(sweep)

    def parameter_problems(self, parameters: Iterable[Parameter]) -> list[Problem]:
        """Unknown fields, and values of the wrong type or range."""
        return list(pc_checks.parameter_problems(parameters))

    def default_metrics(self) -> tuple[Metric, ...]:
        """The best validation error."""
        return (DEFAULT_METRIC,)

    def max_epochs(self, sweep: Sweep) -> int:
        """The largest value of ``epochs``."""
        return pc_checks.largest(sweep, "epochs")

    def epochs(self, values: Mapping[str, Any]) -> int:
        """The configuration's ``epochs``."""
        return model_config(values).epochs

    def effective_config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The whole ModelConfig."""
        return model_config(values).model_dump(mode="json")

    def check_files(self, sweep: Sweep, folder: Path) -> None:
        """Count the user's own images, and check the sweep against their number."""
        check_images(sweep, folder)

    def prepare(self, sweep: Sweep, folder: Path) -> tuple[str, ...]:
        """Load the images, after a download where need be."""
        return prepare_data(sweep, folder)

    def notes(self, compiled: bool) -> tuple[str, ...]:
        """A note where compiled code is wanted and this machine has no C compiler."""
        if compiled:
            try:
                load_library()
            except NoCompilerError as error:
                return (
                    f"{error}; without compiled code long trials here take up to twice the time "
                    "(--compile off leaves this line out)",
                )
        return ()

    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Refuse ``device: cuda`` for trials without a GPU: each would fail."""
        pc_checks.check_device(sweep, gpus_per_trial)

    def damage(self, checkpoint: Path) -> str:
        """What is wrong with the state's file in a checkpoint's directory, else an empty string."""
        return damage(checkpoint)

    def worker_packages(self, sweep: Sweep) -> Mapping[str, str]:
        """The packages that the augmentation and the pictures of a sweep's trials need."""
        return worker_packages(sweep)

    def worker_paths(self, sweep: Sweep, folder: Path) -> Sequence[str]:
        """The paths of the user's own images."""
        return worker_paths(sweep, folder)

    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], context: SearchContext
    ) -> Trainable:
        """The training of a trial, with a validation or a probe at each rung that needs one."""
        # Ray takes seconds to import, and the checks of a sweep should not wait for it.
        from pcsearch.engine.workloads.pc_trainable import TrialSettings, make_trainable

        longest = self.max_epochs(sweep)
        rungs = sweep.early_terminate.rungs(longest) if sweep.early_terminate else ()
        sources = {names.source(metric.name) for metric in metrics}
        settings = TrialSettings(
            checkpoint_every=context.checkpoint_every,
            compiled=context.compiled,
            folder=context.folder,
            storage_path=context.storage_path,
            storage_filesystem=context.storage_filesystem,
            metric=next(iter(metrics), None),
            validate_at=rungs if "validation" in sources else (),
            # With an epoch to probe, every trial also has a probe at its last.
            probe_at=(*rungs, longest) if "probe" in sources else (),
        )
        return make_trainable(settings)
