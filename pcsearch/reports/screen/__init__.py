"""The live screen of a search: what it shows, drawn for a terminal of any size.

It must not know Ray and W&B: what happens in the session is told to it, and it changes nothing.
"""
