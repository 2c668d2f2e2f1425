"""Findings: what is to be said of a capture as a whole, beside its connections."""
