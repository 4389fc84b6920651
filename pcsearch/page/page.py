"""The page of a search: one HTML file with everything inside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import resources

from plotly.offline import get_plotlyjs

from pcsearch import __version__
from pcsearch.engine.results.findings import Findings
from pcsearch.engine.results.importance import importances
from pcsearch.engine.results.origin import Origin
from pcsearch.page.disguise import Disguise, disguised
from pcsearch.page.html import Html, joined, json_text, labelled, script_hash, tag
from pcsearch.page.sections import Section, sections


def page_of(findings: Findings, origin: Origin, upload: str | None, *, anonymous: bool) -> str:
    """The page of a search, as HTML.

    Args:
        findings: of the search; its files can be read.
        origin: of the search.
        upload: the command that uploads its runs to W&B; None where there is nothing to upload.
        anonymous: whether names of machines and users, paths and addresses are left out.
    """
    sweep = findings.sweep.text
    clean: Callable[[str], str] = str
    clean_html: Callable[[Html], Html] = Html
    if anonymous:
        shown, nodes = disguised(findings)
        disguise = Disguise(findings, origin, nodes)
        findings, sweep = shown, disguise.sweep(sweep)
        clean, clean_html = disguise.text, disguise.html
    shares = importances(findings)
    parts = list(sections(findings, origin, shares, upload, sweep, anonymous=anonymous))
    body = clean_html(_body(origin.name, findings, parts))
    title = clean_html(tag("title", f"{origin.name}: pcsearch"))
    return _document(title, body, json_text(list(_figures(parts, clean))))


def _figures(parts: list[Section], clean: Callable[[str], str]) -> Iterator[dict[str, object]]:
    for part in parts:
        for figure in part.figures:
            drawn = labelled({"data": figure.data, "layout": figure.layout}, clean)
            yield {"name": figure.name, **drawn}


def _body(name: str, findings: Findings, parts: list[Section]) -> Html:
    links = [tag("li", tag("a", part.title, href=f"#{part.name}")) for part in parts]
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    about = f"A search by pcsearch {__version__}, {findings.state}; drawn on {now}."
    marked = tag(
        "div",
        tag("span", id="marked-text", role="status"),
        tag("a", "To its row", href="#trials"),
        " ",
        tag("button", "Unmark", type="button", id="unmark"),
        id="marked",
        hidden=True,
    )
    return joined(
        (
            tag("a", "To the table of trials", href="#trials", class_="skip"),
            tag("header", tag("h1", name), tag("p", about, class_="note")),
            tag("nav", tag("ul", *links), aria_label="Sections"),
            tag("main", *(part.html for part in parts)),
            marked,
        )
    )


def _document(title: Html, body: Html, figures: str) -> str:
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
            title,
            f"<style>{_asset('page.css')}</style>",
            "</head>",
            "<body>",
            body,
            f'<script type="application/json" id="figures">{figures}</script>',
            f"<script>{plotly}</script>",
            f"<script>{own}</script>",
            "</body>",
            "</html>",
            "",
        )
    )


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
