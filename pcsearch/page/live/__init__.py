"""Keeps ``report.html`` in a search's directory: drawn while the search runs, and at its end.

Another process draws it, so that a search never waits for it, and a page that cannot be drawn costs
nothing.

It must not know what is on the page.
"""
