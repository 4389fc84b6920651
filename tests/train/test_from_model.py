"""A trained model that is trained longer, evaluated or exported by the command that trains one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from onnx_files import run_bytes
from trained_models import SMALL, model_of, run_of

from pcsearch import load_model
from pcsearch.pc.config_values import model_config
from pcsearch.pc.model_file import write_model
from pcsearch.pc.training import TrainingRun
from pcsearch.train.command import main

EXPORT = ["--export", "nosuch/best.onnx"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The folder of a model."""
    write_model(tmp_path / "best", model_of())
    return str(tmp_path / "best")


def test_training_goes_on_from_the_weights_with_changed_fields(model: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    extra = ["--epochs", "1", "--peak_lr_hidden", "0.05", "--output", str(runs)]
    assert main(["--from", model, *extra]) == 0
    changed = SMALL | {"epochs": 1, "peak_lr_hidden": 0.05}
    expected = TrainingRun(model_config(changed), weights=model_of().weights).run_epoch().metrics
    (folder,) = runs.iterdir()
    (line,) = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == expected
    fresh = TrainingRun(model_config(changed)).run_epoch().metrics
    assert expected["Losses/train_mse_avg"] < fresh["Losses/train_mse_avg"]
    # What it has trained can be used in the same way.
    after = load_model(folder)
    assert after.metrics == expected
    assert after.config.peak_lr_hidden == 0.05
    assert not torch.equal(
        after.weights["output_projection.weight"], model_of().weights["output_projection.weight"]
    )


def test_an_evaluation_prints_every_metric_of_the_model(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--from", model, "--eval"]) == 0
    shown = dict(line.split(": ") for line in capsys.readouterr().out.splitlines())
    _, metrics = run_of("plain")
    assert {name: str(metrics[name]) for name in shown} == shown
    assert "Metrics/LinearProbe_Accuracy" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_an_evaluation_may_have_other_images_and_settings(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for fields in (
        ["--dataset", "synthetic", "--train_subset", "30", "--batch_size", "30"],
        ["--use_corruption", "true", "--target_class", "3", "--batch_size", "20"],
        ["--use_status_init_in_unmasking", "true", "--target_class", "3", "--batch_size", "80"],
    ):
        assert main(["--from", model, "--eval", *fields]) == 0
        found.append(dict(line.split(": ") for line in capsys.readouterr().out.splitlines()))
    assert len({shown["ValMetrics/Pretext/full_mse"] for shown in found}) == 3
    assert ["ValMetrics/Pretext/masked_mse" in shown for shown in found] == [False, True, False]
    assert ["Metrics/LinearProbe_Accuracy" in shown for shown in found] == [True, False, False]


def test_an_export_is_a_file_that_computes_what_the_model_does(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "best.onnx"
    fields = ["--use_status_init_in_unmasking", "true", "--eval_inference_steps", "[2]"]
    found = []
    for changes in ([], fields):
        assert main(["--from", model, "--export", str(target), *changes]) == 0
        size = f"{target.stat().st_size / 1e6:.1f}"
        assert capsys.readouterr().out == f"The model is in {target} ({size} MB)\n"
        images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        found.append(run_bytes(target.read_bytes(), images=images)["reconstructions"])
    expected = load_model(model).reconstruct(images)
    torch.testing.assert_close(torch.from_numpy(found[0]), expected, rtol=0, atol=1e-5)
    assert abs(found[1] - found[0]).max() > 1e-3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "best.onnx"]


def test_a_missing_package_is_a_line(
    model: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in sys.modules if name.startswith("pcsearch.pc.onnx_model.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    target = tmp_path / "best.onnx"
    assert main(["--from", model, "--export", str(target)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    expected = "error: --export: needs the package onnx: pip install 'pcsearch[onnx]' ("
    assert line.startswith(expected)
    assert not target.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--hidden_size", "32"], ["--hidden_size: the model's weights are made for 16, got 32"]),
        (
            ["--num_blocks", "2", "--num_heads", "1", "--eval"],
            [
                "--num_heads: the model's weights are made for 2, got 1",
                "--num_blocks: the model's weights are made for 1, got 2",
            ],
        ),
        (["--dataset", "cifar10"], ["--image_shape: cifar10 images are [3, 32, 32], got"]),
        (["--config", "1block"], ["--config: the model has its own configuration; give single"]),
        (["--epochs", "3", "--eval"], ["--epochs: has no effect on an evaluation; leave it out"]),
        (["--batch_size", "60", "--eval"], ["--batch_size: evaluation starts from the hidden"]),
        (["--train_subset", "30", "--eval"], ["--batch_size: 50 is more than the 30 training"]),
        (["--depth", "3"], ["--depth: the model has no parameter 'depth'"]),
        (["--output", "x", "--eval"], ["--output is for training; leave it or --eval out"]),
        (["--tags", "x", "--eval"], ["--tags is for training; leave it or --eval out"]),
        (["-q", *EXPORT], ["-q is for training; leave it or --export out"]),
        (["--threads", "2", *EXPORT], ["--threads has no effect on --export; leave it out"]),
        (["--eval", *EXPORT], ["--eval and --export are two commands; leave one out"]),
        (
            ["--export", "onnx"],
            ["Invalid value for '--export': give a file that ends in .onnx, got 'onnx'"],
        ),
        (
            ["--epochs", "3", "--train_subset", "60", *EXPORT],
            [
                "--epochs: has no effect on an ONNX file; leave it out",
                "--train_subset: has no effect on an ONNX file; leave it out",
            ],
        ),
        (["--batch_size", "60", *EXPORT], ["--batch_size: evaluation starts from the hidden"]),
        (
            ["--use_corruption", "true", *EXPORT],
            ["--use_corruption: the hidden pixels are drawn anew for every batch, which an ONNX"],
        ),
        (EXPORT, ["--export: nosuch/best.onnx: cannot be written (No such file or directory)"]),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(
    arguments: list[str], expected: list[str], model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--from", model, *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(f"error: {start}")


def test_a_model_that_is_missing_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, expected in (
        (["--eval"], "--eval evaluates a trained model; add --from PATH"),
        (EXPORT, "--export writes a trained model; add --from PATH"),
        (["--from", str(tmp_path / "nosuch")], "nosuch: no such file or folder"),
        (["--from", str(tmp_path), "--eval"], "no model of a PC transformer is here"),
    ):
        assert main(arguments) == 2
        err = capsys.readouterr().err
        assert expected in err
        assert err.count("\n") == 1
