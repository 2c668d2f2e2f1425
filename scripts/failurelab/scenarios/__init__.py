"""Scenarios, one module per group; every module here is imported by `registry.discover`."""
