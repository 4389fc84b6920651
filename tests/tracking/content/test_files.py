"""Pictures, films and artifacts in runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from offline_runs import OfflineRun
from PIL import Image
from wandb_trials import (
    METRIC,
    FakeOutcomes,
    FakeTrial,
    Folder,
    checkpoint,
    logged,
    make,
    metrics,
    of_epochs,
    read_all,
    read_one,
    run_trial,
)

from pcsearch.engine.workloads.workload import Workload


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


def test_the_best_checkpoint_of_each_trial_and_of_the_search_are_artifacts(tmp_path: Path) -> None:
    outcomes = FakeOutcomes(best={"a": 0.5, "b": 0.9, "c": 0.1})
    callback = make(tmp_path, outcomes, artifacts="best")
    files = {
        "a": ["state.pt", "model.pt", ".metadata.json"],
        "b": ["model.safetensors", "state.pt", ".metadata.json"],
        "older": ["state.pt", ".metadata.json"],
        "c": ["weights/one.bin", "epoch"],
        "none": [],
    }
    for name, kept in files.items():
        found = checkpoint(tmp_path / name, *kept) if kept else None
        run_trial(callback, FakeTrial(name, checkpoint=found), [metrics(3)])
    logged_by = {run.id: models(run) for run in read_all(tmp_path)}
    assert callback.problems == []
    shown = {
        run: [(a.name, a.type, sorted(a.aliases), paths(a)) for a in artifacts]
        for run, artifacts in logged_by.items()
    }
    model, others = ["model.pt"], ["epoch", "weights/one.bin"]
    assert shown == {
        "a": [
            ("my-search-a", "checkpoint", ["latest"], model),
            ("my-search-best", "model", ["best", "latest"], model),
        ],
        "b": [("my-search-b", "checkpoint", ["latest"], ["model.safetensors"])],
        "older": [("my-search-older", "checkpoint", ["latest"], ["state.pt"])],
        "c": [
            ("my-search-c", "checkpoint", ["latest"], others),
            ("my-search-best", "model", ["best", "latest"], others),
        ],
        "none": [],
    }
    best = logged_by["c"][1]
    assert json.loads(best.metadata)[METRIC.name] == 0.1
    local = [Path(entry.local_path) for entry in best.manifest.contents]
    assert all(file.is_relative_to(tmp_path / "c") for file in local), "no copy in W&B's cache"


def models(run: OfflineRun) -> list[Any]:
    """The artifacts besides the tables of the charts, which W&B makes artifacts of itself."""
    return [artifact for artifact in run.artifacts if artifact.type != "run_table"]


def paths(artifact: Any) -> list[str]:
    return sorted(entry.path for entry in artifact.manifest.contents)


def test_no_artifacts_are_made_unless_asked_for(tmp_path: Path) -> None:
    found = checkpoint(tmp_path / "trial", "model.pt")
    run_trial(make(tmp_path), FakeTrial(checkpoint=found), [metrics(3)])
    assert models(read_one(tmp_path)) == []


def test_all_files_of_the_checkpoint_of_a_function_are_kept(tmp_path: Path) -> None:
    names = ["config.json", "model.pt", "model.safetensors", "state.pt"]
    callback = make(tmp_path, artifacts="best", artifact_files=Workload.artifact_files)
    found = checkpoint(tmp_path / "trial", *names)
    run_trial(callback, FakeTrial(checkpoint=found), [metrics(3)])
    (kept, *_) = models(read_one(tmp_path))
    assert paths(kept) == names


def test_a_checkpoint_that_is_elsewhere_costs_only_its_artifact(tmp_path: Path) -> None:
    callback = make(tmp_path, artifacts="best")
    run_trial(callback, FakeTrial(checkpoint=Folder("/no/such/folder")), [metrics(3)])
    assert read_one(tmp_path).exit_code == 0
    assert callback.problems == [
        "W&B: an artifact was lost: /no/such/folder is not on this machine"
    ]
