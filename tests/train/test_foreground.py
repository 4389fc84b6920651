"""One model that is trained in the foreground: its files, and its W&B run."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from disks import small_disk
from searching import TINY

from pcsearch.pc.checkpoint import load_model
from pcsearch.pc.training import TrainingRun, train
from pcsearch.train.command import main

ARGUMENTS = [
    part
    for name, value in TINY.items()
    for part in (f"--{name.replace('_', '-')}", json.dumps(value).strip('"'))
]


def only(output: Path) -> Path:
    """The folder of the only run."""
    (folder,) = output.iterdir()
    return folder


def test_it_prints_and_keeps_the_metrics_of_the_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    assert main([*ARGUMENTS, "--seed=5", "--output", str(output)]) == 0
    expected = list(train(TINY | {"seed": 5}))
    lines = (only(output) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == expected
    out, err = capsys.readouterr()
    for name, value in expected[-1].items():
        assert f"{name}: {value}" in out
    assert f"Everything lies in {only(output)}" in out
    assert err.count("train_mse_avg") == TINY["epochs"]


def test_a_quiet_run_prints_the_last_metrics_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = ["-q", "--epochs", "1", "--wandb", "offline", "--output", str(tmp_path)]
    assert main([*ARGUMENTS, *quiet]) == 0
    out, err = capsys.readouterr()
    assert "epoch: 1\n" in out
    # What is left to do is told in any case.
    assert [line[:16] for line in err.splitlines()] == ["Upload it to W&B"]


def test_fields_may_have_dashes_exponents_lists_and_presets(tmp_path: Path) -> None:
    extra = ["--config", "debug_tiny", "--num_blocks", "0", "--peak-lr-weights", "1e-3"]
    extra += ["--reconstruction-steps", "[1, 2]", "--linear_probe_vode_indices", "0"]
    assert main([*ARGUMENTS, *extra, "--epochs", "1", "--output", str(tmp_path)]) == 0


def test_it_keeps_pictures_and_the_best_model(tmp_path: Path) -> None:
    extra = ["--save_reconstruction_images", "true", "--save_reconstruction_video", "true"]
    extra += ["--reconstruction_every_n_epochs", "2", "--save_model_train_mse_threshold", "9"]
    assert main([*ARGUMENTS, *extra, "--output", str(tmp_path)]) == 0
    pictures = sorted(path.name for path in (only(tmp_path) / "reconstructions").iterdir())
    # The third epoch is the last.
    assert pictures == [
        f"epoch_000{epoch}.{kind}" for epoch in (2, 3) for kind in ("gif", "json", "png")
    ]
    config, weights = load_model(only(tmp_path))
    assert config.dataset == "digits"
    assert weights


@pytest.mark.parametrize("signals", [1, 2])
def test_the_first_signal_keeps_the_model_of_its_epoch_and_the_second_ends_at_once(
    signals: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_epoch = TrainingRun.run_epoch

    def interrupted(run: TrainingRun) -> Any:
        if run.epoch == 1:
            for _ in range(signals):
                signal.raise_signal(signal.SIGINT)
        return run_epoch(run)

    monkeypatch.setattr(TrainingRun, "run_epoch", interrupted)
    assert main([*ARGUMENTS, "--epochs", "50", "--output", str(tmp_path)]) == 130
    lines = (only(tmp_path) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    is_kept = signals == 1
    assert [json.loads(line)["epoch"] for line in lines] == ([1, 2] if is_kept else [1])
    assert (only(tmp_path) / "model.safetensors").exists() == is_kept


@pytest.mark.parametrize(("number", "epochs"), [(signal.SIGTERM, [1]), (signal.SIGINT, [1, 2])])
def test_a_signal_in_the_last_epoch_ends_what_it_can(
    number: int, epochs: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends SIGTERM kills soon; after Ctrl-C the last epoch makes the run complete."""
    run_epoch = TrainingRun.run_epoch

    def interrupted(run: TrainingRun) -> Any:
        if run.epoch == 1:
            signal.raise_signal(number)
        return run_epoch(run)

    monkeypatch.setattr(TrainingRun, "run_epoch", interrupted)
    status = main([*ARGUMENTS, "--epochs", "2", "--output", str(tmp_path)])
    assert status == (0 if len(epochs) == 2 else 130)
    lines = (only(tmp_path) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == epochs


def test_a_run_that_diverges_ends_with_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = ["--peak_lr_hidden", "1e9", "--h_grad_clip_norm", "null"]
    assert main([*ARGUMENTS, *extra, "--output", str(tmp_path)]) == 1
    assert "early_stop_reason: NaN" in capsys.readouterr().out


def test_an_output_that_is_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main([*ARGUMENTS, "--output", str(tmp_path / "file" / "below")]) == 2
    assert "error: --output: " in capsys.readouterr().err


def test_a_disk_that_is_full_at_the_end_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path, kilobytes=16):
        assert main([*ARGUMENTS, "--output", str(tmp_path)]) == 2
        (error,) = (
            line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")
        )
        assert error == (
            f"error: --output: {only(tmp_path)}: cannot be written (No space left on device)"
        )
        assert [path.name for path in only(tmp_path).iterdir()] == ["metrics.jsonl"]


def test_an_error_that_is_none_of_the_folder_is_not_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise OSError("the data cannot be mapped")

    monkeypatch.setattr(TrainingRun, "run_epoch", broken)
    with pytest.raises(OSError, match="the data cannot be mapped"):
        main([*ARGUMENTS, "--output", str(tmp_path)])
