"""``python -m pcsearch.train``: trains one model in this process, evaluates it or exports it.

It must not know of searches, but for the W&B run and the notes that a trial has too.
"""
