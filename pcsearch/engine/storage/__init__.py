"""Files of a search, on this machine or at an address, and who may write them.

It does not know what is in them.
"""
