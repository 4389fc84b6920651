"""One W&B run for each trial of a search, kept by threads of the driver.

It knows the engine; the engine does not know it.
"""
