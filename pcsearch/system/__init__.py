"""What the program needs of the operating system: files, folders, signals, threads, exit statuses.

It must know nothing of sweeps, models and searches.
"""
