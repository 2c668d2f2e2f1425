"""Failures by size: what is too big for the path never arrives."""
