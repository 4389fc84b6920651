from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from disks import small_disk
from reference import architecture

from pcsearch.errors import PcsearchError
from pcsearch.pc.checkpoint import (
    UnreadableStateError,
    damage,
    load_model,
    load_state,
    save_model,
    save_state,
)
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.model.transformer import init_weights

CONFIG = model_config({"config": "1block", "dataset": "digits", "eval_inference_steps": [2, 4]})


def state() -> dict[str, Any]:
    return {
        "epoch": 3,
        "best": {"a": 0.1, "b": None},
        "weights": init_weights(architecture(), 0),
        "hidden": [torch.arange(6).view(2, 3).float(), torch.tensor(float("nan"))],
    }


def the_problem(directory: Path, config: ModelConfig = CONFIG) -> str:
    with pytest.raises(PcsearchError) as caught:
        load_state(directory, config)
    return str(caught.value)


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    save_state(tmp_path / "new" / "folders", CONFIG, state())
    found, expected = load_state(tmp_path / "new" / "folders", CONFIG), state()
    assert found.keys() == expected.keys()
    assert (found["epoch"], found["best"]) == (3, {"a": 0.1, "b": None})
    for one, other in zip(found["hidden"], expected["hidden"], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)
    for name, weight in expected["weights"].items():
        assert torch.equal(found["weights"][name], weight)


def test_a_model_comes_back_with_its_configuration(tmp_path: Path) -> None:
    weights = init_weights(architecture(), 0)
    save_model(tmp_path, CONFIG, weights)
    config, found = load_model(tmp_path)
    assert config == CONFIG
    assert list(found) == list(weights)
    assert all(torch.equal(found[name], weight) for name, weight in weights.items())


def test_a_later_state_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    for epoch in (1, 2):
        save_state(tmp_path, CONFIG, {"epoch": epoch})
    assert load_state(tmp_path, CONFIG) == {"epoch": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("moment", ["in the middle", "before the renaming"])
def test_a_write_that_is_cut_off_leaves_the_earlier_file(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that is killed while it writes must find its last checkpoint whole."""
    save_state(tmp_path, CONFIG, {"epoch": 1})

    def killed(descriptor: int) -> None:
        if moment == "in the middle":
            os.ftruncate(descriptor, 9)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path, CONFIG, {"epoch": 2})
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
    assert load_state(tmp_path, CONFIG) == {"epoch": 1}
    # What a process that is killed for good leaves.
    (tmp_path / ".state.pt.tmp").write_bytes(b"half a file")
    save_state(tmp_path, CONFIG, {"epoch": 3})
    assert load_state(tmp_path, CONFIG) == {"epoch": 3}


def test_a_full_disk_is_an_error_of_the_system_and_leaves_no_piece_of_a_file(
    tmp_path: Path,
) -> None:
    """By its number a search knows that it can go on when there is room."""
    large = {"a": torch.zeros(60_000)}
    with small_disk(tmp_path, kilobytes=100):
        for write in (save_state, save_model):
            with pytest.raises(OSError, match="No space left") as caught:
                write(tmp_path, CONFIG, large)
            assert caught.value.errno == errno.ENOSPC
            assert not list(tmp_path.iterdir())


def test_the_file_is_on_the_disk_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    rename = Path.replace

    def fsync(descriptor: int) -> None:
        assert os.fstat(descriptor).st_size
        events.append("fsync")

    def replace(self: Path, target: Path) -> Path:
        events.append(f"rename to {target.name}")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    save_state(tmp_path, CONFIG, {"epoch": 1})
    assert events == ["fsync", "rename to state.pt"]


class Code:
    """Unpickled by a reader that trusts its file, it makes a file of its own."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("plain_pickle", [False, True])
def test_code_in_a_checkpoint_is_refused_and_not_run(plain_pickle: bool, tmp_path: Path) -> None:
    trace, path = tmp_path / "trace", tmp_path / "state.pt"
    content = {"format": 1, "config": "", "state": Code(trace)}
    if plain_pickle:
        path.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, path)
    problem = the_problem(tmp_path)
    assert problem.startswith(f"{path}: the file is damaged (")
    assert "\n" not in problem
    assert not trace.exists()
    # The same file does run its code where it is trusted.
    if plain_pickle:
        pickle.loads(path.read_bytes())  # noqa: S301 - our own
    else:
        torch.load(path, weights_only=False)
    assert trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_one_line_that_names_it(share: float, tmp_path: Path) -> None:
    save_state(tmp_path, CONFIG, state())
    path = tmp_path / "state.pt"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    problem = the_problem(tmp_path)
    assert problem.startswith(f"{path}: the file is damaged (")
    assert "\n" not in problem


def test_a_file_of_something_else_is_one_line_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    path.write_text("epoch: 3\n" * 100, encoding="utf-8")
    problem = the_problem(tmp_path)
    assert problem.startswith(f"{path}: the file is damaged (")
    assert "\n" not in problem


def test_a_file_of_a_tensor_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "state.pt")
    assert the_problem(tmp_path) == f"{tmp_path / 'state.pt'}: the file is no checkpoint"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert the_problem(tmp_path) == f"{tmp_path / 'state.pt'}: no such file"
    with pytest.raises(PcsearchError, match=r"model\.pt: no such file"):
        load_model(tmp_path)


def test_a_state_is_no_model(tmp_path: Path) -> None:
    save_state(tmp_path, CONFIG, {"epoch": 1})
    (tmp_path / "state.pt").rename(tmp_path / "model.pt")
    with pytest.raises(PcsearchError, match="the file holds no model"):
        load_model(tmp_path)


@pytest.mark.parametrize("content", [{"format": 2, "config": "", "state": {}}, {"format": 1}, {}])
def test_a_checkpoint_of_another_format_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "state.pt")
    assert the_problem(tmp_path).endswith("this version reads checkpoints of format 1 only")


def test_a_whole_archive_of_something_else_is_told_as_a_state_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    """No code of it is run; an older checkpoint may do."""

    class Harmful:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    for content in (Harmful(), [1, 2]):
        torch.save(content, tmp_path / "state.pt")
        assert damage(tmp_path) == ""
        with pytest.raises(UnreadableStateError):
            load_state(tmp_path, CONFIG)
    assert not (tmp_path / "made").exists()
    save_state(tmp_path, model_config({"config": "2block"}), state())
    with pytest.raises(PcsearchError, match="another configuration") as caught:
        load_state(tmp_path, CONFIG)
    assert not isinstance(caught.value, UnreadableStateError)


def test_a_state_is_restored_where_its_data_lies_elsewhere(tmp_path: Path) -> None:
    """A trial may go on on a node with other folders; earlier versions wrote absolute paths."""
    for dataset in ("digits", "./mine.npz"):
        config = model_config({"dataset": dataset, "data_dir": "./data"})
        save_state(tmp_path, config.with_paths_from(Path("/elsewhere")), {"epoch": 1})
        assert load_state(tmp_path, config) == {"epoch": 1}
        with pytest.raises(PcsearchError, match="another configuration"):
            load_state(tmp_path, model_config({"dataset": "synthetic"}))


def test_a_configuration_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for config, expected in (("{", "the file is damaged"), ('{"depth": 3}', "none of this")):
        torch.save({"config": config, "weights": {}}, tmp_path / "model.pt")
        with pytest.raises(PcsearchError, match=expected) as caught:
            load_model(tmp_path)
        assert "\n" not in str(caught.value)
