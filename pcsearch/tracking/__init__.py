"""Where the runs of a search can be followed: W&B, online or in local files."""
