"""Reads a file's text into plain values, and knows the line and column of each of them.

It must not know which keys a sweep file has, nor what they mean.
"""
