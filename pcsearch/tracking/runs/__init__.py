"""The W&B runs of a search: each is started, gets its rows and ends, in threads.

It knows Tune's trials only by their attributes, and none of Tune's callbacks.
"""
