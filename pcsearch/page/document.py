"""A page with figures as one HTML file, which opens without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import resources

from plotly.offline import get_plotlyjs

from pcsearch.page.figures.figure import Figure
from pcsearch.page.html import Html, json_text, labelled, script_hash, tag


def document(
    title: str, body: Html, figures: Iterable[Figure], clean: Callable[[str], str] = str
) -> str:
    """A page as HTML: one file with everything inside.

    Args:
        title: of the page.
        body: what it shows, with the boxes of its figures (`figure_box`).
        figures: which its script draws.
        clean: changes each text of a user in them first.
    """
    drawn = json_text([_drawn(figure, clean) for figure in figures])
    plotly, own = get_plotlyjs(), _asset("page.js")
    # plotly makes the code of parallel coordinates while it draws them.
    scripts = f"{script_hash(plotly)} {script_hash(own)} 'unsafe-eval'"
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<link rel="icon" href="data:,">',
            tag("title", title),
            f"<style>{_asset('page.css')}</style>",
            "</head>",
            "<body>",
            body,
            f'<script type="application/json" id="figures">{drawn}</script>',
            f"<script>{plotly}</script>",
            f"<script>{own}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def _drawn(figure: Figure, clean: Callable[[str], str]) -> dict[str, object]:
    shown = labelled({"data": figure.data, "layout": figure.layout}, clean)
    return {"name": figure.name, "undrawn": figure.undrawn, **shown}


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
