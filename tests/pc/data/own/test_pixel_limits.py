from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from time import sleep

import numpy as np
import pytest

from pcsearch.pc.data.own.pixel_limits import LARGEST_PIXELS, PixelBudget, check_pixels


def test_an_absurd_size_is_refused() -> None:
    check_pixels(LARGEST_PIXELS, 1)
    with pytest.raises(ValueError, match="100,000 x 100,000 pixels"):
        check_pixels(100_000, 100_000)


def test_threads_have_no_more_pixels_than_there_are() -> None:
    budget, lock = PixelBudget(10), Lock()
    held: list[int] = []
    most: list[int] = []

    def use(pixels: int) -> None:
        with budget.taken(pixels):
            with lock:
                held.append(pixels)
                most.append(sum(held))
            sleep(0.001)
            with lock:
                held.remove(pixels)

    sizes = np.random.default_rng(0).integers(1, 11, 60).tolist()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(use, sizes))
    assert max(most) <= 10
    assert len(most) == 60


def test_small_images_are_there_at_the_same_time_and_a_large_one_waits() -> None:
    budget, has_all = PixelBudget(10), Event()

    def take_all() -> None:
        with budget.taken(10):
            has_all.set()

    with ThreadPoolExecutor(1) as threads:
        with budget.taken(5), budget.taken(5):
            waiting = threads.submit(take_all)
            assert not has_all.wait(0.2)
        waiting.result(timeout=60)


def test_a_damaged_image_gives_its_pixels_back() -> None:
    budget = PixelBudget(10)
    with pytest.raises(ZeroDivisionError), budget.taken(10):
        _ = 1 / 0
    with budget.taken(10):
        pass
