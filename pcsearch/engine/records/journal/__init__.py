"""The journal of a search: its events, how they are written, and the history that is read from it.

It must not know what is made of the history: outcomes, results, a resume.
"""
