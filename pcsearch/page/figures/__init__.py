"""The figures of a page: each module makes some of them, of the columns of values that they draw.

They know nothing of the page that has them.
"""
