"""The files of a search, on this machine or at an address, and which process may write them.

It must not know what is in the files.
"""
