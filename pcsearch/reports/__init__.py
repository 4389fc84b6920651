"""What a terminal shows of a search: the plan, the live screen, notes, tables of results.

It reads what the engine and W&B's side know, and must start or change nothing.
"""
