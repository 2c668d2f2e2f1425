"""pcapdiag: read a packet capture, say which connections failed, why, and who did it."""

__version__ = "0.1.0"
