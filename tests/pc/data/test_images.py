from __future__ import annotations

import torch

from pcsearch.pc.data.images import Images

MEAN, DEVIATION = (0.1, 0.5, 0.9), (0.5, 0.25, 2.0)


def images(mean: tuple[float, ...] = MEAN, deviation: tuple[float, ...] = DEVIATION) -> Images:
    shape = (12, len(mean), 4, 4)
    drawn = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=drawn)
    pixels[0], pixels[1] = 0, 255
    return Images(pixels, torch.arange(12) % 10, mean, deviation)


def test_unit_images_are_the_bytes_from_0_to_1_in_the_order_asked_for() -> None:
    held = images()
    unit = held.unit(torch.tensor([1, 0, 7, 7]), "cpu")
    assert unit.dtype == torch.float32
    assert torch.equal(unit[0], torch.ones(3, 4, 4))
    assert torch.equal(unit[1], torch.zeros(3, 4, 4))
    assert torch.equal((unit[2:] * 255).round().byte(), held.pixels[[7, 7]])


def test_a_batch_has_each_channels_mean_taken_off_and_is_divided_by_its_deviation() -> None:
    batch = images().batch(torch.tensor([0, 1]), "cpu")
    for channel, (mean, deviation) in enumerate(zip(MEAN, DEVIATION, strict=True)):
        expected = torch.tensor([-mean / deviation, (1 - mean) / deviation])
        torch.testing.assert_close(batch[:, channel], expected.view(2, 1, 1).expand(2, 4, 4))


def test_denormalising_undoes_normalising() -> None:
    held = images()
    unit = held.unit(torch.arange(len(held)), "cpu")
    torch.testing.assert_close(held.denormalise(held.normalise(unit)), unit)


def test_a_mean_of_0_and_a_deviation_of_1_leave_images_as_they_are() -> None:
    held = images((0.0,), (1.0,))
    every = torch.arange(len(held))
    assert torch.equal(held.batch(every, "cpu"), held.unit(every, "cpu"))


def test_images_on_the_meta_device_stay_there() -> None:
    assert images().batch(torch.arange(3), "meta").device.type == "meta"
