"""``python -m pcsearch``: reads the options, calls the rest of the program, prints what it says.

Only the library and the program's start may import it.
"""
