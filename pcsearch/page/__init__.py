"""Draws a search as one HTML file, which opens without a network.

All that it draws is untrusted: names, values and errors are escaped in one place (`html`), for
HTML, for scripts and for plotly, which reads tags in texts.

It must not lock or change the search that it draws, and runs no code of a user.
"""

FILE = "report.html"
"""The page in the directory of a search."""
