"""The commands beside the search itself, one module each: ``python -m pcsearch results DIR``.

A module here may use everything below it, but not `cli`, which puts the commands together.
"""
