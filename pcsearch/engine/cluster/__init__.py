"""Where the trials run: the address, the connection, the nodes and their resources.

It knows nothing of what is searched.
"""
