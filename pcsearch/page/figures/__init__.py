"""The figures of a page; each module draws some of them, from columns of values.

They know nothing of the page that has them.
"""
