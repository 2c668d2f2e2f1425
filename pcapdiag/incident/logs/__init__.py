"""Proxies' logs beside the capture: read, tied to its connections, compared with the wire."""
