"""The running search on Tune: its trials and their outcomes, restores, retries and interruption.

It must not know W&B.
"""
