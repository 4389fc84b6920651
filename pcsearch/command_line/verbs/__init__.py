"""The commands beside the search itself, one module each: ``python -m pcsearch results DIR``.

A module here may use everything but the command line that calls it.
"""
