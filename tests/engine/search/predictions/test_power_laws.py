"""The fit of power laws to the learning curves of all trials."""

from __future__ import annotations

import numpy as np
import pytest

from pcsearch.engine.search.predictions.power_laws import Array, Curve, fitted

END = 27.0


def curves(
    count: int, epochs: int, *, power: float = 0.75, noise: float = 0.0, seed: int = 0
) -> list[Curve]:
    """Losses that fall by one power law from different heights to different ends."""
    random = np.random.default_rng(seed)
    ends, falls = random.uniform(0.1, 1.0, count), random.uniform(0.5, 1.5, count)
    at = np.arange(1.0, epochs + 1)
    return [
        (at, c + a * shape(at, power) + noise * random.normal(size=epochs))
        for c, a in zip(ends, falls, strict=True)
    ]


def shape(at: Array, power: float) -> Array:
    return np.asarray((at**-power - END**-power) / (1 - END**-power))


def at_end(count: int, seed: int = 0) -> Array:
    """The losses of `curves` at their ends."""
    return np.random.default_rng(seed).uniform(0.1, 1.0, count)


@pytest.mark.parametrize("power", [0.25, 0.75, 1.5])
def test_curves_without_noise_are_followed_to_their_ends(power: float) -> None:
    given = [*curves(12, 27, power=power)[:6], *curves(12, 9, power=power)[6:]]
    laws, sums = fitted(given, END, None)
    means, deviations = laws.predict(sums, np.full(12, END))
    assert means == pytest.approx(at_end(12), abs=0.03)
    # What is not seen to the end is less sure.
    assert deviations[:6].max() < deviations[6:].min()


def test_what_all_have_in_common_is_found() -> None:
    laws, _ = fitted(curves(40, 27, noise=0.01), END, None)
    assert laws.weights.sum() == pytest.approx(1)
    assert int(np.argmax(laws.weights)) == 3, "the exponent 0.75"
    zero, unit = laws.measure.zero, laws.measure.unit
    assert laws.mean[0] * unit + zero == pytest.approx(at_end(40).mean(), abs=0.05)
    assert np.sqrt(laws.noise) * unit == pytest.approx(0.01, rel=0.5)


def test_the_sums_of_a_curve_are_its_own() -> None:
    laws, sums = fitted(curves(5, 8), END, None)
    for i, curve in enumerate(curves(5, 8)):
        alone = laws.sums([curve])
        for of_all, own in zip(sums, alone, strict=True):
            np.testing.assert_allclose(of_all[i], own[0])
    assert sums.reports.tolist() == [8] * 5


def test_a_fit_goes_on_from_the_one_before() -> None:
    early, _ = fitted(curves(10, 6), END, None)
    from_early, sums = fitted(curves(10, 12), END, early)
    fresh, fresh_sums = fitted(curves(10, 12), END, None)
    ends = np.full(10, END)
    found, expected = from_early.predict(sums, ends)[0], fresh.predict(fresh_sums, ends)[0]
    assert found == pytest.approx(expected, abs=0.05)


def test_a_fit_to_losses_of_another_size_is_not_taken_over() -> None:
    small, _ = fitted(curves(10, 6), END, None)
    large = [(at, 1e6 * losses) for at, losses in curves(10, 6)]
    one, other = fitted(large, END, small)[0], fitted(large, END, None)[0]
    for found, expected in zip(one[:4], other[:4], strict=True):
        np.testing.assert_array_equal(found, expected)
