"""Where an epoch's time goes: the shares of its parts, at the presets' own cadence.

    python tests/benchmarks/epoch.py [--presets 0block 1block 6block] [--compile auto|off] [--json]

Trains on synthetic images of CIFAR-10's shape, some batches for each preset, with one thread, and
validates and probes once. Counted is the processor's time, which other processes disturb little.
Training is put to the 50,000 images of an epoch, a validation to the share that falls on one; the
probe, which no preset asks for, is told as what one at every validation would add.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from pcsearch.pc import batch, inference
from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.compiled.choice import REPAYS_GFLOP, choose
from pcsearch.pc.config import model_config
from pcsearch.pc.device import computing
from pcsearch.pc.model import Model
from pcsearch.pc.training import TrainingRun

BATCHES = 5
EPOCH = 50_000
PARTS: dict[str, list[tuple[Any, str]]] = {
    "gradient of the hidden states": [(inference, "_slopes")],
    "of it the compiled blocks": [(Blocks, "run")],
    "update of the hidden states": [(inference, "_descend")],
    "weight steps": [(batch, "step_weights")],
    "reconstruction": [(Model, "reconstruct")],
    "images and augmentation": [(TrainingRun, "_training_images")],
    "initial hidden states": [(TrainingRun, "_start_hidden")],
}


@contextmanager
def timed() -> Iterator[dict[str, float]]:
    """Add up the processor's time in each of the parts, of this thread and what it calls."""
    spent = dict.fromkeys(PARTS, 0.0)
    before = []

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*given: Any, **more: Any) -> Any:
            began = time.process_time()
            try:
                return call(*given, **more)
            finally:
                spent[name] += time.process_time() - began

        return measured

    for name, places in PARTS.items():
        for owner, attribute in places:
            before.append((owner, attribute, getattr(owner, attribute)))
            setattr(owner, attribute, wrapped(name, getattr(owner, attribute)))
    try:
        yield spent
    finally:
        for owner, attribute, call in before:
            setattr(owner, attribute, call)


def measure(preset: str, compiled: bool) -> dict[str, Any]:
    """One preset's epoch."""
    config = model_config(
        {"config": preset, "dataset": "synthetic", "image_shape": (3, 32, 32), "patch_size": 4}
        | {"train_subset": BATCHES * 200, "epochs": 1}
    )
    run = TrainingRun(config, compiled=False)
    if compiled:
        # A short run stands for a long one.
        run._model.compiled = choose(run._model.architecture, run._device, REPAYS_GFLOP)
    with computing(torch.device("cpu"), 1):
        run._train_epoch()
        with timed() as spent:
            trained = cpu(run._train_epoch)
        validated, probed = cpu(run._validate), cpu(run._probe)
    images = BATCHES * config.batch_size
    epoch = trained / images * EPOCH
    validation = validated / config.validation_every_n_epochs
    # The probe takes the features of all training images, and then learns from them.
    probe = probed / images * EPOCH / config.validation_every_n_epochs
    training_parts = {name: seconds / trained for name, seconds in spent.items()}
    augmentation = training_parts["images and augmentation"] * epoch
    return {
        "preset": preset,
        "images_per_second": EPOCH / epoch,
        **{f"training: {name}": share for name, share in training_parts.items()},
        "epoch: augmentation and validation": (augmentation + validation) / (epoch + validation),
        "a probe at every validation adds": probe / (epoch + validation),
    }


def cpu(call: Callable[[], Any]) -> float:
    began = time.process_time()
    call()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--presets", nargs="+", default=["0block", "1block", "6block"])
    parser.add_argument("--compile", choices=("auto", "off"), default="auto")
    parser.add_argument("--json", action="store_true", help="no table")
    given = parser.parse_args()
    found = [measure(preset, given.compile == "auto") for preset in given.presets]
    if not given.json:
        for key in found[0]:
            cells = (each[key] for each in found)
            texts = (
                c if isinstance(c, str) else f"{c:.1%}" if c < 10 else f"{c:.0f}" for c in cells
            )
            print(f"{key:44}" + "".join(f"{text:>10}" for text in texts))
    for each in found:
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in each.items()}))


if __name__ == "__main__":
    main()
