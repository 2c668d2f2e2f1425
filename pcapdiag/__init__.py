"""pcapdiag: read a packet capture, say which connections failed, why, and who did it."""
