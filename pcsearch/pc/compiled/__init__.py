"""The blocks' part of the gradient in C, compiled once on a node, in the user's cache."""
