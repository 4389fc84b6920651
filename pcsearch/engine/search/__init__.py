"""Suggests the next trial, and decides which trials are stopped.

It must not know files or clusters.
"""
