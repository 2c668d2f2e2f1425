"""The report's word on how far a failure reaches."""

import msgspec


class Scope(msgspec.Struct, kw_only=True):
    """How the called address and port, and its other ports, did over the whole capture.

    ``failed`` and ``worked`` are None where filters chose the connections: the others were not
    judged. Times are starts of connections.
    """

    connections: int
    established: int = 0
    refused: int = 0
    unanswered: int = 0
    failed: int | None = None
    worked: int | None = None
    first_established: str | None = None
    last_established: str | None = None
    first_failed: str | None = None
    last_failed: str | None = None
    ports_working: list[int] = []
    """Other ports of the address on which connections came up and none failed."""
    ports_failing: list[int] = []
