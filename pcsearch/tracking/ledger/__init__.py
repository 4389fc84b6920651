"""The ledger of a search that is a W&B sweep: the runs of the sweep say who runs which trial.

A driver makes a run before it starts a trial. The run's id is made of the sweep's id and of the
trial's number, and of several drivers that make it at once, W&B's server lets one.

It must not know what a trial runs, and what its run shows.
"""
