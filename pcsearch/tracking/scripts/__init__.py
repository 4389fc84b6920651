"""W&B runs that programs keep by themselves: what their processes are told, and what they tell."""
