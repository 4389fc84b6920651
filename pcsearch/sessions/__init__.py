"""The sessions of a search: each starts, resumes or joins it, and runs it to an end.

Who is told of it, a terminal or a program, must not matter here.
"""
