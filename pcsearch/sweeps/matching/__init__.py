"""Compares other sweep files and configurations with a sweep: what differs, what belongs to it.

They are those of an edit, of a driver that joins, and of the user who wants them tried first.

It must not know which trials a search has run.
"""
