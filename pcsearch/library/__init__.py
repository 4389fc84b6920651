"""Searches from Python and notebooks: `load_sweep`, `search`, `open_search`, and what they give.

A caller imports these names from `pcsearch` itself.
"""
