"""Lines of proxies' logs tied to the connections that they are about."""
