"""What a search found: its trials, their groups, what the parameters matter, what it has cost.

This wing only reads: it never locks a search, loads no code of the user, and needs no Ray.
"""
