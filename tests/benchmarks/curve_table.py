"""Learning curves of any configuration, from the table that ``learning_curves.py`` has made.

python tests/benchmarks/curve_table.py           what is in the table, and how good a curve is
python tests/benchmarks/curve_table.py --fit     the constants of the model, for another table
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.stats import spearmanr

from pcsearch.sweeps.distributions.base import FloatAxis, IntAxis
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep, parse_sweep

HERE = Path(__file__).parent
SWEEP = HERE / "learning_curves.yaml"
TABLE = HERE / "data" / "learning_curves.npz"
SHOWN_EPOCHS = (1, 3, 9, 27)

LENGTHS = {
    "num_blocks": 1.266,
    "peak_lr_weights": 0.423,
    "peak_lr_hidden": 0.507,
    "hidden_momentum": 0.694,
    "inference_lr_scale_base": 2.689,
    "weight_decay": 1.031,
    "intermediate_l2_coeff": 2.598,
}
"""How far along each parameter's range, of length 1, curves are alike."""

NOISE = 0.142
"""The variance that the model leaves to chance, as a part of the curves' variance."""


def sweep() -> Sweep:
    """The sweep file of the table."""
    return parse_sweep(SWEEP.read_text(encoding="utf-8"), str(SWEEP))


def parameters_text() -> str:
    """The searched parameters, indented as under ``parameters:`` of a sweep file."""
    text = yaml.safe_dump(
        {each.name: each.distribution.spec() for each in sweep().searched()}, sort_keys=False
    )
    return "".join(f"  {line}\n" for line in text.splitlines())


@dataclass(frozen=True)
class CurveTable:
    """A table of learning curves, and a model of all the configurations between its own.

    The model of the mean over seeds is a Gaussian process of the curves' logarithms, with one
    kernel (Matern 5/2) for all epochs. On top is the noise of a seed: how far a curve of the table
    is from the mean over its seeds, at one of the nearest configurations.

    Args:
        parameters: the searched ones.
        values: (configs, parameters).
        seeds: (seeds,); those of the training runs.
        curves: (configs, seeds, epochs); the metric, which is better if it is lower.
    """

    parameters: Sequence[Parameter]
    values: np.ndarray
    seeds: np.ndarray
    curves: np.ndarray

    @classmethod
    def load(cls, path: Path = TABLE) -> CurveTable:
        """The table of a file."""
        parameters = sweep().searched()
        with np.load(path) as file:
            assert file["names"].tolist() == [each.name for each in parameters], "another sweep"
            return cls(parameters, file["values"], file["seeds"], file["curves"].astype(float))

    @property
    def epochs(self) -> int:
        """The length of a curve."""
        return int(self.curves.shape[2])

    def curve(self, config: Mapping[str, Any], seed: int) -> np.ndarray:
        """The metric after each epoch of a run, (epochs,); the same for the same arguments.

        Args:
            config: a value for each searched parameter; others do not count.
            seed: from 0, below the number of configurations; the noise of seed 0 is that of the
                nearest one, the noise of seed 1 that of the next one, and so on.
        """
        kernel = self._kernel(self._scaled([config]))[0]
        near = np.argsort(-kernel, kind="stable")[seed]
        return np.exp(self._means(kernel) + self._deviations[near, seed % len(self.seeds)])

    def mean_curve(self, config: Mapping[str, Any]) -> np.ndarray:
        """The curve without the noise of a seed, (epochs,)."""
        return np.exp(self._means(self._kernel(self._scaled([config]))[0]))

    def left_out(self) -> np.ndarray:
        """The model's curve of each configuration of the table from all others, (configs, epochs).

        The closed form of a Gaussian process; the constants of the model are those of all.
        """
        inverse = np.linalg.inv(self._covariance)
        offsets = (inverse @ self._standard) / np.diag(inverse)[:, None]
        return np.exp((self._standard - offsets) * self._spread + self._centre)

    @cached_property
    def unit(self) -> np.ndarray:
        """The values, each from 0 to 1 along its range, (configs, parameters)."""
        return np.array([self._unit(row) for row in self.values.tolist()])

    def _unit(self, values: Iterable[float]) -> list[float]:
        return [share(each, value) for each, value in zip(self.parameters, values, strict=True)]

    def _scaled(self, configs: Iterable[Mapping[str, Any]]) -> np.ndarray:
        rows = [self._unit(config[each.name] for each in self.parameters) for config in configs]
        return np.array(rows) / self._lengths

    @cached_property
    def _lengths(self) -> np.ndarray:
        return np.array([LENGTHS[each.name] for each in self.parameters])

    @cached_property
    def _logs(self) -> np.ndarray:
        """The mean over the seeds of the curves' logarithms, (configs, epochs)."""
        return np.log(self.curves).mean(1)

    @cached_property
    def _deviations(self) -> np.ndarray:
        """Each curve's logarithm less the mean, (configs, seeds, epochs), of the noise's size."""
        seeds = len(self.seeds)
        # The mean is of the same curves, so the deviations from it are too small.
        return (np.log(self.curves) - self._logs[:, None]) * math.sqrt(seeds / max(seeds - 1, 1))

    @cached_property
    def _centre(self) -> np.ndarray:
        return self._logs.mean(0)

    @cached_property
    def _spread(self) -> np.ndarray:
        return self._logs.std(0)

    @cached_property
    def _standard(self) -> np.ndarray:
        return (self._logs - self._centre) / self._spread

    def _kernel(self, scaled: np.ndarray) -> np.ndarray:
        """The kernel of points (M, parameters) with the table's configurations, (M, configs)."""
        apart = scaled[:, None] - (self.unit / self._lengths)[None]
        far = math.sqrt(5) * np.sqrt((apart**2).sum(-1))
        return (1 + far + far**2 / 3) * np.exp(-far)

    @cached_property
    def _covariance(self) -> np.ndarray:
        return self._kernel(self.unit / self._lengths) + NOISE * np.eye(len(self.unit))

    @cached_property
    def _weights(self) -> np.ndarray:
        return np.linalg.solve(self._covariance, self._standard)

    def _means(self, kernel: np.ndarray) -> np.ndarray:
        return kernel @ self._weights * self._spread + self._centre


