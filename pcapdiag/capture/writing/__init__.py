"""Writes pcapng: blocks, and captures copied with comments."""
