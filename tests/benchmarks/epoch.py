"""Where an epoch's time goes: the shares of its steps, with the evaluations of the presets.

    python tests/benchmarks/epoch.py [--presets 0block 1block 6block] [--compile auto|off] [--json]

Trains on synthetic images of CIFAR-10's shape, some batches for each preset, with one thread, and
validates and probes once. It measures the processor's time, which other processes disturb little.
The time of training is scaled to the 50,000 images of an epoch, and the time of a validation to its
share in one epoch. No preset has a probe: the last row is what one at every validation would add.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.compiled.choice import MIN_GFLOP, compiled_blocks
from pcsearch.pc.config_values import model_config
from pcsearch.pc.device import computing
from pcsearch.pc.model import inference, training_batch
from pcsearch.pc.model.transformer import Model
from pcsearch.pc.schedule.learning_rates import LearningRates
from pcsearch.pc.training import TrainingRun
from pcsearch.pc.training_epoch import EpochTrainer

BATCHES = 5
EPOCH = 50_000
STEPS: dict[str, list[tuple[Any, str]]] = {
    "gradient of the hidden states": [(inference, "_compute_gradient")],
    "of it the compiled blocks": [(Blocks, "run")],
    "update of the hidden states": [(inference, "_descend")],
    "weight steps": [(training_batch, "step_weights")],
    "reconstruction": [(Model, "reconstruct")],
    "images and augmentation": [(EpochTrainer, "_batch")],
    "initial hidden states": [(EpochTrainer, "_start_hidden")],
}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Add up the processor's time in each of the steps."""
    spent = dict.fromkeys(STEPS, 0.0)
    before = []

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return call(*arguments, **options)
            finally:
                spent[name] += time.process_time() - start

        return measured

    for name, places in STEPS.items():
        for owner, attribute in places:
            before.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, wrapped(name, getattr(owner, attribute)))
    try:
        yield spent
    finally:
        for owner, attribute, call in before:
            setattr(owner, attribute, call)


def measure(preset: str, compiled: bool) -> dict[str, Any]:
    """The shares of one preset's epoch."""
    config = model_config(
        {"config": preset, "dataset": "synthetic", "image_shape": (3, 32, 32), "patch_size": 4}
        | {"train_subset": BATCHES * 200, "epochs": 1}
    )
    run = TrainingRun(config, compiled=False)
    trainer, state, cpu = run._trainer, run._training, torch.device("cpu")
    if compiled:
        # A short run stands for a long one.
        model = trainer._model
        model.compiled = compiled_blocks(model.architecture, cpu, MIN_GFLOP)
    with computing(cpu, 1):
        trainer.train(state, 1)
        with timed() as spent:
            trained = seconds(lambda: trainer.train(state, 2))
        evaluator, rates = run._evaluator, LearningRates(0.001, 0.1)
        validated = seconds(lambda: evaluator.validate(*run._trained, rates))
        probed = seconds(lambda: evaluator.probe(*run._trained))
    images = BATCHES * config.batch_size
    epoch = trained / images * EPOCH
    validation = validated / config.validation_every_n_epochs
    # Most of a probe is the inference on all training images.
    probe = probed / images * EPOCH / config.validation_every_n_epochs
    shares = {name: time / trained for name, time in spent.items()}
    augmentation = shares["images and augmentation"] * epoch
    return {
        "preset": preset,
        "images_per_second": EPOCH / epoch,
        **{f"training: {name}": share for name, share in shares.items()},
        "epoch: augmentation and validation": (augmentation + validation) / (epoch + validation),
        "a probe at every validation adds": probe / (epoch + validation),
    }


def seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--presets", nargs="+", default=["0block", "1block", "6block"])
    parser.add_argument("--compile", choices=("auto", "off"), default="auto")
    parser.add_argument("--json", action="store_true", help="no table")
    options = parser.parse_args()
    results = [measure(preset, options.compile == "auto") for preset in options.presets]
    if not options.json:
        for key in results[0]:
            cells = (result[key] for result in results)
            texts = (
                c if isinstance(c, str) else f"{c:.1%}" if c < 10 else f"{c:.0f}" for c in cells
            )
            print(f"{key:44}" + "".join(f"{text:>10}" for text in texts))
    for result in results:
        rounded = {k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}
        print(json.dumps(rounded))


if __name__ == "__main__":
    main()
