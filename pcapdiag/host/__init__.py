"""This host's own state: read from the kernel, and from the files that were made of it."""
