"""Which evaluations follow an epoch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pcsearch.pc.config import ModelConfig


@dataclass(frozen=True)
class EvaluationSchedule:
    """Which evaluations follow each epoch of a run; epochs count from 1.

    Args:
        config: the configuration of the run.
        validate_at: epochs with a validation in addition to the configured ones.
        probe_at: epochs with a linear probe in addition to the configured ones.
    """

    config: ModelConfig
    validate_at: Collection[int] = ()
    probe_at: Collection[int] = ()

    def configured(self, measure: str, epoch: int) -> bool:
        """Whether the configuration itself has ``measure`` evaluated after this epoch.

        Early stopping looks at these evaluations only. So the additional ones of a search do not
        change when a run stops.
        """
        every = {
            "train_mse": 1,
            "val_mse": self.config.validation_every_n_epochs,
            "probe_accuracy": self.config.linear_probe_every_n_epochs,
        }[measure]
        return bool(every) and epoch % every == 0

    def counts_for_saving(self, epoch: int) -> bool:
        """Whether model saving looks at its measure: at the configured ones, and at the last."""
        return self._is_last(epoch) or self.configured(self.config.model_saving_metric, epoch)

    def validates(self, epoch: int) -> bool:
        """Whether the model is validated after this epoch."""
        configured = self.configured("val_mse", epoch)
        return configured or self._is_last(epoch) or epoch in self.validate_at

    def probes(self, epoch: int) -> bool:
        """Whether the linear probe follows this epoch."""
        configured = self.configured("probe_accuracy", epoch)
        return configured or (self.has_probe and self._is_last(epoch)) or epoch in self.probe_at

    @property
    def has_probe(self) -> bool:
        """Whether the run has a linear probe at all; if so, its last epoch has one."""
        return bool(self.config.linear_probe_every_n_epochs or self.probe_at)

    @property
    def has_pictures(self) -> bool:
        """Whether pictures of reconstructions are made at all; if so, the last epoch has some."""
        return self.config.save_reconstruction_images or self.config.save_reconstruction_video

    def reconstructs(self, epoch: int) -> bool:
        """Whether pictures of reconstructions are made after this epoch."""
        is_configured = epoch % self.config.reconstruction_every_n_epochs == 0
        return self.has_pictures and (is_configured or self._is_last(epoch))

    def _is_last(self, epoch: int) -> bool:
        return epoch == self.config.epochs