def share(parameter: Parameter, value: float) -> float:
    """Where a value lies from 0 to 1 along its parameter's range, which may be logarithmic."""
    axis = parameter.distribution.axis()
    assert isinstance(axis, FloatAxis | IntAxis), "the table's parameters are numbers"
    if isinstance(axis, FloatAxis) and axis.log:
        return math.log(value / axis.low) / math.log(axis.high / axis.low)
    return (value - axis.low) / (axis.high - axis.low)


def fit(table: CurveTable) -> str:
    """The constants under which the table is most likely, as text."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Matern, WhiteKernel

    start = Matern(np.ones(len(table.parameters)), (0.05, 20), nu=2.5) + WhiteKernel(0.1)
    fitted = GaussianProcessRegressor(start).fit(table.unit, table._standard).kernel_
    names = (each.name for each in table.parameters)
    lengths = dict(zip(names, fitted.k1.length_scale.round(3).tolist(), strict=True))
    return f"LENGTHS = {lengths}\nNOISE = {fitted.k2.noise_level:.3f}"


def errors(ours: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """The median relative error of values, and their rank correlation with the true ones."""
    relative = np.median(np.abs(ours / true - 1))
    return float(relative), float(spearmanr(ours, true).statistic)


def report(table: CurveTable) -> str:
    """What is in the table, and how good the model is beside a second seed, at some epochs."""
    first, last, left_out = table.curves[:, 0], table.curves[:, -1], table.left_out()
    noisy = left_out * np.exp(table._deviations[_nearest(table), 0])
    near = np.exp(table._logs[_nearest(table)])
    ends = ", ".join(f"{end:.4f}" for end in np.quantile(first[:, -1], [0, 0.1, 0.5, 0.9, 1]))
    lines = [
        f"{len(first)} configurations, seeds {table.seeds.tolist()}, {table.epochs} epochs",
        f"after the last: best, 10 %, median, 90 %, worst {ends}",
        f"{'epoch':34}" + "".join(f"{epoch:>14}" for epoch in SHOWN_EPOCHS),
    ]
    for title, ours, true in (
        ("a second seed", last, first),
        ("the nearest configuration", near, first),
        ("the model", left_out, first),
        ("the model with a seed's noise", noisy, first),
        ("the epoch as the final value", first, first[:, [-1] * table.epochs]),
        ("the same of the model with noise", noisy, noisy[:, [-1] * table.epochs]),
    ):
        cells = (errors(ours[:, epoch - 1], true[:, epoch - 1]) for epoch in SHOWN_EPOCHS)
        lines.append(f"{title:34}" + "".join(f"{error:8.1%}{rank:6.2f}" for error, rank in cells))
    return "\n".join(lines)


def _nearest(table: CurveTable) -> np.ndarray:
    """The number of the nearest other configuration of each, (configs,)."""
    return (table._covariance - 2 * np.eye(len(table.unit))).argmax(1)


def main(arguments: list[str] | None = None) -> None:
    """Read the options and print a report of the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args(arguments)
    table = CurveTable.load(options.table)
    print(fit(table) if options.fit else report(table))


if __name__ == "__main__":
    main()
