"""Suggests the next trial and stops trials: search spaces, samplers, searchers, ASHA, the target.

It must not know files or clusters.
"""
