"""What is sent to a cluster's nodes; that it is enough there is tested in tests/searches."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import pcsearch
from pcsearch.engine.cluster import program_folder, shipping
from pcsearch.engine.cluster.shipping import packed, unsent
from pcsearch.engine.workloads.programs.sent_folder import ARCHIVE
from pcsearch.engine.workloads.user_code import Code
from pcsearch.errors import PcsearchError

MEGABYTE = 1024**2


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set and removed, so that what the code sets is undone too.
    monkeypatch.setenv("RAY_OVERRIDE_JOB_RUNTIME_ENV", "")
    monkeypatch.delenv("RAY_OVERRIDE_JOB_RUNTIME_ENV")


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")


def sent(code: Path | None) -> set[str]:
    with packed(None if code is None else Code(code)) as environment:
        folder = Path(environment["working_dir"])
        return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_pcsearch_is_sent_whole_with_the_digits_and_little_else() -> None:
    names = sent(None)
    own = Path(pcsearch.__file__).parent
    modules = {f"pcsearch/{path.relative_to(own)}" for path in own.rglob("*.py")}
    data = {"pc/data/digits.csv.gz", "pc/compiled/blocks.c"}
    assert names == modules | {f"pcsearch/{name}" for name in data | {"py.typed"}}
    with packed(None) as environment:
        files = Path(environment["working_dir"]).rglob("*")
        assert sum(path.stat().st_size for path in files if path.is_file()) < 2 * MEGABYTE


def test_the_modules_and_packages_of_a_folder_are_sent(tmp_path: Path) -> None:
    write(
        tmp_path,
        *("mine.py", "model/__init__.py", "model/deep/layers.py", "model/names.json", "plain/a.py"),
        *(".git/hook.py", "venv/x.py", "mine_env/pyvenv.cfg", "mine_env/y.py", "tests/test_a.py"),
        *("data/1.png", "notes.txt", "pcsearch/old.py", "model/__pycache__/a.pyc", "a-b/c.py"),
    )
    (tmp_path / "model" / "weights.pt").write_bytes(b"0" * (shipping.LARGEST_FILE + 1))
    assert sent(tmp_path) - sent(None) == {
        "mine.py",
        "model/__init__.py",
        "model/deep/layers.py",
        "model/names.json",
        "plain/a.py",
    }


def test_the_folder_of_a_program_is_sent_whole_or_has_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "train.py", "data/1.png")
    program = Code(tmp_path, "train.py")
    with packed(program) as environment:
        assert start_folder_files(Path(environment["working_dir"])) == ["data/1.png", "train.py"]
    assert unsent(program) == {}
    monkeypatch.setattr(program_folder, "LARGEST", -1)
    with packed(program) as environment:
        assert not Path(environment["working_dir"], ARCHIVE).exists()
    ((path, reason),) = unsent(program).items()
    assert path == str(tmp_path / "train.py")
    assert "let git ignore what trials do not need" in reason
    outside = str(tmp_path / "train.py")
    assert unsent(Code(tmp_path / "data", outside)) == {
        outside: "copy it there, or start pcsearch in a folder that has it"
    }
    assert unsent(Code(tmp_path)) == unsent(None) == {}


def start_folder_files(folder: Path) -> list[str]:
    with tarfile.open(folder / ARCHIVE) as files:
        return sorted(files.getnames())


def test_a_folder_with_too_much_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "LARGEST_PACKAGE", MEGABYTE)
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_bytes(b"#" * (MEGABYTE * 3 // 4))
    with pytest.raises(PcsearchError, match=r"--trainable: the modules of .* more than 1 MB"):
        sent(tmp_path)
