"""Failures that a SOCKS proxy tells."""
