"""The experiment's directory: what is written is read again, and what is wrong is told."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import RECORD, TEXT

from pcsearch.engine.records.directory import ExperimentDirectory, folder_form
from pcsearch.engine.records.journal.events import WarmStartResult
from pcsearch.errors import PcsearchError


def test_what_is_created_is_read_again(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "deep" / "er" / "exp_1")
    directory.create(TEXT, RECORD)
    assert directory.name == "exp_1"
    assert directory.sweep.read_text(encoding="utf-8") == TEXT
    record = ExperimentDirectory(directory.path).record()
    assert {name: record[name] for name in RECORD} == RECORD


def test_nothing_but_the_two_files_is_left(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "exp")
    directory.create(TEXT, RECORD)
    assert {path.name for path in directory.path.iterdir()} == {"sweep.yaml", "experiment.json"}


@pytest.mark.parametrize(
    "folder",
    ["two words", "it's", 'the "best"', "a;b", "naïve-搜索", "$HOME", "-rf", "a\nb", "#%&"],
)
def test_folders_may_have_any_name(tmp_path: Path, folder: str) -> None:
    directory = ExperimentDirectory(tmp_path / folder / "exp")
    directory.create(TEXT, RECORD)
    assert directory.record()["options"] == RECORD["options"]
    with pytest.raises(PcsearchError) as caught:
        directory.create(TEXT, RECORD)
    advice = str(caught.value).partition("(--resume ")[2].rpartition(") or choose")[0]
    assert shlex.split(advice) == [str(directory.path)]


def test_the_record_can_be_replaced(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "exp")
    directory.create(TEXT, RECORD)
    directory.rewrite(directory.record() | {"tracking": {"wandb": "online"}})
    assert directory.record()["tracking"] == {"wandb": "online"}


def test_a_directory_that_is_there_is_kept_as_it_is(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "exp")
    directory.create(TEXT, RECORD)
    with pytest.raises(PcsearchError) as caught:
        directory.create("other", {})
    path = directory.path
    assert str(caught.value) == (
        f"{path} is there already; resume it (--resume {path}) or choose another --name"
    )
    assert directory.sweep.read_text(encoding="utf-8") == TEXT
    assert directory.record()["tracking"] == RECORD["tracking"]


def killed() -> Iterator[WarmStartResult]:
    """Older results, at which the process is killed."""
    raise KeyboardInterrupt
    yield


def test_a_start_that_is_killed_leaves_its_name_to_the_next(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "exp")
    with pytest.raises(KeyboardInterrupt):
        directory.create(TEXT, RECORD, killed())
    directory.check_absent()
    directory.create(TEXT, RECORD)
    assert directory.record()["options"] == RECORD["options"]


def test_of_two_that_start_at_once_one_has_the_directory(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "exp")

    def overtaken() -> Iterator[WarmStartResult]:
        directory.create(TEXT, RECORD)
        yield from ()

    with pytest.raises(PcsearchError, match=r"exp is there already; resume it \(--resume"):
        directory.create("other", {}, overtaken())
    assert directory.sweep.read_text(encoding="utf-8") == TEXT
    assert list(tmp_path.iterdir()) == [directory.path]


def test_an_empty_directory_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "exp").mkdir()
    with pytest.raises(PcsearchError, match="exp is there already and is no experiment"):
        ExperimentDirectory(tmp_path / "exp").create(TEXT, RECORD)
    assert list((tmp_path / "exp").iterdir()) == []


@pytest.mark.parametrize(
    ("below", "reason"), [("file/exp", "Not a directory"), ("x" * 300, "File name too long")]
)
def test_storage_that_cannot_be_written_is_told(tmp_path: Path, below: str, reason: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / below
    with pytest.raises(PcsearchError) as caught:
        ExperimentDirectory(path).create(TEXT, RECORD)
    assert str(caught.value) == (
        f"{path}: cannot be written ({reason}); choose another --storage-path"
    )


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_a_folder_without_a_record_is_no_experiment(tmp_path: Path, path: str) -> None:
    with pytest.raises(PcsearchError) as caught:
        ExperimentDirectory(tmp_path / path).record()
    assert str(caught.value) == (
        f"{tmp_path / path}: no experiment is here (experiment.json is missing); give the "
        "directory that the search printed at its start"
    )


def test_a_folder_of_experiments_names_the_newest_of_them(tmp_path: Path) -> None:
    for age, name in enumerate(("a", "b c", "d", "e", "f", "g", ".draft")):
        (tmp_path / name).mkdir()
        record = tmp_path / name / "experiment.json"
        record.touch()
        os.utime(record, (1000 - age, 1000 - age))
    with pytest.raises(PcsearchError) as caught:
        ExperimentDirectory(tmp_path).record()
    names = ", ".join(f"{tmp_path}/{name}" for name in ("a", "@", "d", "e", "f"))
    names = names.replace(f"{tmp_path}/@", f"'{tmp_path}/b c'")
    assert str(caught.value).endswith(f"; give one of those in it: {names} and 1 more")


@pytest.mark.parametrize(
    ("below", "message"),
    [("file", "no experiment is here"), ("folder", r"experiment\.json: cannot be read")],
)
def test_a_record_that_is_no_file_is_told(tmp_path: Path, below: str, message: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "experiment.json").mkdir(parents=True)
    with pytest.raises(PcsearchError, match=message):
        ExperimentDirectory(tmp_path / below).record()


def test_a_search_has_one_process(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path / "exp")
    with (
        directory.created(TEXT, RECORD),
        pytest.raises(PcsearchError, match="the search is running"),
        directory.owned(),
    ):
        pass
    with directory.owned():
        pass


@pytest.mark.parametrize("name", ["a", "0", "_x", "Sweep_2026-01-02_03-04-05", "v1.2", "x" * 100])
def test_a_name_of_letters_digits_dots_dashes_and_underscores_is_that_of_the_folder(
    name: str,
) -> None:
    assert folder_form(name) == name


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("na me", "na-me"),
        ("a / b", "a-b"),
        ("../up", "up"),
        (".hidden", "hidden"),
        ("--name", "name"),
        ("größe", "größe"),
        ("探索 2", "探索-2"),
        ("a\n;'b'\x00", "a-b"),
        ("...", "search"),
        ("x" * 101, "x" * 100),
        ("探" * 90, "探" * 80),
        ("o\u0308", "ö"),
    ],
)
def test_any_other_name_has_a_safe_form(name: str, form: str) -> None:
    assert folder_form(name) == form
    assert folder_form(form) == form


@given(st.text())
def test_the_form_of_a_name_is_one_folder(name: str) -> None:
    form = folder_form(name)
    assert folder_form(form) == form
    assert 0 < len(form.encode()) <= 255
    assert not set(form) & set("/\\\0 '\"$`")
    assert Path("/a", form).name == form
