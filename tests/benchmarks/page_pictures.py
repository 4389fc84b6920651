"""Draws the page of a search of 30 small models, and takes pictures of it as a browser shows it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from browser import Browser, browsing

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "search_spaces" / "quickstart.yaml"
FIXED = {
    "epochs": 9,
    "train_subset": 300,
    "validation_subset": 100,
    "num_images": 3,
    "reconstruction_every_n_epochs": 9,
    "reconstruction_steps": [1, 5, 10, 20],
    "save_reconstruction_video": False,
}
"""The quickstart with fewer images, so that its 30 trials take a minute, and with pictures."""
QUALITY = 80


class View(NamedTuple):
    """A part of the page as a window shows it.

    Args:
        width: of the window, in pixels.
        scheme: light or dark.
        section: at whose heading it begins; None for the top of the page.
        height: in pixels.
    """

    width: int
    scheme: str
    section: str | None
    height: int

    @property
    def name(self) -> str:
        """The name of its picture."""
        return f"report-{self.width}-{self.scheme}.webp"


VIEWS = (
    View(1280, "light", None, 1900),
    View(1280, "dark", "learning", 1700),
    View(390, "light", None, 1500),
    View(390, "dark", "model", 1500),
)


def draw_pages(docs: Path) -> None:
    """Write the pictures into a folder."""
    with TemporaryDirectory() as made, browsing(Path(made) / "profile") as browser:
        page = searched(Path(made))
        for view in VIEWS:
            picture = taken(browser, page, view)
            picture.save(docs / view.name, quality=QUALITY, method=6)


def searched(folder: Path) -> Path:
    """Run the search; its page."""
    sweep = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))
    sweep["parameters"] |= {name: {"value": value} for name, value in FIXED.items()}
    sweep["parameters"]["num_blocks"] = {"values": [0, 1, 2]}
    file = folder / "sweep.yaml"
    file.write_text(yaml.safe_dump(sweep, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "pcsearch", str(file), "--num-samples", "30", "--seed", "1"]
    command += ["--name", "digits", "--storage-path", str(folder), "--quiet"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}
    environment.pop("PCSEARCH_NO_REPORT", None)
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder / "digits" / "report.html"


def taken(browser: Browser, page: Path, view: View) -> Image.Image:
    """A picture of a part of the page."""
    browser.show(view.width, view.height, view.scheme)
    browser.open(page)
    browser.wait("document.getElementById('count').textContent !== ''")
    browser.run("document.documentElement.style.scrollPaddingTop = '0'")
    browser.run("document.getElementById(arguments[0])?.scrollIntoView()", view.section)
    top, bottom = "each.getBoundingClientRect().top", "each.getBoundingClientRect().bottom"
    seen = f"[...document.querySelectorAll('.plot')].filter((each) => {top} < {view.height}"
    browser.wait(f"{seen} && {bottom} > 0).every((each) => each.querySelector('.main-svg'))")
    # The lines of parallel coordinates are drawn a frame after the rest.
    browser.run("return new Promise((done) => setTimeout(done, 1000))")
    file = io.BytesIO(browser.picture())
    return Image.open(file).convert("RGB")
