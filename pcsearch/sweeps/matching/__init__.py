"""Compares a sweep with another sweep file, or with configurations.

The other file is one that an edit gives, or that of a driver that joins. The configurations are
those of earlier trials, and those that ``--enqueue`` gives.

It must not know which trials a search has run.
"""
