"""Where the published data sets are found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cifar10_files import Server
from published_files import PUBLISHED, assert_are, small

from pcsearch.errors import PcsearchError
from pcsearch.pc.data import datasets
from pcsearch.pc.data.published import load
from pcsearch.pc.dataset_sizes import DATASETS, EMBEDDED


def put(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def failure(name: str, data_dir: Path) -> str:
    """The one line that the load of a small data set ends with."""
    with pytest.raises(PcsearchError) as caught:
        load(small(name)[0], data_dir)
    (line,) = str(caught.value).splitlines()
    return line


def test_every_data_set_that_is_not_embedded_is_a_release_with_its_sums() -> None:
    for name in DATASETS.keys() - EMBEDDED:
        release = datasets.release(name)
        assert release.counts[0] == release.sizes.training_images
        assert release.sizes is DATASETS[name]
        assert release.url.endswith("/")
        assert all(re.fullmatch("[0-9a-f]{32}", archive.md5) for archive in release.archives)
        # Data sets have one folder in common.
    paths = [a.path for name in DATASETS.keys() - EMBEDDED for a in datasets.release(name).archives]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize("name", PUBLISHED)
def test_archives_are_downloaded_into_their_places_and_read_from_the_cache_afterwards(
    name: str, tmp_path: Path, server: Server
) -> None:
    release, files = small(name, server.url)
    for path, content in files.items():
        server.offer(path.rpartition("/")[2], content)
    assert_are(load(release, tmp_path / "data"), release)
    assert len(server.requests) == len(files)
    for path, content in files.items():
        assert (tmp_path / "data" / path).read_bytes() == content
        (tmp_path / "data" / path).unlink()
    assert_are(load(release, tmp_path / "data"), release)
    assert len(server.requests) == len(files)


@pytest.mark.parametrize("name", PUBLISHED)
def test_archives_in_the_folder_are_read_and_their_sums_are_compared(
    name: str, tmp_path: Path
) -> None:
    release, files = small(name)
    put(tmp_path, files)
    (last, content) = list(files.items())[-1]
    (tmp_path / last).write_bytes(content[:-1])
    line = failure(name, tmp_path)
    assert line.startswith(f"{tmp_path / last}: its MD5 is ")
    assert line.endswith("; remove the archive to have it downloaded again")
    (tmp_path / last).write_bytes(content)
    assert_are(load(release, tmp_path), release)


def test_only_the_archives_that_are_missing_are_downloaded(tmp_path: Path, server: Server) -> None:
    release, files = small("mnist", server.url)
    (first, missing), *others = files.items()
    put(tmp_path, dict(others))
    server.offer(first.rpartition("/")[2], missing)
    assert_are(load(release, tmp_path), release)
    assert server.requests == ["/train-images-idx3-ubyte.gz"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_of_several_archives_the_variable_has_the_address_of_the_folder(
    slash: str, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, files = small("svhn")
    for path, content in files.items():
        server.offer(f"mirror/{path}", content)
    monkeypatch.setenv("PCSEARCH_SVHN_URL", f"{server.url}mirror{slash}")
    assert_are(load(release, tmp_path), release)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_data_set_that_is_nowhere_is_one_line_with_its_archive(name: str, tmp_path: Path) -> None:
    release = small(name)[0]
    line = failure(name, tmp_path)
    for part in (str(tmp_path), release.title, release.archives[0].path, "dataset: digits"):
        assert part in line


def test_a_file_where_a_folder_is_needed_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "MNIST").write_text("")
    line = failure("mnist", tmp_path)
    assert line.startswith(f"{tmp_path}: ")
    assert "MNIST" in line
