"""The report's first members: who is who, and the first numbers."""

import msgspec


class Topology(msgspec.Struct, kw_only=True):
    """Who is who; ``assumed`` when nothing in the capture said so."""

    clients: list[str] = []
    proxies: list[str] = []
    upstreams: list[str] = []
    assumed: bool = True


class Summary(msgspec.Struct, kw_only=True):
    """The first numbers that a reader wants.

    ``failed_requests`` counts every failed request that was read, and connections that failed with
    a request sent and its answer missing or incomplete: one request each. ``requests`` of a group
    counts those that failed as the group says.
    """

    connections: int = 0
    failed: int = 0
    by_verdict: dict[str, int] = {}
    by_party: dict[str, int] = {}
    failed_requests: int = 0
    resets: dict[str, int] = {}
    not_detailed: int = 0
