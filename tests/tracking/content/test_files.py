"""Charts, films and pictures in runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from wandb_trials import (
    FakeTrial,
    chart,
    logged,
    make,
    metrics,
    of_epochs,
    read_one,
    run_trial,
)


def test_the_vodes_over_the_epochs_are_charts_after_the_last_report(tmp_path: Path) -> None:
    run_trial(make(tmp_path), FakeTrial(), [metrics(e) for e in (1, 2, 3)])
    run = read_one(tmp_path)
    assert [row["_step"] for row in run.history] == [1, 2, 3, 4]
    energy = chart(run, "Summary/VodeEnergy_Trends")
    assert energy == [
        [epoch, f"vode_{vode}", pytest.approx(0.1 * vode * epoch)]
        for vode in (1, 2)
        for epoch in (1, 2, 3)
    ]
    norm = chart(run, "Summary/VodeGradNorm_Trends")
    assert norm == [[epoch, "vode_0", pytest.approx(0.3 * epoch)] for epoch in (1, 2, 3)]


def film(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    first, *others = (Image.new("RGB", (48, 48), (shade, 0, 0)) for shade in (0, 90, 180))
    first.save(file, save_all=True, append_images=others, duration=100, loop=0)


def test_the_film_of_an_epoch_is_a_video(tmp_path: Path) -> None:
    film(tmp_path / "trial" / "epoch_0001.gif")
    callback, trial = make(tmp_path), FakeTrial(path=str(tmp_path / "trial"))
    run_trial(callback, trial, [metrics(1, reconstructions_video="epoch_0001.gif")])
    run = read_one(tmp_path)
    (row,) = of_epochs(run)
    assert row["reconstructions_video"]["_type"] == "video-file"
    copied = run.directory / "files" / row["reconstructions_video"]["path"]
    assert copied.read_bytes() == (tmp_path / "trial" / "epoch_0001.gif").read_bytes()
    assert callback.problems == []


def test_a_picture_is_logged_where_this_machine_has_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    folder.mkdir()
    Image.new("RGB", (4, 2)).save(folder / "epoch_0001.png")
    trial = FakeTrial(path=str(tmp_path / "elsewhere"), local_path=str(folder))
    here = metrics(1, reconstructions_images="epoch_0001.png")
    away = metrics(2, reconstructions_images="epoch_0002.png")
    callback = make(tmp_path)
    run_trial(callback, trial, [here, away])
    run = read_one(tmp_path)
    first, second = of_epochs(run)
    picture = first["reconstructions_images"]
    assert (picture["_type"], picture["width"], picture["height"]) == ("image-file", 4, 2)
    assert (run.directory / "files" / picture["path"]).is_file()
    assert "reconstructions_images" not in second
    assert second["epoch"] == 2
    assert callback.problems == []


def test_a_picture_that_cannot_be_read_costs_only_the_picture(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    trial = FakeTrial(path=str(tmp_path))
    callback = make(tmp_path)
    run_trial(callback, trial, [metrics(1, reconstructions_images="broken.png")])
    assert of_epochs(read_one(tmp_path)) == [logged(metrics(1))]
    (problem,) = callback.problems
    assert "picture" in problem
