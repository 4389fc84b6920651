"""Holds other sweep files and configurations against a sweep: what differs, and which are its own.

They are those of an edit, of a driver that joins, and of the user who wants them tried first.
"""
