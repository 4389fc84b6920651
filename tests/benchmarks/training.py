"""How fast a batch is trained: the package's step against the plain one, in the same run.

    python tests/benchmarks/training.py [--blocks N ...] [--device D] [--threads N]
        [--compile auto|off] [--json]

The CIFAR configuration (batch 200, 64 patches, H 64, MLP 256, 1 head, T = 20), with 0, 1, 6 and 12
blocks. The plain version is ``tests/helpers/plain.py``: eager, autograd over the energy. Both train
the same batch in turns, and the result of a case is the median of its turns. The machine's rate of
matrix products, square ones of 2,048, is measured before each case. ``gflops`` counts the products
of the definition, so a step that needs fewer of them does not look slower. Prints a row as each
case ends, and then a JSON line for each; with ``--json`` only the lines.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import plain

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.config_values import model_config
from pcsearch.pc.device import computing, pick_device
from pcsearch.pc.model.inference import init_hidden
from pcsearch.pc.model.learning import fresh_learner
from pcsearch.pc.model.training_batch import BatchSettings, train_batch
from pcsearch.pc.model.transformer import Model, init_weights

BLOCKS = (0, 1, 6, 12)
BATCH = 200
SECONDS = 25.0
TURNS = 7


def matrix_rate(device: torch.device) -> float:
    """Products of 2,048 by 2,048 matrices, in GFLOP/s; the best of a few."""
    one = torch.rand(2048, 2048, device=device)
    return max(2 * 2048**3 / 1e9 / timed(lambda: one @ one, device) for _ in range(6))


def timed(call: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def measure(blocks: int, device: torch.device, limit: float, compiled: bool) -> dict[str, Any]:
    """Both versions in turns, at least twice, until ``limit`` seconds have passed."""
    config = model_config(
        {"config": "6block", "num_blocks": blocks, "dataset": "synthetic", "patch_size": 4}
        | {"image_shape": (3, 32, 32), "batch_size": BATCH}
    )
    shape, settings = Architecture.of(config), BatchSettings.of(config)
    sizes = shape.num_patches, shape.hidden_size, shape.mlp_size, shape.num_heads
    model = Model(shape, device, Blocks(*sizes) if compiled and device.type == "cpu" else None)
    weights = {name: weight.to(device) for name, weight in init_weights(shape, 0).items()}
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random)
    images = torch.rand(BATCH, shape.num_patches, shape.patch_dim, generator=random).to(device)
    learner, hidden = fresh_learner(weights), init_hidden(model, weights, BATCH, noise)
    rates = config.peak_lr_hidden, config.peak_lr_weights
    arguments = (model, learner, hidden, images, *rates, settings)
    versions = {
        "plain": lambda: plain.train_batch(*arguments),
        "pcsearch": lambda: train_batch(*arguments),
    }
    times: dict[str, list[float]] = {name: [] for name in versions}
    rate = matrix_rate(device)
    for call in versions.values():
        call()
    start = time.perf_counter()
    while len(times["plain"]) < TURNS:
        for name, call in versions.items():
            times[name].append(timed(call, device))
        if len(times["plain"]) > 1 and time.perf_counter() - start > limit:
            break
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    work = shape.training_gigaflops(settings.inference_steps) * BATCH
    return {
        "blocks": blocks,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "turns": len(times["plain"]),
        "plain_images_per_second": BATCH / medians["plain"],
        "images_per_second": BATCH / medians["pcsearch"],
        "ratio": medians["plain"] / medians["pcsearch"],
        "gflops": work / medians["pcsearch"],
        "matrix_gflops": rate,
        "share": work / medians["pcsearch"] / rate,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--blocks", type=int, nargs="+", default=BLOCKS, metavar="N")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--compile", choices=("auto", "off"), default="auto")
    parser.add_argument("--json", action="store_true", help="no table")
    options = parser.parse_args()
    device = pick_device(options.device)
    results = []
    if not options.json:
        print(f"{'':6}{'images a second':>22}{'':>8}{'GFLOP/s':>10}{'of the':>16}")
        print(f"{'blocks':6}{'plain':>10}{'pcsearch':>12}{'ratio':>8}{'':>10}{'matrix rate':>16}")
    with computing(device, options.threads):
        for blocks in options.blocks:
            result = measure(blocks, device, SECONDS, options.compile == "auto")
            results.append(result)
            if not options.json:
                print(_row(result), flush=True)
    for each in results:
        print(json.dumps({key: _rounded(value) for key, value in each.items()}))


def _row(result: dict[str, Any]) -> str:
    return (
        f"{result['blocks']:6}{result['plain_images_per_second']:10.1f}"
        f"{result['images_per_second']:12.1f}{result['ratio']:8.2f}{result['gflops']:10.1f}"
        f"{result['share']:11.0%} of {result['matrix_gflops']:.0f}"
    )


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
