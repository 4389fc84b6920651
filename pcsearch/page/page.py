"""The page of a search: what it shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pcsearch import __version__
from pcsearch.engine.results.findings import Findings
from pcsearch.engine.results.importance import importances
from pcsearch.engine.results.origin import Origin
from pcsearch.page.disguise import Disguise, disguised
from pcsearch.page.document import document
from pcsearch.page.html import Html, joined, tag
from pcsearch.page.sections import Section, sections


def page_of(
    findings: Findings,
    origin: Origin,
    upload: str | None,
    *,
    anonymous: bool,
    is_kept: bool = False,
) -> str:
    """The page of a search, as HTML.

    Args:
        findings: of the search; its files can be read.
        origin: of the search.
        upload: the command that uploads its runs to W&B; None where there is nothing to upload.
        anonymous: whether names of machines and users, paths and addresses are left out.
        is_kept: whether the search draws it again while it runs.
    """
    sweep = findings.sweep.text
    clean: Callable[[str], str] = str
    clean_html: Callable[[Html], Html] = Html
    if anonymous:
        shown, nodes = disguised(findings, origin.machines)
        disguise = Disguise(findings, origin, nodes)
        findings, sweep = shown, disguise.sweep(sweep)
        clean, clean_html = disguise.text, disguise.html
    shares = importances(findings)
    parts = list(sections(findings, origin, shares, upload, sweep, anonymous=anonymous))
    body = clean_html(_body(origin.name, findings, parts, is_kept=is_kept))
    title = clean(f"{origin.name}: pcsearch")
    figures = [figure for part in parts for figure in part.figures]
    return document(title, body, figures, clean)


def _body(name: str, findings: Findings, parts: list[Section], *, is_kept: bool) -> Html:
    links = [tag("li", tag("a", part.title, href=f"#{part.name}")) for part in parts]
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    about = f"A search by pcsearch {__version__}, {findings.state}; drawn on {now}."
    if is_kept and findings.state == "running":
        # By itself it would lose what was marked and filtered.
        about += " It is drawn again while the search runs: reload it for newer results."
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
