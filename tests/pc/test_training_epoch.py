from __future__ import annotations

from typing import Any

import pytest
import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.architecture import Architecture
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.data.datasets import load_splits
from pcsearch.pc.device import moved
from pcsearch.pc.metrics import LR_HIDDEN, LR_WEIGHTS, TRAIN_ENERGY, TRAIN_MSE
from pcsearch.pc.model.learning import fresh_learner
from pcsearch.pc.model.transformer import Model, init_weights
from pcsearch.pc.training_epoch import EpochTrainer, TrainingState

CPU = torch.device("cpu")


def config(**changes: Any) -> ModelConfig:
    values = {"dataset": "digits", "hidden_size": 8, "num_heads": 1, "batch_size": 20}
    values |= {"train_subset": 70, "inference_steps": 2, "use_ssl_augmentations": False}
    return model_config(values | {"epochs": 2} | changes)


def trainer(config: ModelConfig) -> EpochTrainer:
    model = Model(Architecture.of(config), CPU)
    return EpochTrainer(config, model, load_splits(config).train, CPU)


def start(config: ModelConfig) -> TrainingState:
    return TrainingState(fresh_learner(init_weights(Architecture.of(config), config.seed)))


def test_an_epoch_trains_on_whole_batches_and_reports_the_last_rates() -> None:
    state = start(config())
    metrics = trainer(config()).train(state, 1)
    assert metrics.keys() == {TRAIN_ENERGY, TRAIN_MSE, LR_WEIGHTS, LR_HIDDEN}
    assert state.step == 3
    assert state.hidden is not None
    assert len(state.hidden.top) == 20
    assert config().peak_lr_weights > metrics[LR_WEIGHTS] > config().peak_lr_weights / 2


def test_a_restored_state_trains_on_as_the_one_that_was_saved() -> None:
    one = start(config())
    trainer(config()).train(one, 1)
    other = TrainingState.from_state(moved(one.state(), CPU))
    assert trainer(config()).train(one, 2) == trainer(config()).train(other, 2)
    for name, weight in one.learner.weights.items():
        assert torch.equal(other.learner.weights[name], weight), name


def test_an_epoch_ends_at_the_first_batch_without_a_finite_loss() -> None:
    diverging = config(peak_lr_hidden=1e30, h_grad_clip_norm=None, inference_steps=5)
    state = start(diverging)
    metrics = trainer(diverging).train(state, 1)
    assert not torch.tensor([metrics[TRAIN_ENERGY], metrics[TRAIN_MSE]]).isfinite().all()
    assert state.step == 1


def test_too_few_images_for_a_batch_are_refused() -> None:
    with pytest.raises(PcsearchError, match="batch_size 200 is more than the"):
        trainer(config(batch_size=200, train_subset=1400, target_class=3))
