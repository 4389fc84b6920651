"""Trials that run the ``program`` of a sweep file, in a process of its own.

It knows how reports come from the process, and not what W&B is: tracking tells it what to set.
"""
