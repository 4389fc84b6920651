"""What is put into a W&B run: rows, charts, files, alerts.

It knows nothing of the server and of running runs.
"""
