"""What the drivers of one search, and second terminals, write for each other in its folder.

It must not know how a driver runs.
"""
