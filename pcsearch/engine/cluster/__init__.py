"""The Ray cluster that trials run on: its address, the connection, its nodes and their resources.

It must not know what is searched, nor Tune's search.
"""
